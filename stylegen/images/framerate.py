"""Frame rates as exact fractions, and delays in a file format's ticks that keep them.

Frame i is shown from i / rate to (i + 1) / rate seconds. Formats that count time in hundredths
(GIF) or thousandths (WebP) of a second get those instants rounded, never the delays, so errors do
not add up.
"""

import math
from fractions import Fraction

from stylegen.errors import InputError

Rate = str | int | float | Fraction
_LARGEST_TERM = 1_000_000  # of a rate's fraction; MP4 counts its time in 32 bits
_SLOWEST = Fraction(1, 100)  # frames a second; GIF's delays have 16 bits


def frame_rate(fps: Rate) -> Fraction:
    """Read a frame rate exactly: 30, 29.97, "30000/1001".

    Raises:
        InputError: it is no number from 1/100 on, or a fraction of terms above a million.
    """
    try:
        rate = Fraction(str(fps).strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate < _SLOWEST or max(rate.numerator, rate.denominator) > _LARGEST_TERM:
        raise InputError(f"fps is {fps}; wanted frames a second, such as 30, 23.976 or 30000/1001")
    return rate


def instant(index: int, rate: Fraction, ticks: int) -> int:
    """Return the tick nearest to when a frame begins.

    Args:
        index: of the frame, from 0.
        rate: frames a second.
        ticks: in a second.
    """
    return math.floor(index * ticks / rate + Fraction(1, 2))


def delay(index: int, rate: Fraction, ticks: int) -> int:
    """Return how many ticks a frame is shown: those of all frames add up without error."""
    return instant(index + 1, rate, ticks) - instant(index, rate, ticks)


def rounding_note(count: int, rate: Fraction, ticks: int) -> list[str]:
    """Say by how much the time of all frames had to be rounded; nothing where it is exact."""
    exact = count / rate
    if (exact * ticks).denominator == 1:
        return []
    rounded = instant(count, rate, ticks) / ticks
    return [f"times are counted in 1/{ticks} s: {rounded:g} s in all instead of {float(exact):.6g}"]
