"""How numbers are written for people: with as many digits as mean something. Free of torch."""

import math

_MOST_DECIMALS = 6


def figure_of(value: float) -> str:
    """Write a number whose error is not known with four to five digits that mean something."""
    if value != 0 and (abs(value) < 0.001 or abs(value) >= 1e7):
        return f"{value:.3e}"
    decimals = 4 if abs(value) < 1 else 3 if abs(value) < 10 else 2
    return f"{value:,.{decimals}f}"


def estimate(value: float | None, error: float | None = None) -> tuple[str, str]:
    """Write a value and its error with as many decimals as leave the error two digits.

    Returns:
        Both; the second is empty where the error is not known, and the first "-" without a value.
    """
    if value is None or not math.isfinite(value):
        return "-", ""
    if error is None or not math.isfinite(error) or error <= 0:
        return figure_of(value), ""
    decimals = max(0, 1 - math.floor(math.log10(error)))
    if decimals > _MOST_DECIMALS:
        small = abs(value) < 10.0**-_MOST_DECIMALS
        return f"{value:.4e}" if small else figure_of(value), f"{error:.1e}"
    return f"{value:,.{decimals}f}", f"{error:,.{decimals}f}"


def in_words(value: float | None, error: float | None = None) -> str:
    """Write "12.34 ± 0.15", or the value alone."""
    first, second = estimate(value, error)
    return f"{first} ± {second}" if second else first


def percent(share: float | None) -> str:
    """Write a share of 0 to 1 as a percentage; small ones with their digits."""
    if share is None or not math.isfinite(share):
        return "-"
    return f"{100 * share:.{1 if share == 0 or share >= 0.01 else 2}f} %"
