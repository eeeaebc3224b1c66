"""Typed values as plain ones for JSON: no pictures, and no number that JSON does not know."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

Undefined = list[tuple[str, str]]


def _reason(value: float) -> str:
    return "not a number" if math.isnan(value) else "infinite"


def _members(value: Any) -> dict[str, Any] | None:
    """Return what a value with named parts consists of, without pictures; None: it has none."""
    if isinstance(value, Mapping):
        members = {str(key): member for key, member in value.items()}
    elif is_dataclass(value):
        members = {f.name: getattr(value, f.name) for f in fields(value)}
    elif hasattr(value, "_asdict"):
        members = value._asdict()
    else:
        return None
    return {name: member for name, member in members.items() if not isinstance(member, Tensor)}


def _plain(value: Any, where: str, undefined: Undefined) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        undefined.append((where, _reason(value)))
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if (members := _members(value)) is not None:
        start = f"{where}." if where else ""
        return {name: _plain(v, start + name, undefined) for name, v in members.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, f"{where}.{i}", undefined) for i, v in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}; a report holds plain values")


def plain_of(value: Any) -> tuple[Any, Undefined]:
    """Return a value in plain ones, and where numbers in it are not finite.

    Args:
        value: of numbers, words, None, mappings, sequences, dataclasses and named tuples. Tensors
            among named parts are left out.

    Returns:
        The plain value, with None for every number that is not finite; and for each of these
        where it stands ("sections.psi_sweep.points.3.psi") and what it is.

    Raises:
        TypeError: something else is among the values.
    """
    undefined: Undefined = []
    return _plain(value, "", undefined), undefined
