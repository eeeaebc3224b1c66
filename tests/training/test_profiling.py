"""Profiles: the table's arithmetic, the trace, and that nothing is overwritten."""

import contextlib
import errno
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.checkpoints import read_header, read_tensors
from stylegen.errors import InputError
from stylegen.training import Status, profiling, train
from stylegen.training.folder import RunFolder
from stylegen.training.profiling import StepProfiler, format_table


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


def profile_steps(step: Callable[[], object], steps: int, folder: Path, more: int = 0) -> str:
    """Profile steps, and take some more after them."""
    profiler = StepProfiler(steps, folder)
    for _ in range(profiling.WARM_UP + steps + more):
        profiler.step(step)
        profiler.write()
    return profiler.table


def test_steps_are_profiled_after_a_warm_up(tmp_path: Path) -> None:
    calls: list[int] = []

    def step() -> None:
        calls.append(len(calls))
        (torch.ones(64, 64) @ torch.ones(64, 64)).sum()

    text = profile_steps(step, 3, tmp_path, more=2)
    assert calls == [0, 1, 2, 3, 4, 5, 6]
    assert text.startswith("3 steps, ")
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
def test_the_profiler_itself_says_nothing(tmp_path: Path) -> None:
    """In a process of its own: whoever starts the profiler first decides what it says."""
    code = (
        "import sys; from pathlib import Path; from stylegen.training import profiling\n"
        "profiler = profiling.StepProfiler(1, Path(sys.argv[1]))\n"
        "for _ in range(profiling.WARM_UP + 1):\n"
        "    profiler.step(lambda: None)\n"
        "    profiler.write()\n"
        "assert profiler.table\n"
    )
    run = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "profile-trace.json.gz").write_text("mine")
    (tmp_path / "profile-table-1.txt").write_text("mine too")
    profile_steps(lambda: None, 1, tmp_path)
    assert (tmp_path / "profile-trace.json.gz").read_text() == "mine"
    assert (tmp_path / "profile-table-1.txt").read_text() == "mine too"
    assert (tmp_path / "profile-trace-2.json.gz").stat().st_size > 0


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    profiler = StepProfiler(2, tmp_path)
    for step in (*(lambda: None,) * profiling.WARM_UP, fail):
        with contextlib.suppress(RuntimeError):
            profiler.step(step)
    profiler.stop()
    profiler.write()
    assert not list(tmp_path.iterdir())
    assert profile_steps(lambda: None, 1, tmp_path)  # it was ended


def test_a_profile_that_is_stopped_early(tmp_path: Path) -> None:
    profiler = StepProfiler(9, tmp_path)
    profiler.stop()  # it has not begun
    for i in range(20):
        assert profiler.step(lambda i=i: i) == i  # type: ignore[misc]
        if i == profiling.WARM_UP + 3:
            profiler.stop()
        profiler.write()
        assert bool(profiler.table) == (i >= profiling.WARM_UP + 3)
    assert profiler.table.startswith("4 steps, ")


def ticks(folder: Path) -> list[int]:
    lines = (folder / "stats.jsonl").read_text().splitlines()
    return [json.loads(line)["images_shown"] for line in lines]


def test_a_profiled_run_is_the_run_it_would_be(make_config: Any, tmp_path: Path) -> None:
    plain = train(make_config(), tmp_path / "plain")
    profiled = train(make_config(), tmp_path / "profiled", profile=6)
    assert ticks(profiled.folder) == ticks(plain.folder) == [40, 80, 120, 160]
    expected, actual = (RunFolder(f).state for f in (plain.folder, profiled.folder))
    weights, same = read_tensors(expected), read_tensors(actual)
    assert [k for k in weights if not torch.equal(weights[k], same[k])] == []
    # The tick at 40 images, five steps, would be in it: it ends before.
    assert profiled.profile.startswith("3 steps, ")
    assert (profiled.folder / "profile-table.txt").read_text() == profiled.profile


def test_a_signal_ends_a_profiled_run_after_its_step(make_config: Any, tmp_path: Path) -> None:
    def interrupt(status: Status) -> None:
        if status.images_shown == 32:
            signal.raise_signal(signal.SIGTERM)

    config = make_config(kimg=4.0, tick_kimg=9.0, snapshot_kimg=9.0)
    outcome = train(config, tmp_path, interrupt, profile=400)
    assert outcome.reason == "interrupted"
    assert outcome.kimg == 0.032
    assert read_header(RunFolder(outcome.folder).state)["images_shown"] == 1000 * outcome.kimg
    assert outcome.profile.startswith("2 steps, ")
    assert (outcome.folder / "profile-trace.json.gz").exists()


def test_a_full_disk_takes_only_the_profile(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(profiling, "_write_trace", refuse)
    outcome = train(make_config(kimg=0.04), tmp_path, profile=2)
    assert (outcome.reason, outcome.kimg) == ("finished", 0.04)
    assert outcome.profile.startswith("2 steps, ")
    (warning,) = caplog.messages
    assert warning.startswith("not all of the profile is written: [Errno 28]")


def test_poor_requests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        StepProfiler(0, tmp_path)


@pytest.mark.gpu
def test_on_a_gpu_its_time_is_told(tmp_path: Path) -> None:
    a = torch.ones(512, 512, device="cuda")

    def step() -> None:
        torch.mm(a, a)

    assert "self time on the GPU" in profile_steps(step, 2, tmp_path)
