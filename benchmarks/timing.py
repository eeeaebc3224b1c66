"""Wall-clock times of functions that take turns.

    ratio = median(plain) / median(fast),  spread = quartiles of plain[i] / fast[i] over rounds i

A machine that others use too drifts by tens of per cent within a minute. Functions that are
compared therefore run one after the other in every round, and rounds are compared with rounds.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

Key = TypeVar("Key")
Function = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """Seconds that a function took, one value a round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, in seconds: what is reported."""
        return statistics.median(self.rounds)

    @property
    def least(self) -> float:
        """The shortest, in seconds: what the machine can do undisturbed."""
        return min(self.rounds)


@dataclass(frozen=True)
class Ratio:
    """How many times as fast as the plain path: the value, and quartiles over rounds."""

    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Say it where something is not faster; quartiles tell noise from slowness."""
        if self.value >= 1:
            return ""
        return "slower than plain" if self.high < 1 else "level with plain, within the noise"


def quartiles(values: tuple[float, ...]) -> tuple[float, float]:
    """Return the first and third quartile; one value is both."""
    if len(values) < 2:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def compare(plain: Times, fast: Times) -> Ratio:
    """Return how many times as fast ``fast`` is; both from the same rounds."""
    each = tuple(p / f for p, f in zip(plain.rounds, fast.rounds, strict=True))
    return Ratio(plain.median / fast.median, *quartiles(each))


def add(parts: Mapping[Key, Times], weights: Mapping[Key, float]) -> Times:
    """Return the weighted sum of several functions' times, round by round."""
    rounds = zip(*(parts[key].rounds for key in weights), strict=True)
    return Times(
        tuple(sum(w * t for w, t in zip(weights.values(), each, strict=True)) for each in rounds)
    )


class Budget:
    """Time for several measurements, shared out evenly among those that are still to come.

    Args:
        minutes: for all of them; None: no limit.
        parts: how many measurements there are.
    """

    def __init__(self, minutes: float | None, parts: int) -> None:
        self.parts = parts
        self._end = None if minutes is None else time.perf_counter() + minutes * 60

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self._end is not None and time.perf_counter() >= self._end

    def share(self) -> float | None:
        """Return the seconds for the next measurement, and count it as begun."""
        parts, self.parts = max(self.parts, 1), self.parts - 1
        return None if self._end is None else max(self._end - time.perf_counter(), 0) / parts


class Clock:
    """Seconds of a device's work: CUDA events on a GPU, else the wall clock.

    Args:
        device: where the work is done.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def _wall(self, function: Function, calls: int) -> float:
        begin = time.perf_counter()
        for _ in range(calls):
            function()
        return time.perf_counter() - begin

    def _events(self, function: Function, calls: int) -> float:
        event: Any = torch.cuda.Event
        begin, end = event(enable_timing=True), event(enable_timing=True)
        torch.cuda.synchronize(self.device)
        begin.record()
        for _ in range(calls):
            function()
        end.record()
        torch.cuda.synchronize(self.device)
        return float(begin.elapsed_time(end)) / 1000

    def __call__(self, function: Function, calls: int = 1) -> float:
        """Return the seconds of one call, as the mean over ``calls`` in a row."""
        run = self._events if self.device.type == "cuda" else self._wall
        return run(function, calls) / calls


def calls_for(seconds: float, least: float) -> int:
    """Return how many calls of ``seconds`` each fill ``least`` seconds; at most 1000."""
    return min(max(int(least / max(seconds, 1e-9)) + 1, 1), 1000) if least else 1


def _nothing(_: object) -> None:
    pass


def take_turns(
    functions: Mapping[Key, Function],
    clock: Clock,
    rounds: int,
    seconds: float | None = None,
    least: float = 0.0,
    before: Callable[[Key], None] = _nothing,
) -> dict[Key, Times]:
    """Time functions in turns: a, b, c, a, b, c, ...

    Args:
        functions: what to time, in this order within a round, after a call to warm up.
        clock: of their device.
        rounds: how often each is timed.
        seconds: begin no further round after this time; two are always made. None: no limit.
        least: repeat a short function within a round until it fills this time, in seconds.
        before: called with a function's key before it is timed.

    Returns:
        The times of each, all of the same rounds.
    """
    begin = time.perf_counter()
    calls = {}
    for key, function in functions.items():
        before(key)
        clock(function)  # may build, allocate, choose algorithms
        calls[key] = calls_for(clock(function), least) if least else 1
    times: dict[Key, list[float]] = {key: [] for key in functions}
    for i in range(rounds):
        if seconds is not None and i >= 2 and time.perf_counter() - begin >= seconds:
            break
        for key, function in functions.items():
            before(key)
            times[key].append(clock(function, calls[key]))
    return {key: Times(tuple(values)) for key, values in times.items()}
