"""Typed configurations as JSON: frozen dataclasses to plain values and back, strictly.

Nothing here knows what is configured. A configuration is a frozen, keyword-only dataclass whose
fields are str, int, float, bool, None, tuples of these, unions, or other such dataclasses.
"""

import contextlib
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


def _kind(annotation: Any) -> str:
    """Say in words what an annotation allows."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return "null"
    if origin is tuple:
        count = "" if inner[1:] == (...,) else f"{len(inner)} "
        return f"list of {count}{_kind(inner[0])}"
    return str(getattr(origin or annotation, "__name__", annotation))


def _read_union(annotation: Any, value: Any, where: str) -> Any:
    """Read the one alternative that fits; with a single one beside None, its own error is told."""
    options = typing.get_args(annotation)
    if value is None and type(None) in options:
        return None
    present = [option for option in options if option is not type(None)]
    if len(present) == 1:
        return _read(present[0], value, where)
    for option in present:
        with contextlib.suppress(InputError):
            return _read(option, value, where)
    raise InputError(f"{where} is {value!r}; wanted one of: {', '.join(map(_kind, options))}")


def _read_tuple(annotation: Any, value: list[Any] | tuple[Any, ...], where: str) -> Any:
    inner = typing.get_args(annotation)
    if inner[1:] == (...,):
        inner = (inner[0],) * len(value)
    if len(value) != len(inner):
        raise InputError(f"{where} is {value!r}; wanted a {_kind(annotation)}")
    pairs = zip(inner, value, strict=True)
    return tuple(_read(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(pairs))


def _read(annotation: Any, value: Any, where: str) -> Any:
    if _is_union(annotation):
        return _read_union(annotation, value, where)
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
        return _read_tuple(annotation, value, where)
    if origin is float and type(value) is int:
        return float(value)
    if not isinstance(origin, type) or type(value) is not origin:
        raise InputError(f"{where} is {value!r}; wanted a {_kind(annotation)}")
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


def check_range(config: object, low: float, high: float, *names: str) -> None:
    """Make sure that numbers of a configuration lie within bounds, both included.

    Raises:
        InputError: one does not; its name, value and bounds are said.
    """
    for name in names:
        value = getattr(config, name)
        if not low <= value <= high:
            raise InputError(f"{name} is {value!r}; wanted a number from {low:g} to {high:g}")
