"""What is saved and measured when: before a metric, at the end, in trouble, and on a full disk."""

import errno
import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.checkpoints import read_header, read_info, read_tensors
from stylegen.networks import Generator
from stylegen.training import Status, keeping, resume, step, train
from stylegen.training.folder import RunFolder
from stylegen.training.world import World

Measure = Callable[[Generator, World], dict[str, float]]


class Killed(BaseException):
    """Ends a run as no signal would."""


def ticks(folder: Path) -> list[tuple[int, float | None]]:
    """Return the images shown and the metric of every tick."""
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    return [(line["images_shown"], line.get("fid")) for line in lines]


def of_weights(generator: Generator, world: World) -> dict[str, float]:
    torch.randn(5)
    return {"fid": float(next(generator.synthesis.parameters()).double().sum().sin())}


def maker(measure: Measure) -> Callable[[Any], Measure]:
    return lambda config: measure


def test_a_run_that_ends_between_two_measurements_is_measured(
    make_config: Any, tmp_path: Path
) -> None:
    config = make_config(metrics=("fid",), kimg=0.1, snapshot_kimg=9.0)  # every 25 ticks
    outcome = train(config, tmp_path, make_metric=maker(lambda g, w: {"fid": 7.0}))
    assert ticks(outcome.folder) == [(40, None), (80, None), (104, 7.0)]
    assert outcome.best == outcome.snapshot
    assert outcome.best is not None
    assert read_info(outcome.best).kimg == 0.104
    header = read_header(RunFolder(outcome.folder).state)
    assert header["kept"]["best"]["value"] == 7.0
    assert header["ticks"] == 2  # whole ones
    again = resume(outcome.folder, make_metric=maker(lambda g, w: {"fid": 1.0}))
    assert again.best == outcome.best  # nothing was left to do
    assert ticks(outcome.folder)[-1] == (104, 7.0)


def test_all_is_saved_before_it_is_measured(make_config: Any, tmp_path: Path) -> None:
    saved: list[int] = []

    def measure(generator: Generator, world: World) -> dict[str, float]:
        folder = RunFolder(tmp_path / "00000-run")
        saved.append(read_header(folder.state)["images_shown"])
        assert read_info(folder.snapshots()[-1]).kimg == saved[-1] / 1000
        return {"fid": 1.0}

    config = make_config(metrics=("fid",), metric_ticks=2, kimg=0.12, snapshot_kimg=9.0)
    train(config, tmp_path, make_metric=maker(measure))
    assert saved == [80, 120]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_the_last_measurement(
    make_config: Any, tmp_path: Path, number: signal.Signals
) -> None:
    def measure(generator: Generator, world: World) -> dict[str, float]:
        signal.raise_signal(number)
        return {"fid": 1.0}

    config = make_config(metrics=("fid",), kimg=0.016)
    outcome = train(config, tmp_path, make_metric=maker(measure))
    assert (outcome.reason, outcome.kimg) == ("finished", 0.016)
    assert outcome.best == outcome.snapshot
    assert ticks(outcome.folder) == [(16, 1.0)]


@pytest.mark.parametrize("at", [2, 3])
def test_a_run_killed_while_it_measures_does_so_when_it_goes_on(
    make_config: Any, tmp_path: Path, at: int
) -> None:
    """At a tick of the run, or at its end."""
    calls = [0]

    def dying(generator: Generator, world: World) -> dict[str, float]:
        calls[0] += 1
        if calls[0] == at:
            raise Killed
        return of_weights(generator, world)

    config = make_config(metrics=("fid",), metric_ticks=1, kimg=0.1, snapshot_kimg=9.0)
    whole = train(config, tmp_path / "whole", make_metric=maker(of_weights))
    with pytest.raises(Killed):
        train(config, tmp_path / "killed", make_metric=maker(dying))
    folder = tmp_path / "killed" / "00000-run"
    saved_at = read_header(RunFolder(folder).state)["images_shown"]
    assert saved_at == {2: 80, 3: 104}[at]
    rest = resume(folder, make_metric=maker(of_weights))
    assert ticks(folder) == ticks(whole.folder)
    assert [shown for shown, _ in ticks(folder)] == [40, 80, 104]
    states = [RunFolder(f).state for f in (whole.folder, folder)]
    expected, actual = (read_tensors(state) for state in states)
    assert [k for k in expected if not torch.equal(expected[k], actual[k])] == []
    headers = [read_header(state) for state in states]
    assert headers[0]["kept"] == headers[1]["kept"]
    assert headers[0]["ticks"] == headers[1]["ticks"] == 2
    assert headers[1]["told"]["owed"] is None
    assert whole.best is not None
    assert rest.best is not None
    assert rest.best.name == whole.best.name


