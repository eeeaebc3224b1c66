"""What a monitor of a run remembers: how long a condition has held, and what was usual.

Free of torch. All state goes into plain JSON values and back, so that a resumed run goes on
exactly.
"""

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from stylegen.errors import InputError

_LOWER = ("fid", "kid", "fd", "ppl", "swd")
_HIGHER = ("is", "inception_score", "precision", "recall", "density", "coverage")
_METRIC = re.compile(
    rf"(?:metrics?[/_])?({'|'.join(_LOWER + _HIGHER)})(?:\d\w*|(?<!is)_\w+)?"
)  # with fid50k_full and fd_squeezenet, but without is_anything


def is_metric(name: str) -> bool:
    """Tell whether a statistic is a measure of quality, such as fid, kid or fid50k_full."""
    return _METRIC.fullmatch(name) is not None


def lower_is_better(name: str) -> bool:
    """Tell which way a metric improves.

    Raises:
        InputError: it is no metric known here.
    """
    match = _METRIC.fullmatch(name)
    if match is None:
        raise InputError(f"{name!r} is no metric; wanted one of {', '.join(_LOWER + _HIGHER)}")
    return match[1] in _LOWER


def number(values: dict[str, Any], name: str) -> float | None:
    """Return a statistic if it is there and finite."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


@dataclass
class Watch:
    """How long a condition has held, and when it was last spoken of.

    Attributes:
        since: kimg at which it began to hold; None: it does not.
        ticks: how many ticks it has held for.
        told: kimg of the last advice; None: there was none.
    """

    since: float | None = None
    ticks: int = 0
    told: float | None = None

    def see(self, kimg: float, bad: bool, fine: bool) -> None:
        """Note one tick: between bad and fine (hysteresis), what has begun goes on.

        Args:
            kimg: of the tick.
            bad: past the threshold at which the condition begins.
            fine: past the milder one at which it ends.
        """
        if self.since is not None and kimg < self.since:  # rolled back to before it began
            self.since, self.ticks = None, 0
        if self.told is not None and kimg < self.told:
            self.told = kimg
        if fine:
            self.since, self.ticks = None, 0
        elif bad or self.since is not None:
            self.since = kimg if self.since is None else self.since
            self.ticks += 1

    def standing(self, kimg: float, hold_kimg: float, hold_ticks: int) -> bool:
        """Tell whether the condition has held for long enough to be believed."""
        return (
            self.since is not None
            and kimg - self.since >= hold_kimg - 1e-9
            and self.ticks >= hold_ticks
        )

    def due(self, kimg: float, repeat_kimg: float) -> bool:
        """Tell whether it is time to speak of it (again), and note that it was spoken of."""
        if self.told is not None and kimg - self.told < repeat_kimg:
            return False
        self.told = kimg
        return True


@dataclass
class Usual:
    """The usual size of a positive number: a slowly moving mean of its logarithm.

    Attributes:
        log10: the mean; None before the first value.
        kimg: of the last value.
    """

    log10: float | None = None
    kimg: float = 0.0

    def ratio(self, value: float) -> float | None:
        """Return value / usual, or None before the first value."""
        if self.log10 is None:
            return None
        return float(10.0 ** (math.log10(max(value, 1e-300)) - self.log10))

    def follow(self, value: float, kimg: float, distance_kimg: float) -> None:
        """Move towards a value, by 63 % of the way in ``distance_kimg``."""
        log = math.log10(max(value, 1e-300))
        if self.log10 is None:
            self.log10 = log
        else:
            share = -math.expm1(-max(kimg - self.kimg, 0.0) / distance_kimg)
            self.log10 += share * (log - self.log10)
        self.kimg = kimg


@dataclass
class Best:
    """The best value of a metric so far.

    Attributes:
        value: the value; None before the first.
        kimg: when it was reached.
        count: values seen since.
    """

    value: float | None = None
    kimg: float = 0.0
    count: int = 0

    def see(self, value: float, kimg: float, lower: bool, gain: float) -> None:
        """Note a value; better by less than the share ``gain`` does not count as better."""
        least = None if self.value is None else gain * abs(self.value)
        improved = (
            self.value is None
            or least is None
            or (self.value - value if lower else value - self.value) > least
        )
        if improved or kimg < self.kimg:
            self.value, self.kimg, self.count = value, kimg, 0
        else:
            self.count += 1


def to_state(values: dict[str, Any]) -> dict[str, Any]:
    """Return dataclasses by name as plain values."""
    return {name: asdict(value) for name, value in values.items()}


def from_state(kind: type[Any], values: Any, what: str) -> dict[str, Any]:
    """Undo :func:`to_state`.

    Raises:
        InputError: the values are of another form.
    """
    try:
        return {str(name): kind(**value) for name, value in values.items()}
    except (AttributeError, TypeError) as error:
        raise InputError(f"{what}: not the state of a run's health ({error})") from error
