"""Runs that are killed, at whatever moment, and go on as if nothing had happened.

STYLEGEN_TEST_KILLS says how often each run is killed (4), STYLEGEN_TEST_SEED when (0).
"""

import contextlib
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen import configs
from stylegen.checkpoints import read_header, read_tensors
from stylegen.training import RunConfig
from stylegen.training.augment import AugmentConfig
from stylegen.training.folder import RunFolder
from stylegen.training.schedule import PhaseConfig, RampConfig, ScheduleConfig

KILLS = int(os.environ.get("STYLEGEN_TEST_KILLS", "4"))
SEED = int(os.environ.get("STYLEGEN_TEST_SEED", "0"))


def saves(runs: Path | None) -> dict[Path, int]:
    """Return when the states of runs were saved."""
    found = () if runs is None else runs.glob("*/training-state.safetensors")
    return {path: path.stat().st_mtime_ns for path in found}


class Worker:
    """Does tasks one after the other, each in a process that can be killed."""

    def __init__(self, stream: bool) -> None:
        self._stream = stream
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("killable.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._line()  # all is loaded

    def _line(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def do(
        self, kill_after_sec: float | None = None, once_saved: Path | None = None, **request: Any
    ) -> int:
        """Do a task, and kill it after a time, counted from when it has saved into a folder.

        Returns:
            How it ended: 0, or the number of the signal.
        """
        before = saves(once_saved)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**request, "stream": self._stream}) + "\n")
        self._process.stdin.flush()
        child = self._line()
        if kill_after_sec is not None:
            with contextlib.suppress(ProcessLookupError):
                while once_saved is not None and saves(once_saved) == before:
                    os.kill(child, 0)
                    time.sleep(0.005)
                time.sleep(kill_after_sec)
                os.kill(child, signal.SIGKILL)
        return self._line()

    def close(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture(
    params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["cached", "streamed"]
)
def worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    worker = Worker(request.param)
    yield worker
    worker.close()


def eventful(make_config: Any) -> RunConfig:
    """A run in which everything changes, saved at every second step."""
    schedule = ScheduleConfig(
        phases=(
            PhaseConfig(resolution=8, to_kimg=0.05),
            PhaseConfig(resolution=16, from_kimg=0.05, gamma=0.3),
        ),
        fade_kimg=0.06,
        ramps=(
            RampConfig(of="batch", points=((0.0, 8.0), (0.1, 16.0))),
            RampConfig(of="lr", points=((0.0, 0.001), (0.1, 0.003))),
            RampConfig(of="blur_sigma_px", points=((0.0, 1.0), (0.04, 0.0))),
        ),
    )
    ada = AugmentConfig(kind="ada", target=-1.0, interval=3, speed_kimg=0.2)
    config = make_config(
        labels=True, c_dim=6, class_balanced=True, schedule=schedule, augment=ada,
        kimg=0.128, snapshot_kimg=0.016, snapshot_minutes=None, keep_snapshots=3,
        metrics=("fid",), metric_ticks=2, mbstd_group_size=4, generator_architecture="resnet",
    )  # fmt: skip
    loss = dataclasses.replace(config.loss, pl_interval=2, r1_interval=3)
    assert isinstance(config, RunConfig)
    return dataclasses.replace(config, loss=loss)


def assert_same_files(one: Path, other: Path) -> None:
    """Check that all weights are equal bit for bit, and what the runs know of themselves."""
    names = [[p.name for p in RunFolder(f).snapshots()] for f in (one, other)]
    assert names[0] == names[1]
    for name in (RunFolder(one).state.name, *names[0]):
        expected, actual = read_tensors(one / name), read_tensors(other / name)
        assert expected.keys() == actual.keys()
        assert [k for k in expected if not torch.equal(expected[k], actual[k])] == []
    assert not list(other.glob(".*.part"))
    expected, actual = (read_header(RunFolder(f).state) for f in (one, other))
    for header in (expected, actual):
        told = header.pop("told")  # health and seconds are of time
        header["means"], header["last_images"] = told["means"], told["last_images"]
    assert actual == expected
    assert expected["kept"]["best"]["snapshot"] in names[0]


def ticks(folder: Path) -> list[int]:
    text = (folder / "stats.jsonl").read_text()
    assert text.endswith("\n")
    return [json.loads(line)["images_shown"] for line in text.splitlines()]


def test_a_killed_run_has_the_bits_of_an_uninterrupted_one(
    make_config: Any, tmp_path: Path, worker: Worker
) -> None:
    config, chance = eventful(make_config), random.Random(SEED)
    values = configs.to_dict(config)
    begin = time.perf_counter()
    assert worker.do(task="train", path=str(tmp_path / "whole"), config=values) == 0
    longest_sec = (time.perf_counter() - begin) / min(max(KILLS, 1), 4)
    whole, number, killed = tmp_path / "whole" / "00000-run", 0, 0
    while killed < KILLS or number == 0:
        runs, ended = tmp_path / f"killed{number}", -1
        while ended != 0:
            delay = chance.uniform(0, longest_sec) if killed < KILLS else None
            found = sorted(saves(runs))
            moment = (delay, runs if killed % 4 else None)  # one in four may come before any save
            if found:
                ended = worker.do(*moment, task="resume", path=str(found[0].parent))
            else:
                ended = worker.do(*moment, task="train", path=str(runs), config=values)
            assert ended in (0, signal.SIGKILL), f"a run ended with {ended}"
            killed += ended == signal.SIGKILL
            print(f"killed after {delay} s" if ended else "finished")
        number += 1
        folder = min(saves(runs)).parent
        assert_same_files(whole, folder)
        assert ticks(folder) == ticks(whole)
