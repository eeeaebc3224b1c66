"""What a run keeps, tells, and is found by."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stylegen.checkpoints import read_header, read_info, read_tensors
from stylegen.data import DataConfig
from stylegen.errors import InputError
from stylegen.networks import Generator
from stylegen.training import Status, feed, keeping, plan_run, resume, telling, train
from stylegen.training.choices import Choices
from stylegen.training.folder import RunFolder
from stylegen.training.grids import for_the_board
from stylegen.training.health import Advice, Health
from stylegen.training.retention import other_bytes
from stylegen.training.schedule import PhaseConfig, ScheduleConfig
from stylegen.training.world import World

METRICS = [5.0, 3.0, 4.0, 6.0]


def metric(name: str = "fid") -> Callable[[Any], Callable[[Generator, World], dict[str, float]]]:
    values = iter(METRICS)

    def measure(generator: Generator, world: World) -> dict[str, float]:
        torch.randn(7)  # may draw what it likes
        return {name: next(values), "kid": 1.0}

    return lambda config: measure


def kimgs(folder: Path) -> list[float]:
    return [read_info(s).kimg for s in RunFolder(folder).snapshots()]


def test_the_last_and_the_best_are_kept(make_config: Any, tmp_path: Path) -> None:
    config = make_config(
        metrics=("fid", "kid"), metric_ticks=1, keep_snapshots=1, snapshot_kimg=1.0
    )
    outcome = train(config, tmp_path, make_metric=metric())
    assert kimgs(outcome.folder) == [0.08, 0.16]  # the second of four measurements was the least
    assert outcome.best is not None
    assert read_info(outcome.best).kimg == 0.08
    assert outcome.snapshot is not None
    assert read_info(outcome.snapshot).kimg == 0.16
    header = read_header(RunFolder(outcome.folder).state)
    assert header["kept"]["best"] == {
        "metric": "fid", "value": 3.0, "kimg": 0.08, "snapshot": outcome.best.name,
    }  # fmt: skip
    lines = (outcome.folder / "stats.jsonl").read_text().splitlines()
    assert [json.loads(line)["fid"] for line in lines] == METRICS
    rest = resume(outcome.folder, kimg=0.24)
    assert rest.best == outcome.best
    assert kimgs(rest.folder) == [0.08, 0.24]


def test_higher_is_better_where_it_is(make_config: Any, tmp_path: Path) -> None:
    config = make_config(metrics=("is",), metric_ticks=1, keep_snapshots=1, snapshot_kimg=1.0)
    outcome = train(config, tmp_path, make_metric=metric("is"))
    assert outcome.best is not None
    assert read_info(outcome.best).kimg == 0.16


def test_metrics_change_nothing_in_the_training(
    make_config: Any, tmp_path: Path, plain: dict[str, torch.Tensor]
) -> None:
    config = make_config(metrics=("fid",), metric_ticks=2)
    measured = train(config, tmp_path, make_metric=metric())
    state = read_tensors(RunFolder(measured.folder).state)
    assert [k for k in plain if not torch.equal(plain[k], state[k])] == []
    lines = (measured.folder / "stats.jsonl").read_text().splitlines()
    assert ["fid" in json.loads(line) for line in lines] == [False, True, False, True]


def test_snapshots_of_the_same_moment_are_replaced(make_config: Any, tmp_path: Path) -> None:
    outcome = train(make_config(kimg=0.08), tmp_path)
    before = sorted(p.name for p in outcome.folder.glob("snapshot-*"))
    state = RunFolder(outcome.folder).state.read_bytes()
    rest = resume(outcome.folder, kimg=0.16)
    RunFolder(rest.folder).state.write_bytes(state)  # as if killed between snapshot and state
    again = resume(rest.folder, kimg=0.16)
    assert kimgs(again.folder) == [0, 0.08, 0.16]
    assert set(before) < {p.name for p in again.folder.glob("snapshot-*")}
    assert len(list(again.folder.glob("fakes*.png"))) == 3


def test_the_quota_holds(make_config: Any, tmp_path: Path) -> None:
    often = {"kimg": 0.04, "snapshot_kimg": 0.008, "tick_kimg": 0.008}
    whole = train(make_config(**often), tmp_path)
    folder = RunFolder(whole.folder)
    state, snapshots = folder.state.stat().st_size, folder.snapshots()
    with_it = max(s.stat().st_size for s in whole.folder.glob("fakes*.png"))  # and a short JSON
    one = max(s.stat().st_size for s in snapshots) * 1.1 + with_it
    rest = other_bytes(whole.folder, snapshots) - 2 * state
    quota = (rest + state + 2.05 * one) / 1e9
    outcome = train(make_config(**often, disk_quota_gb=quota), tmp_path)
    assert len(kimgs(whole.folder)) == 6
    assert kimgs(outcome.folder) == kimgs(whole.folder)[-2:]
    assert not RunFolder(outcome.folder).earlier_state.exists()  # no room for it
    names = sorted(p.name for p in outcome.folder.glob("fakes*.png"))
    assert names == ["fakes000000.032.png", "fakes000000.040.png"]
    assert len(list(whole.folder.glob("fakes*.png"))) == 6
    quota = (rest + 2 * state + 1.5 * one) / 1e9
    outcome = train(make_config(**often, disk_quota_gb=quota), tmp_path)
    assert kimgs(outcome.folder) == kimgs(whole.folder)[-1:]
    assert read_header(RunFolder(outcome.folder).earlier_state)["images_shown"] == 32


@pytest.mark.parametrize("quota", [0, -1.0, float("nan"), "much"])
def test_a_quota_is_above_0(make_config: Any, quota: Any) -> None:
    with pytest.raises(InputError, match=f"disk_quota_gb is {quota!r}; wanted a number above 0"):
        make_config(disk_quota_gb=quota)


def test_time_makes_snapshots_too(make_config: Any, tmp_path: Path) -> None:
    config = make_config(kimg=0.024, snapshot_kimg=9.0, snapshot_minutes=0.0)
    assert kimgs(train(config, tmp_path).folder) == [0, 0.008, 0.016, 0.024]


def test_an_interruption_does_not_move_the_snapshots(make_config: Any, tmp_path: Path) -> None:
    outcome = train(make_config(kimg=0.04), tmp_path)  # ends between two
    assert kimgs(resume(outcome.folder, kimg=0.2).folder) == [0, 0.04, 0.08, 0.16, 0.2]


class FullDisk:
    """Lets no file be written for a while."""

    def __init__(self, write: Callable[..., None], full: Callable[[], bool]) -> None:
        self.write, self.full = write, full

    def __call__(self, *args: Any) -> None:
        if self.full():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.write(*args)


@pytest.fixture(scope="module")
def plain(make_config: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The last state of a run that nothing happens to."""
    outcome = train(make_config(), tmp_path_factory.mktemp("plain"))
    return read_tensors(RunFolder(outcome.folder).state)


