"""Which rows of the sweep come first, and what a row that cannot run says."""

import pytest
import torch

from benchmarks import sweep
from benchmarks.learning import spread_out
from benchmarks.peaks import Peaks
from benchmarks.variants import TINY, fast
from stylegen.errors import InputError

PEAKS = Peaks(forward={"fp32": 1e9}, both={"fp32": 1e9}, copy=1e9)


def test_kernels_in_low_precision_come_first() -> None:
    rows = [case.to_row() for case in sweep.cases(["fp32", "bf16"])]
    assert [row["precision"] for row in rows[:6]] == ["bf16"] * 6
    sizes = [(row["resolution"], row["batch"]) for row in rows[:6]]
    assert sorted(sizes) == [(256, 16), (256, 32), (256, 64), (1024, 4), (1024, 8), (1024, 16)]
    counts = [row["operators"] for row in rows]
    assert {name: counts.count(name) for name in counts} == {
        "auto": 12, "reference": 4, "plain path": 2,
    }  # fmt: skip
    assert counts == sorted(counts, key=["auto", "reference", "plain path"].index)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "out of memory"),
        (InputError("fp32 is too good for you"), "fp32 is too good for you"),
    ],
)
def test_what_cannot_run_says_why(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(sweep, "build", fail)
    case = sweep.Case(workload=TINY, variant=fast("fp32"))
    row = sweep.measure(case, torch.device("cpu"), 1, None, 1e6, PEAKS)
    assert row == {**case.to_row(), "error": said}


def test_spread_out_begins_with_the_ends() -> None:
    assert spread_out([1, 2, 3, 4, 5, 6, 7], 3) == [7, 1, 4]
    assert spread_out([1, 2], 8) == [2, 1]
    assert spread_out([1, 2, 3], 8) == [3, 1, 2]
    assert spread_out([1], 8) == [1]
