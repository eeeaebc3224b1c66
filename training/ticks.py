"""Round numbers for the axes of a chart, and how they are written. Free of torch."""

import math


def nice_step(span: float, count: int) -> float:
    """Return 1, 2 or 5 times a power of ten that divides a span into at most ``count`` parts."""
    rough = span / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Return round numbers from ``low`` to ``high``."""
    step = nice_step(high - low, count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return powers of ten within a range, or 1, 2, 5 times them where those are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1.0, 2.0, 5.0), (1.0,)):
        ticks = [m * 10.0**e for e in range(first, last + 1) for m in factors]
        ticks = [t for t in ticks if low * (1 - 1e-9) <= t <= high * (1 + 1e-9)]
        if len(ticks) <= count:
            break
    if len(ticks) < 2:
        return linear_ticks(low, high, count)
    return ticks[:: math.ceil(len(ticks) / count)]


def tick_label(value: float, step: float) -> str:
    """Write a tick with as many digits as its distance to the next one needs."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e6 or size < 1e-4:
        text = f"{value:.3e}"
        digits, power = text.split("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:,.{decimals}f}"


def short(value: float) -> str:
    """Write a number of the legend with four digits that mean something."""
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-4:
        return f"{value:.3e}"
    if size >= 1000 or size == 0:
        return f"{value:,.0f}"
    return f"{value:.{min(3 - math.floor(math.log10(size)), 6)}f}"