@pytest.mark.parametrize(
    "name", ["save_snapshot", "save_state", pytest.param("save_image", marks=pytest.mark.slow)]
)
def test_a_full_disk_stops_nothing(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str,
    caplog: pytest.LogCaptureFixture, plain: dict[str, torch.Tensor],
) -> None:  # fmt: skip
    shown, kept = [0], list[bytes]()

    def note(status: Status) -> None:
        shown[0] = status.images_shown
        kept.append(RunFolder(status.folder).state.read_bytes())

    disk = FullDisk(getattr(keeping, name), lambda: 40 < shown[0] < 100)
    monkeypatch.setattr(keeping, name, disk)
    outcome = train(make_config(snapshot_kimg=0.032), tmp_path, note)
    assert (outcome.reason, outcome.kimg) == ("finished", 0.16)
    warnings = [r.message for r in caplog.records if "the disk is full" in r.message]
    assert len(warnings) == 2  # at 64 and 96 images
    if name == "save_image":  # the grid alone is missing: all else is saved
        assert "its sample grid" in warnings[0]
        assert len({kept[i] for i in (4, 8, 11)}) == 3
    else:
        named = (
            "the one of 0.032 kimg" if name == "save_state" else "snapshot-000000.032.safetensors"
        )
        assert f"{named} is kept. The training goes on" in warnings[0]
        assert kept[11] == kept[4]
    state = read_tensors(RunFolder(outcome.folder).state)
    assert [k for k in plain if not torch.equal(plain[k], state[k])] == []
    assert not list(outcome.folder.glob(".*.part"))


