"""Losses that are not finite: left out, then gone back from, then given up."""

import dataclasses
import errno
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.checkpoints import read_header, read_info, read_tensors
from stylegen.errors import InputError
from stylegen.training import Status, keeping, recovery, resume, step, train
from stylegen.training.building import build_trainer
from stylegen.training.folder import RunFolder
from stylegen.training.schedule import read_schedule
from stylegen.training.state import Saved
from stylegen.training.world import World


class Spoiler:
    """Makes a loss NaN, from one call of it up to another."""

    def __init__(self, loss: Callable[..., Any]) -> None:
        self.loss, self.calls, self.spoils = loss, 0, range(0)

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        value = self.loss(*args)
        if self.calls not in self.spoils:
            return value
        return value * math.nan if isinstance(value, Tensor) else (value[0] * math.nan, value[1])


@pytest.fixture(params=["generator_loss", "discriminator_loss"])
def spoiler(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Spoiler:
    spoiler = Spoiler(getattr(step, request.param))
    monkeypatch.setattr(step, request.param, spoiler)
    return spoiler


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def assert_finite(folder: Path) -> None:
    for path in (RunFolder(folder).state, *RunFolder(folder).snapshots()):
        assert all(t.double().isfinite().all() for t in read_tensors(path).values()), path


def test_bad_updates_are_left_out_and_counted(
    make_config: Any, tmp_path: Path, spoiler: Spoiler, caplog: pytest.LogCaptureFixture
) -> None:
    spoiler.spoils = range(3, 6)
    outcome = train(make_config(pl_weight=0.0), tmp_path)
    assert outcome.reason == "finished"
    assert_finite(outcome.folder)
    told = lines(outcome.folder)
    assert [line["steps_skipped"] for line in told] == [3, 3, 3, 3]
    (which,) = ("g",) if spoiler.loss.__name__ == "generator_loss" else ("d",)
    norms = [line[f"grad_norm_{which}"] for line in told]
    assert min(norms) > 0.2 * max(norms)  # those left out do not count as 0
    assert "going back" not in caplog.text
    assert read_header(RunFolder(outcome.folder).state)["rollbacks"] == 0
    (adam,) = {
        int(v) for k, v in read_tensors(RunFolder(outcome.folder).state).items()
        if k.startswith(f"adam_{which.upper()}.step.")
    }  # fmt: skip
    extra = 2 if which == "d" else 0  # R1 at steps 0 and 16
    assert adam == 20 + extra - 3


def test_a_run_of_bad_updates_goes_back_once(
    make_config: Any, tmp_path: Path, spoiler: Spoiler, caplog: pytest.LogCaptureFixture
) -> None:
    spoiler.spoils = range(12, 22)  # ten in a row; ten steps before were saved at 80 images
    seen: list[Status] = []
    outcome = train(make_config(tick_kimg=0.02, kimg=0.24), tmp_path, seen.append)
    assert outcome.reason == "finished"
    assert outcome.kimg == 0.24
    (warning,) = [r for r in caplog.records if "going back" in r.message]
    assert warning.message == (
        "at 0.2 kimg the losses or gradients of the last steps were infinite or NaN; going back "
        "to 0.1 kimg with other random numbers. If it happens again, a lower --lr, a higher "
        "--gamma, or --precision fp32 may help"
    )
    assert [s.images_shown for s in seen] == [*range(8, 161, 8), *range(88, 241, 8)]
    assert_finite(outcome.folder)
    told = [line["images_shown"] for line in lines(outcome.folder)]
    assert told == sorted(set(told))
    assert told[-1] == 240
    kimgs = [read_info(s).kimg for s in RunFolder(outcome.folder).snapshots()]
    assert kimgs == [0, 0.08, 0.16, 0.24]
    header = read_header(RunFolder(outcome.folder).state)
    assert (header["rollbacks"], header["images_shown"]) == (1, 240)


def test_the_second_time_it_goes_back_further(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """The state saved at 80 images leads to trouble at once, whatever the random numbers."""
    spoiler = Spoiler(step.generator_loss)
    monkeypatch.setattr(step, "generator_loss", spoiler)
    spoiler.spoils = range(11, 31)
    outcome = train(make_config(kimg=0.24), tmp_path)
    assert (outcome.reason, outcome.kimg) == ("finished", 0.24)
    places = [r.message.split("going back to ")[1] for r in caplog.records if "back" in r.message]
    assert [place[:8] for place in places] == ["0.1 kimg", "0.0 kimg"]
    folder = RunFolder(outcome.folder)
    assert_finite(folder.path)
    kimgs = [read_info(s).kimg for s in folder.snapshots()]
    assert kimgs == [0, 0.08, 0.16, 0.24]
    shown = [read_header(p)["images_shown"] for p in (folder.earlier_state, folder.state)]
    assert shown == [160, 240]
    assert read_header(folder.state)["rollbacks"] == 2
    assert [line["images_shown"] for line in lines(folder.path)] == [40, 80, 120, 160, 200, 240]


def test_the_best_of_what_was_gone_back_from_is_forgotten(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best of 80 images was better than what the same moment is the second time."""
    spoiler = Spoiler(step.generator_loss)
    monkeypatch.setattr(step, "generator_loss", spoiler)
    spoiler.spoils, values = range(11, 31), [1.0, 5.0, 6.0, 7.0]
    config = make_config(kimg=0.24, metrics=("fid",), metric_ticks=2)
    outcome = train(config, tmp_path, make_metric=lambda _: lambda *_: {"fid": values.pop(0)})
    assert values == []
    best = read_header(RunFolder(outcome.folder).state)["kept"]["best"]
    assert (best["value"], best["kimg"]) == (5.0, 0.08)


def test_a_full_disk_after_going_back_keeps_the_good_state(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    spoiler = Spoiler(step.generator_loss)
    monkeypatch.setattr(step, "generator_loss", spoiler)
    spoiler.spoils, save = range(11, 31), keeping.save_snapshot

    def save_if_room(*args: Any) -> None:
        if caplog.text.count("going back") > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(*args)

    monkeypatch.setattr(keeping, "save_snapshot", save_if_room)
    with pytest.raises(OSError, match="is not saved"):
        train(make_config(kimg=0.24), tmp_path)
    folder = RunFolder(tmp_path / "00000-run")
    assert read_header(folder.earlier_state)["images_shown"] == 0


def test_one_update_left_out_does_not_keep_the_end_from_being_saved(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last R1, at step 16 of 20."""
    spoiler = Spoiler(step.r1_penalty)
    monkeypatch.setattr(step, "r1_penalty", spoiler)
    spoiler.spoils = range(2, 3)
    outcome = train(make_config(), tmp_path)
    assert spoiler.calls == 2
    assert read_header(RunFolder(outcome.folder).state)["images_shown"] == 160


@pytest.mark.parametrize("links", [True, False])
def test_the_state_before_the_last_is_kept(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    folder = RunFolder(train(make_config(kimg=0.08), tmp_path).folder)
    last = folder.state.read_bytes()
    resume(folder.path, kimg=0.16)
    assert folder.earlier_state.read_bytes() == last != folder.state.read_bytes()
    folder.state.write_bytes(b"")  # it is no second name of the same file
    assert folder.earlier_state.read_bytes() == last


def test_the_third_time_it_gives_up(
    make_config: Any, tmp_path: Path, spoiler: Spoiler, caplog: pytest.LogCaptureFixture
) -> None:
    spoiler.spoils = range(14, 10**9)
    with pytest.raises(InputError) as caught:
        train(make_config(kimg=9.0), tmp_path)
    folder = tmp_path / "00000-run"
    assert str(caught.value) == (
        "the training diverges: at 0.1 kimg the losses or gradients of the last steps were "
        "infinite or NaN, for the 3rd time; a lower --lr, a higher --gamma, or --precision fp32 "
        f"may help. The last good state is {folder / 'training-state.safetensors'}"
    )
    assert sum("going back" in r.message for r in caplog.records) == 2
    assert_finite(folder)
    assert read_header(RunFolder(folder).state)["images_shown"] == 0


@pytest.mark.parametrize("architecture", ["skip", pytest.param("orig", marks=pytest.mark.slow)])
def test_going_back_across_a_growth(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    """The state is of 8 px, or within the fade; the numbers go wrong after it."""
    spoiler = Spoiler(step.generator_loss)
    monkeypatch.setattr(step, "generator_loss", spoiler)
    spoiler.spoils = range(9, 19)  # from 64 images on, back to 48 or 64
    schedule = read_schedule("8:0-0.056,16:0.056-,fade=0.05")
    for i, snapshot_kimg in enumerate((0.048, 0.032)):
        spoiler.calls = 0
        config = make_config(
            schedule=schedule, snapshot_kimg=snapshot_kimg, generator_architecture=architecture
        )
        outcome = train(config, tmp_path)
        assert outcome.kimg == 0.16
        assert_finite(outcome.folder)
        header = read_header(RunFolder(outcome.folder).state)
        assert (header["rollbacks"], header["resolution"], header["fading"]) == (1, 16, False)
        if i == 1:  # saved anew when it went back, at the alpha of that moment: 8 / 50
            (fading,) = [
                s for s in RunFolder(outcome.folder).snapshots() if read_info(s).kimg == 0.064
            ]
            assert read_info(fading).generator.resolution == 16
            if architecture == "skip":  # alpha is in the newest toRGB layer
                weights = read_tensors(fading, "G_ema.")
                assert weights["synthesis.b16.torgb.weight"].abs().max() > 0


def test_only_one_phase_going_wrong_is_noticed(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiler = Spoiler(step.r1_penalty)
    monkeypatch.setattr(step, "r1_penalty", spoiler)
    spoiler.spoils = range(2, 10**9)
    config = make_config(kimg=3.0, snapshot_kimg=0.008)
    config = dataclasses.replace(config, loss=dataclasses.replace(config.loss, r1_interval=1))
    with pytest.raises(InputError, match="for the 3rd time"):
        train(config, tmp_path)


def test_the_mean_of_w_and_of_the_lengths_stay_finite(make_config: Any, tmp_path: Path) -> None:
    trainer = build_trainer(make_config(precision="fp32"), torch.zeros(1, dtype=torch.int64))
    with torch.no_grad():
        trainer.generator.mapping.fc0.weight.fill_(math.inf)
    trainer.generator_main(4)
    trainer.generator_path_length(4)
    assert trainer.generator.mapping.w_avg.isfinite().all()
    assert trainer.pl_mean.isfinite()
    assert trainer.skipped == 2
    assert trainer.most_bad_updates == 1


def flipped(path: Path) -> None:
    """Change one byte of a file's last tensor."""
    content = bytearray(path.read_bytes())
    content[-5] ^= 255
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [flipped, lambda path: path.write_bytes(b""), Path.unlink])
def test_a_damaged_state_names_the_one_before_which_goes_on(
    make_config: Any, tmp_path: Path, damage: Callable[[Path], Any]
) -> None:
    config = make_config(kimg=0.16)
    whole = RunFolder(train(config, tmp_path / "whole").folder)
    folder = RunFolder(train(config, tmp_path).folder)
    damage(folder.state)
    with pytest.raises(InputError, match=f"with --resume {folder.earlier_state}$"):
        resume(folder.path)
    outcome = resume(folder.earlier_state)
    assert (outcome.reason, outcome.kimg) == ("finished", 0.16)
    expected, actual = read_tensors(whole.state), read_tensors(folder.state)
    assert [k for k in expected if not torch.equal(expected[k], actual[k])] == []
    assert read_header(folder.earlier_state)["images_shown"] == 80
    kimgs = [read_info(s).kimg for s in folder.snapshots()]
    assert kimgs == [0, 0.08, 0.16]
    assert [line["images_shown"] for line in lines(folder.path)] == [40, 80, 120, 160]


def test_the_state_that_goes_on_is_not_dropped_for_a_quota(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    folder = RunFolder(train(make_config(), tmp_path).folder)
    flipped(folder.state)
    with pytest.raises(InputError, match="is damaged, or not a whole one; go on from"):
        resume(folder.path)
    save = keeping.save_state

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(keeping, "save_state", full)
    with pytest.raises(OSError, match="the disk is full"):
        resume(folder.earlier_state, disk_quota_gb=1e-6)
    assert "going on from 0.08 kimg, the state before the last one" in caplog.text
    monkeypatch.setattr(keeping, "save_state", save)
    assert resume(folder.earlier_state).reason == "finished"
    flipped(folder.state)
    folder.earlier_state.unlink(missing_ok=True)
    with pytest.raises(InputError, match="begin a run from the newest snapshot, with --transfer"):
        resume(folder.path)


def test_going_back_is_told_by_the_first_process(
    make_config: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    saved = Saved(path=Path("state"), header={"images_shown": 8})
    monkeypatch.setattr(recovery, "read_saved", lambda path: saved)
    folder = RunFolder("nowhere")
    for rank, count in ((1, 0), (0, 1)):
        run = SimpleNamespace(
            kimg=1.0, world=World(device=torch.device("cpu"), rank=rank, size=2),
            restore=lambda saved, seed: None, config=make_config(),
        )  # fmt: skip
        assert recovery.go_back(run, folder, recovery.Trouble()) is saved  # type: ignore[arg-type]
        assert caplog.text.count("going back") == count