def test_what_was_measured_of_a_snapshot_that_is_gone_is_of_no_other(
    make_config: Any, tmp_path: Path
) -> None:
    def dying(generator: Generator, world: World) -> dict[str, float]:
        raise Killed

    config = make_config(metrics=("fid",), metric_ticks=2, kimg=0.12, snapshot_kimg=9.0)
    with pytest.raises(Killed):
        train(config, tmp_path, make_metric=maker(dying))
    folder = RunFolder(tmp_path / "00000-run")
    folder.snapshots()[-1].unlink()
    values = [1.0, 2.0]
    outcome = resume(folder.path, make_metric=maker(lambda g, w: {"fid": values.pop(0)}))
    assert ticks(folder.path) == [(40, None), (80, 1.0), (120, 2.0)]
    best = read_header(folder.state)["kept"]["best"]
    assert (best["value"], best["kimg"]) == (2.0, 0.12)
    assert outcome.best == outcome.snapshot


def test_a_tick_cut_short_does_not_count(make_config: Any, tmp_path: Path) -> None:
    def interrupt(status: Status) -> None:
        if status.images_shown == 48:
            signal.raise_signal(signal.SIGTERM)

    config, metric = make_config(metrics=("fid",), metric_ticks=2), maker(lambda g, w: {"fid": 1.0})
    outcome = train(config, tmp_path, interrupt, make_metric=metric)
    assert (outcome.reason, outcome.kimg) == ("interrupted", 0.048)
    assert ticks(outcome.folder) == [(40, None), (48, None)]
    resume(outcome.folder, make_metric=metric)
    later = [(88, 1.0), (128, None), (160, 1.0)]
    assert ticks(outcome.folder)[2:] == later