def test_a_disk_that_is_full_all_along(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(keeping.save_snapshot, lambda: True)
    monkeypatch.setattr(keeping, "save_snapshot", disk)
    with pytest.raises(OSError, match=r"at 0\.016 kimg, is not saved; nothing of it is .* room$"):
        train(make_config(kimg=0.016), tmp_path)


@pytest.mark.parametrize("until", [70, 1000])
def test_a_disk_with_room_for_snapshots_but_no_state(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: int,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """The snapshot that the last state belongs to stays, and is the one that is named."""
    shown = [0]

    def note(status: Status) -> None:
        shown[0] = status.images_shown

    monkeypatch.setattr(
        keeping, "save_state", FullDisk(keeping.save_state, lambda: 40 < shown[0] < until)
    )
    config = make_config(snapshot_kimg=0.032, keep_snapshots=1, kimg=0.096)
    if until == 70:
        outcome = train(config, tmp_path, note)
        assert kimgs(outcome.folder) == [0.096]
        return
    folder = RunFolder(tmp_path / "00000-run")
    good = folder.path / "snapshot-000000.032.safetensors"
    with pytest.raises(OSError, match="the disk is full") as caught:
        train(config, tmp_path, note)
    assert kimgs(folder.path) == [0.032, 0.096]
    assert str(caught.value) == (
        f"the disk is full: the run's end, at 0.096 kimg, is not saved; its last good snapshot is "
        f"{good}, and {folder.snapshots()[-1]} has no state to go on from. Make room and go on "
        f"with --resume {folder.path}"
    )
    assert "training-state.safetensors is not written; the one of 0.032 kimg is" in caplog.text
    shown[0] = 0
    assert resume(good).reason == "finished"
    assert kimgs(folder.path) == [0.096]


def test_grids_of_tensorboard_are_no_wider_than_a_screen() -> None:
    grid = torch.arange(3 * 8 * 2052).reshape(3, 8, 2052).remainder(256).to(torch.uint8)
    small = for_the_board(grid)
    assert (small.dtype, small.shape) == (torch.uint8, (3, 2, 684))
    assert small[1, 1, 5] == grid[1, 3:6, 15:18].double().mean().round()
    assert for_the_board(grid[..., :1024]).shape == (3, 8, 1024)


KEYS = {
    "images_shown", "kimg", "seconds", "seconds_tick", "data_wait_sec", "resolution", "alpha",
    "batch", "lr", "gamma", "augment_p", "pl_mean", "steps_skipped", "variety", "peak_memory_mib",
    "images_skipped", "loss_g", "loss_d", "loss_pl", "path_length", "r1", "logits_real",
    "logits_fake", "signs_real", "signs_fake", "grad_norm_g", "grad_norm_d", "grad_norm_pl",
    "grad_norm_r1", "r_t", "img_per_sec",
}  # fmt: skip


def test_a_tick_tells_all(make_config: Any, tmp_path: Path) -> None:
    outcome = train(make_config(kimg=0.04), tmp_path)
    (line,) = (outcome.folder / "stats.jsonl").read_text().splitlines()
    tick = json.loads(line)
    assert tick.keys() == KEYS
    assert all(isinstance(v, int | float) for v in tick.values())
    assert (tick["images_shown"], tick["kimg"], tick["batch"]) == (40, 0.04, 8)
    assert tick["r_t"] == tick["signs_real"]
    assert tick["variety"] > 0
    assert tick["img_per_sec"] == pytest.approx(40 / tick["seconds_tick"], rel=0.05)


def test_advice_reaches_the_status(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def observe(self: Health, tick: dict[str, Any]) -> list[Advice]:
        if tick["images_shown"] != 80:
            return []
        return [Advice("waiting", "Take more workers.", tick["kimg"])]

    monkeypatch.setattr(telling.Health, "observe", observe)
    seen: list[Status] = []
    train(make_config(), tmp_path, seen.append)
    assert {s.images_shown: s.advice for s in seen if s.advice} == {80: ("Take more workers.",)}
    assert "at 0.1 kimg: Take more workers." in caplog.text
    assert seen[0].means == {}
    assert seen[-1].means["loss_d"] > 0


def test_health_knows_the_augmentation_in_force(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    def observe(self: Health, tick: dict[str, Any]) -> list[Advice]:
        seen.append(self.augment)
        return []

    monkeypatch.setattr(telling.Health, "observe", observe)
    phases = (
        PhaseConfig(resolution=16, to_kimg=0.04),
        PhaseConfig(resolution=16, from_kimg=0.04, to_kimg=0.08, augment="ada"),
        PhaseConfig(resolution=16, from_kimg=0.08, augment="diffaug"),
    )
    train(make_config(schedule=ScheduleConfig(phases=phases), kimg=0.12), tmp_path)
    assert seen == ["none", "ada", "diffaug"]


def test_a_broken_file_at_the_beginning_of_a_streamed_set_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MEMORY_BYTES", 0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(12):
        Image.new("RGB", (16, 16), (i, i, i)).save(folder / f"{i:02d}.png")
    (folder / "01.png").write_bytes(b"not an image")
    choices = Choices(
        batch=4, channel_base=64, channel_max=8, z_dim=8, w_dim=8, kimg=0.016, device="cpu"
    )
    config = plan_run(DataConfig(path=str(folder), resolution=16), 16, choices=choices)
    outcome = train(config, tmp_path / "runs")
    assert outcome.reason == "finished"
    (entry,) = json.loads((outcome.folder / "skipped.json").read_text())
    assert entry["name"] == "01.png"
