"""Axes of a chart: round ticks, what they are called, and where a number lies in pixels.

All lengths are SVG's user units, which a page scales; text is laid out for its largest size.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 440.0, 290.0
_LETTER = 8.4  # width of a letter at the largest size
_ROUND = (1, 2, 2.5, 5, 10)
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
Ticks = Sequence[tuple[float, str]]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis.

    Attributes:
        label: what it shows, with the unit.
        low: where it begins.
        high: where it ends; above low.
        log: a logarithmic one; low is then above zero.
        ticks: (value, text); None: round numbers.
    """

    label: str
    low: float
    high: float
    log: bool = False
    ticks: Ticks | None = None


def text_width(text: str) -> float:
    """Return about how wide a text is."""
    return _LETTER * len(text)


def number(value: float) -> str:
    """Write a number in few letters, with three or four digits that mean something."""
    size = abs(value)
    if size != 0 and (size < 1e-3 or size >= 1e6):
        digits, power = f"{value:.2e}".split("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    if size >= 1000 or size == 0:
        return f"{value:,.0f}"
    text = f"{value:.{min(max(0, 2 - math.floor(math.log10(size))), 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _linear(low: float, high: float, count: int) -> list[float]:
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in _ROUND if m * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _logarithmic(low: float, high: float, count: int) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1,)):
        every = [m * 10.0**e for e in exponents for m in factors]
        inside = [v for v in every if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
        if len(inside) <= count:
            break
    if len(inside) < 2:
        return [v for v in _linear(low, high, count) if v > 0]
    return inside[:: math.ceil(len(inside) / count)]


def _label(value: float, step: float) -> str:
    """Write a tick with as many decimals as its distance to the next one needs."""
    if value != 0 and (abs(value) >= 1e6 or abs(value) < 1e-4):
        return number(value)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    decimals += not math.isclose(round(step, decimals), step)
    return f"{value:,.{decimals}f}"


def _power(value: float) -> str:
    return "10" + str(round(math.log10(value))).translate(_RAISED)


def ticks_of(axis: Axis, count: int) -> Ticks:
    """Return an axis's ticks, at most about so many, and their texts."""
    if axis.ticks is not None:
        return axis.ticks
    if axis.log:
        values = _logarithmic(axis.low, axis.high, count)
        powers = all(f"{v:e}".startswith("1.000000e") for v in values)
        return [(v, _power(v) if powers else number(v)) for v in values]
    values = _linear(axis.low, axis.high, count)
    step = values[1] - values[0] if len(values) > 1 else axis.high - axis.low
    return [(v, _label(v, step)) for v in values]


def axis_for(label: str, values: Iterable[float], *, zero: bool = False, log: bool = False) -> Axis:
    """Return an axis with room for all of the values.

    Args:
        label: what it shows, with the unit.
        values: finite ones; for a logarithmic axis above zero.
        zero: it begins at zero, unless some are below.
        log: a logarithmic one.
    """
    every = list(values) or [0.0, 1.0]
    low, high = min(every), max(every)
    if log:
        room = max((high / low) ** 0.05, 1.02)
        return Axis(label=label, low=low / room, high=high * room, log=True)
    zero = zero or 0 <= low <= 0.35 * high
    base = min(low, 0.0) if zero else low
    room = 0.07 * (high - base) or 0.05 * abs(high) or 1.0
    return Axis(label=label, low=base if zero and low >= 0 else base - room, high=high + room)


class Frame:
    """Where numbers lie in a chart.

    Args:
        x: the horizontal axis.
        y: the vertical one.
        top: room above for names.
        height: of the whole.
    """

    def __init__(self, x: Axis, y: Axis, top: float, height: float = HEIGHT) -> None:
        self.x_axis, self.y_axis, self.height = x, y, height
        self.x_ticks, self.y_ticks = ticks_of(x, 5), ticks_of(y, 5)
        self.left = 14 + max((text_width(text) for _, text in self.y_ticks), default=0)
        self.right, self.top, self.bottom = WIDTH - 16, top, height - 46

    def x(self, value: float) -> float:
        """Return the place of a number on the horizontal axis."""
        return self.left + _share(value, self.x_axis) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the place of a number on the vertical axis."""
        return self.bottom - _share(value, self.y_axis) * (self.bottom - self.top)


def _share(value: float, axis: Axis) -> float:
    if axis.log:
        value, low, high = (math.log(v) for v in (value, axis.low, axis.high))
    else:
        low, high = axis.low, axis.high
    return (value - low) / (high - low)
