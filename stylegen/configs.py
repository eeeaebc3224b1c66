"""Typed configurations as JSON: frozen dataclasses to plain values and back, strictly.

Nothing here knows what is configured. A configuration is a frozen, keyword-only dataclass whose
fields are str, int, float, bool, None, tuples of these, or other such dataclasses.
"""

import dataclasses
import types
import typing
from typing import Any, TypeVar

from stylegen.errors import InputError

T = TypeVar("T")


def to_dict(config: Any) -> dict[str, Any]:
    """Return a configuration as nested plain values, ready for JSON."""
    return dataclasses.asdict(config)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _read(annotation: Any, value: Any, where: str) -> Any:
    if _is_union(annotation):
        options = [a for a in typing.get_args(annotation) if a is not type(None)]
        if value is None and len(options) < len(typing.get_args(annotation)):
            return None
        annotation = options[0]
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return from_dict(annotation, value, where)
    origin = typing.get_origin(annotation) or annotation
    if origin is typing.Literal:
        if value not in typing.get_args(annotation):
            raise InputError(f"{where} is {value!r}; wanted one of {typing.get_args(annotation)}")
        return value
    if origin is dict and isinstance(value, dict):
        return value
    if origin is tuple and isinstance(value, list | tuple):
        element = typing.get_args(annotation)[0]
        return tuple(_read(element, v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is float and type(value) is int:
        return float(value)
    if not isinstance(origin, type) or type(value) is not origin:
        raise InputError(f"{where} is {value!r}; wanted a {getattr(origin, '__name__', origin)}")
    return value


def from_dict(cls: type[T], values: Any, where: str = "config") -> T:
    """Build a configuration from plain values.

    Args:
        cls: the dataclass to build.
        values: what :func:`to_dict` returned, possibly read back from JSON.
        where: how to call the value in error messages.

    Raises:
        InputError: a name is unknown, a value is missing or has another type.
    """
    if not isinstance(values, dict):
        raise InputError(f"{where} should be an object of named values, not {values!r}")
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(fields)):
        raise InputError(f"{where} has unknown entries: {', '.join(unknown)}")
    required = [
        name
        for name, f in fields.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing := [name for name in required if name not in values]:
        raise InputError(f"{where} lacks: {', '.join(missing)}")
    return cls(**{k: _read(hints[k], v, f"{where}.{k}") for k, v in values.items()})
