"""Profiles: the table's arithmetic, the trace, and that nothing is overwritten."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.errors import InputError
from stylegen.training.profiling import format_table, profile_steps


def test_the_table_is_sorted_and_in_the_right_units() -> None:
    rows = [("small", 1_000.0, 4), ("large", 3_000.0, 2), ("never", 0.0, 9)]
    text = format_table(rows, steps=2, wall_sec=0.005, on="CPU")
    head, _, titles, first, second = text.splitlines()
    assert head == "2 steps, 2.5 ms each while profiled; self time on the CPU: 2.0 ms a step"
    assert " ".join(titles.split()) == "operator ms a step share calls a step us a call"
    assert first.split() == ["large", "1.500", "75.0%", "1.0", "1500.0"]
    assert second.split() == ["small", "0.500", "25.0%", "2.0", "250.0"]


def test_long_names_and_many_rows() -> None:
    rows = [("x" * 200, 1000.0, 1), *((f"op{i}", 10.0, 1) for i in range(40))]
    lines = format_table(rows, steps=1, wall_sec=1.0, on="GPU").splitlines()
    assert len(lines) == 3 + 25 + 1
    assert max(len(line) for line in lines) <= 100
    # 41 rows, of which 16 are not shown: 160 of 1400 us
    assert lines[-1].split() == ["16", "others", "0.160", "11.4%"]


def test_steps_are_profiled_after_a_warm_up(tmp_path: Path) -> None:
    calls: list[int] = []

    def step() -> None:
        calls.append(len(calls))
        (torch.ones(64, 64) @ torch.ones(64, 64)).sum()

    text = profile_steps(step, 3, tmp_path)
    assert calls == [0, 1, 2, 3, 4]
    assert {p.name for p in tmp_path.iterdir()} == {"profile-trace.json.gz", "profile-table.txt"}
    assert (tmp_path / "profile-table.txt").read_text() == text
    (row,) = [line.split() for line in text.splitlines() if line.startswith("aten::mm ")]
    assert row[-2] == "1.0"  # a call a step
    shares = [float(v[:-1]) for line in text.splitlines() for v in line.split() if v[-1] == "%"]
    assert sum(shares) == pytest.approx(100, abs=2)
    with gzip.open(tmp_path / "profile-trace.json.gz") as file:
        trace: Any = json.load(file)
    names = [e.get("name") for e in trace["traceEvents"]]
    assert names.count("aten::mm") == 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="what Kineto says of a GPU is shown")
def test_the_profiler_itself_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    profile_steps(lambda: None, 1, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "profile-trace.json.gz").write_text("mine")
    (tmp_path / "profile-table-1.txt").write_text("mine too")
    profile_steps(lambda: None, 1, tmp_path)
    assert (tmp_path / "profile-trace.json.gz").read_text() == "mine"
    assert (tmp_path / "profile-table-1.txt").read_text() == "mine too"
    assert (tmp_path / "profile-trace-2.json.gz").stat().st_size > 0


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def step() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        profile_steps(step, 1, tmp_path)
    assert not list(tmp_path.iterdir())


def test_poor_requests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        profile_steps(lambda: None, 0, tmp_path)


@pytest.mark.gpu
def test_on_a_gpu_its_time_is_told(tmp_path: Path) -> None:
    a = torch.ones(512, 512, device="cuda")

    def step() -> None:
        torch.mm(a, a)

    assert "self time on the GPU" in profile_steps(step, 2, tmp_path)
