"""Which operators the steps of a run spend their time in.

A trace for chrome://tracing or ui.perfetto.dev, and a table of the slowest operators. "Self" time
is an operator's own, without that of the operators it calls: shares add up to 1.
"""

import gzip
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.profiler import ProfilerActivity, profile

from stylegen.errors import InputError
from stylegen.files import atomic_path

WARM_UP = 2  # steps: they compile, choose algorithms and fill caches
_TRACE, _TABLE = "profile-trace{}.json.gz", "profile-table{}.txt"
_ROWS = 25
_NAME = 46  # characters
_SILENT = "99"  # above every severity that the profiler's Kineto knows

_log = logging.getLogger(__name__)
T = TypeVar("T")


def _free_names(folder: Path) -> tuple[Path, Path]:
    number = 0
    while True:
        suffix = f"-{number}" if number else ""
        trace, table = folder / _TRACE.format(suffix), folder / _TABLE.format(suffix)
        if not trace.exists() and not table.exists():
            return trace, table
        number += 1


def _wait(cuda: bool) -> None:
    if cuda:
        torch.cuda.synchronize()


def _write_trace(profiler: Any, path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".profile-", dir=path.parent) as scratch:
        plain = Path(scratch) / "trace.json"
        profiler.export_chrome_trace(str(plain))
        with (
            atomic_path(path) as packed,
            plain.open("rb") as source,
            gzip.open(packed, "wb", compresslevel=5) as target,
        ):
            shutil.copyfileobj(source, target)


def _short(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 3] + "..."


def format_table(rows: list[tuple[str, float, int]], steps: int, wall_sec: float, on: str) -> str:
    """Return the slowest operators as a table.

    Args:
        rows: (operator, self time in microseconds, calls), over all steps.
        steps: how many there were.
        wall_sec: what they took.
        on: where the time was taken, such as "CPU".
    """
    rows = sorted((r for r in rows if r[1] > 0), key=lambda row: -row[1])
    whole = sum(row[1] for row in rows) or 1.0
    lines = [
        f"{steps} steps, {1000 * wall_sec / steps:.1f} ms each while profiled; "
        f"self time on the {on}: {whole / 1000 / steps:.1f} ms a step",
        "",
        f"{'operator':<{_NAME}}  {'ms a step':>10}  {'share':>6}  {'calls a step':>12}  "
        f"{'us a call':>10}",
    ]
    for name, micros, calls in rows[:_ROWS]:
        lines.append(
            f"{_short(name):<{_NAME}}  {micros / 1000 / steps:>10.3f}  {micros / whole:>6.1%}  "
            f"{calls / steps:>12.1f}  {micros / calls:>10.1f}"
        )
    if rest := rows[_ROWS:]:
        micros = sum(row[1] for row in rest)
        others = f"{len(rest)} others"
        lines.append(f"{others:<{_NAME}}  {micros / 1000 / steps:>10.3f}  {micros / whole:>6.1%}")
    return "\n".join(lines) + "\n"


def _table_of(profiler: Any, steps: int, wall_sec: float) -> str:
    events = profiler.key_averages()
    gpu_us = sum(e.self_device_time_total for e in events)
    rows = [
        (e.key, float(e.self_device_time_total if gpu_us else e.self_cpu_time_total), e.count)
        for e in events
    ]
    return format_table(rows, steps, wall_sec, "GPU" if gpu_us else "CPU")


class StepProfiler:
    """Profiles steps of a run, and writes a trace and a table of the slowest operators.

    The first two steps warm up; the steps after them are profiled, which are real ones: what they
    train stays trained. On a GPU, its time is what is told.

    Args:
        steps: how many to profile.
        folder: gets profile-trace.json.gz and profile-table.txt, or the next free names such as
            profile-trace-1.json.gz.

    Attributes:
        table: of the slowest operators; empty: none was profiled yet.

    Raises:
        InputError: steps is not at least 1.
    """

    def __init__(self, steps: int, folder: str | Path) -> None:
        if steps < 1:
            raise InputError(f"{steps} steps to profile; wanted at least 1")
        self._folder, self._steps = Path(folder), steps
        self._taken = self._profiled = 0
        self._is_written = False
        self._profiler: Any = None
        self._is_running = False
        self._cuda = torch.cuda.is_available()
        self.table = ""
        if not self._cuda:  # else it tells on stderr that there is no GPU; read at the first use
            os.environ.setdefault("KINETO_LOG_LEVEL", _SILENT)

    def _start(self) -> None:
        _wait(self._cuda)
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self._cuda else [])]
        self._profiler = profile(activities=activities, acc_events=True)
        self._begin = time.perf_counter()
        self._profiler.__enter__()
        self._is_running = True

    def step(self, take: Callable[[], T]) -> T:
        """Take a step, profiled if it is one of those.

        Args:
            take: takes it.

        Returns:
            What that returned.
        """
        if self._profiler is None and self._taken == WARM_UP:
            self._start()
        value = take()
        self._taken += 1
        self._profiled += self._is_running
        if self._profiled == self._steps:
            self.stop()
        return value

    def stop(self) -> None:
        """End the profile, if it has begun; steps after this are not in it."""
        if not self._is_running:
            return
        _wait(self._cuda)
        self._wall_sec = time.perf_counter() - self._begin
        self._is_running = False
        self._profiler.__exit__(None, None, None)

    def write(self) -> None:
        """Write what was profiled, once it has ended; what the disk refuses is warned of."""
        if not self._profiled or self._is_running or self._is_written:
            return
        self._is_written = True
        self.table = _table_of(self._profiler, self._profiled, self._wall_sec)
        try:
            trace, table = _free_names(self._folder)
            with atomic_path(table) as temporary:
                temporary.write_text(self.table)
            _write_trace(self._profiler, trace)
        except (InputError, OSError, RuntimeError) as error:
            _log.warning("not all of the profile is written: %s; the training goes on", error)
