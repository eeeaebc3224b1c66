"""Turns, medians, ratios and budgets, with times that are known."""

from collections.abc import Callable

import pytest
import torch

from benchmarks import timing
from benchmarks.timing import Budget, Clock, Times, add, calls_for, compare, take_turns

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that stands still but for what the returned function adds to it."""
    now = [100.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def test_median_and_least() -> None:
    times = Times((3.0, 1.0, 2.0, 10.0))
    assert times.median == 2.5
    assert times.least == 1.0


def test_ratio_is_of_medians_and_its_spread_of_rounds() -> None:
    ratio = compare(Times((2.0, 4.0, 6.0)), Times((1.0, 4.0, 2.0)))
    assert ratio.value == 4.0 / 2.0
    assert (ratio.low, ratio.high) == (1.5, 2.5)  # the rounds' ratios: 2, 1, 3


@pytest.mark.parametrize(
    ("plain", "fast", "verdict"),
    [
        ((2.0, 2.0, 2.0), (1.0, 1.0, 1.0), ""),
        ((1.0, 1.0, 1.0), (2.0, 2.0, 2.0), "slower than plain"),
        ((1.0, 0.9, 1.3), (1.1, 1.1, 1.1), "level with plain, within the noise"),
    ],
)
def test_verdict(plain: tuple[float, ...], fast: tuple[float, ...], verdict: str) -> None:
    assert compare(Times(plain), Times(fast)).verdict == verdict


def test_add_weighs_each_round() -> None:
    parts = {"main": Times((1.0, 2.0)), "lazy": Times((4.0, 8.0)), "other": Times((9.0, 9.0))}
    assert add(parts, {"main": 1.0, "lazy": 0.25}).rounds == (2.0, 4.0)


def test_functions_take_turns(clock: Callable[[float], None]) -> None:
    order = []

    def function(name: str, seconds: float) -> Callable[[], object]:
        def call() -> None:
            order.append(name)
            clock(seconds)

        return call

    times = take_turns({"a": function("a", 0.5), "b": function("b", 0.25)}, Clock(CPU), 3)
    assert order[2:] == ["a", "b"] * 3  # after one call each to warm up
    assert times == {"a": Times((0.5,) * 3), "b": Times((0.25,) * 3)}


def test_before_is_told_of_each_turn() -> None:
    told: list[str] = []
    take_turns({"a": int, "b": int}, Clock(CPU), 2, before=told.append)
    assert told == ["a", "b"] * 3


def test_short_functions_are_repeated(clock: Callable[[float], None]) -> None:
    calls = [0]

    def short() -> None:
        calls[0] += 1
        clock(0.25)

    times = take_turns({0: short}, Clock(CPU), 2, least=1.0)
    assert calls[0] == 2 + 2 * 5
    assert times[0] == Times((0.25, 0.25))


def test_calls_for() -> None:
    assert [calls_for(0.3, 1.0), calls_for(5.0, 1.0), calls_for(0.3, 0.0)] == [4, 1, 1]
    assert calls_for(0.0, 1.0) == 1000


def test_time_over_ends_the_rounds_after_two(clock: Callable[[float], None]) -> None:
    times = take_turns({0: lambda: clock(1.0)}, Clock(CPU), 10, seconds=3.5)
    assert len(times[0].rounds) == 3
    times = take_turns({0: lambda: clock(1.0)}, Clock(CPU), 10, seconds=0.0)
    assert len(times[0].rounds) == 2


def test_budget_shares_what_is_left(clock: Callable[[float], None]) -> None:
    budget = Budget(1.0, 3)
    assert budget.share() == 20.0
    clock(30.0)
    assert budget.share() == 15.0
    clock(40.0)
    assert budget.over
    assert budget.share() == 0.0
    unlimited = Budget(None, 2)
    assert unlimited.share() is None
    assert not unlimited.over