@pytest.fixture
def spoils_from(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The first of the generator's losses that is NaN, as all after it."""
    real, calls, first = step.generator_loss, [0], [math.inf]

    def spoiled(*args: Any) -> Any:
        calls[0] += 1
        return real(*args) * (math.nan if calls[0] >= first[0] else 1.0)

    monkeypatch.setattr(step, "generator_loss", spoiled)
    return first


def test_who_stops_a_run_in_trouble_keeps_its_last_good_state(
    make_config: Any, tmp_path: Path, spoils_from: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(status: Status) -> None:
        if status.images_shown == 128:
            signal.raise_signal(signal.SIGTERM)

    spoils_from[0] = 14
    outcome = train(make_config(), tmp_path, interrupt)
    folder = RunFolder(outcome.folder)
    assert outcome.reason == "interrupted"
    assert read_header(folder.state)["images_shown"] == 80
    assert outcome.snapshot is not None
    assert read_info(outcome.snapshot).kimg == 0.08
    (warning,) = [m for m in caplog.messages if "NaN" in m]
    assert warning == (
        "the losses or gradients of the last steps, up to 0.1 kimg, were infinite or NaN: they are "
        "not saved, and the last good state stays, of 0.1 kimg"
    )
    spoils_from[0] = math.inf
    assert resume(folder.path).reason == "finished"


class FullDisk:
    """Lets a function write nothing while the disk is full."""

    def __init__(self, write: Callable[..., Any]) -> None:
        self.write, self.is_full = write, False

    def __call__(self, *args: Any) -> Any:
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.write(*args)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    disk = FullDisk(keeping.save_snapshot)
    monkeypatch.setattr(keeping, "save_snapshot", disk)
    return disk


def test_a_run_in_trouble_without_a_good_state_is_saved_all_the_same(
    make_config: Any, tmp_path: Path, spoils_from: list[float], disk: FullDisk
) -> None:
    def make_room(status: Status) -> None:
        disk.is_full = False

    spoils_from[0], disk.is_full = 2, True
    outcome = train(make_config(kimg=0.016), tmp_path, make_room)
    assert read_header(RunFolder(outcome.folder).state)["images_shown"] == 16


@pytest.mark.parametrize("metrics", [(), ("fid",)])
def test_an_end_that_a_full_disk_does_not_take_is_an_error(
    make_config: Any, tmp_path: Path, disk: FullDisk, caplog: pytest.LogCaptureFixture,
    metrics: tuple[str, ...],
) -> None:  # fmt: skip
    def fill(status: Status) -> None:
        disk.is_full = status.images_shown == 152

    folder = RunFolder(tmp_path / "00000-run")
    metric = maker(of_weights) if metrics else None
    with pytest.raises(OSError, match="the disk is full") as caught:
        train(make_config(metrics=metrics), tmp_path, fill, make_metric=metric)
    assert str(caught.value) == (
        "the disk is full: the run's end, at 0.16 kimg, is not saved; its last good snapshot is "
        f"{folder.snapshots()[-1]}. Make room and go on with --resume {folder.path}"
    )
    assert read_info(folder.snapshots()[-1]).kimg == 0.08
    (warning,) = [m for m in caplog.messages if "the disk is full" in m]
    assert "goes on" not in warning
    assert "snapshot-000000.080.safetensors is kept. Make room, or lower" in warning
    disk.is_full = False
    rest = resume(folder.path, make_metric=metric)
    assert (rest.reason, rest.kimg) == ("finished", 0.16)
    assert [shown for shown, _ in ticks(folder.path)] == [40, 80, 120, 160]


def test_a_full_disk_does_not_keep_a_run_from_going_on(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    config = make_config(kimg=0.008)
    folder = RunFolder(train(config, tmp_path).folder)
    disk = FullDisk(RunFolder.write_config)
    disk.is_full = True
    monkeypatch.setattr(RunFolder, "write_config", lambda *args: disk(*args))
    assert resume(folder.path).kimg == 0.008
    assert not caplog.messages  # nothing has changed
    assert resume(folder.path, kimg=0.016).kimg == 0.016
    (warning,) = caplog.messages
    assert "config.json is not written; the one without the changes is kept. The train" in warning
    assert folder.read_config() == config


def timeless(folder: Path) -> list[dict[str, Any]]:
    """Return the ticks of a run without what depends on time and on this process."""
    timed = {"seconds", "seconds_tick", "data_wait_sec", "img_per_sec", "peak_memory_mib"}
    lines = (folder / "stats.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in timed} for line in lines]


def test_a_tick_cut_in_two_by_a_kill_tells_of_the_whole(make_config: Any, tmp_path: Path) -> None:
    def die(status: Status) -> None:
        if status.images_shown == 64:
            raise Killed

    config = make_config(kimg=0.08, snapshot_kimg=0.024)
    whole = train(config, tmp_path / "whole")
    with pytest.raises(Killed):
        train(config, tmp_path / "killed", die)
    folder = tmp_path / "killed" / "00000-run"
    assert read_header(RunFolder(folder).state)["images_shown"] == 48  # the tick ends at 80
    resume(folder)
    assert timeless(folder) == timeless(whole.folder)


def test_who_goes_on_without_a_step_writes_no_tick(make_config: Any, tmp_path: Path) -> None:
    def die(status: Status) -> None:
        if status.images_shown == 64:
            raise Killed

    whole = train(make_config(kimg=0.08, snapshot_kimg=0.024), tmp_path / "whole")
    with pytest.raises(Killed):
        train(make_config(kimg=0.08, snapshot_kimg=0.024), tmp_path / "killed", die)
    folder = tmp_path / "killed" / "00000-run"
    assert resume(folder, kimg=0.048).kimg == 0.048
    assert [shown for shown, _ in ticks(folder)] == [40]
    resume(folder, kimg=0.08)
    assert timeless(folder) == timeless(whole.folder)
