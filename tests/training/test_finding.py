"""Which run is meant: by its folder, a snapshot of it, or how it was begun."""

import dataclasses
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest

from stylegen.errors import InputError
from stylegen.training import Outcome, resume, train
from stylegen.training.changes import LOOP_CHANGEABLE
from stylegen.training.finding import latest_like, run_folder
from stylegen.training.folder import RunFolder


@pytest.fixture(scope="module")
def run(make_config: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    config = make_config(kimg=0.016, snapshot_kimg=0.008, precision="fp32")
    return train(config, tmp_path_factory.mktemp("runs"))


@pytest.fixture(autouse=True)
def listen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stylegen.training.finding")


def test_a_run_is_found_by_its_folder_or_its_newest_snapshot(run: Outcome) -> None:
    assert run.snapshot is not None
    for path in (run.folder, str(run.snapshot), RunFolder(run.folder).state):
        assert run_folder(path).path == run.folder
    old = RunFolder(run.folder).snapshots()[0]
    with pytest.raises(InputError) as caught:
        run_folder(old)
    assert str(caught.value) == (
        f"snapshot-000000.safetensors is of 0 kimg, but {run.folder} can only go on from its last "
        "save at 0.016 kimg: resume the folder, or begin a run from this snapshot with --transfer"
    )
    with pytest.raises(InputError, match="is no file; wanted a run's folder"):
        run_folder(run.folder / "snapshot-000099.safetensors")
    with pytest.raises(InputError, match="has no config"):
        resume(run.folder / "nowhere")


def test_the_last_run_begun_alike_is_found(
    make_config: Any, run: Outcome, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(kimg=9.0, snapshot_kimg=1.0, precision="fp32")
    assert latest_like(run.folder.parent, config, LOOP_CHANGEABLE) == run.folder
    assert caplog.messages == [f"going on with {run.folder}"]
    caplog.clear()
    nowhere = tmp_path / "nowhere"
    assert latest_like(nowhere, config, LOOP_CHANGEABLE) is None
    assert caplog.messages == [f"no run in {nowhere}: this begins one"]
    for number in range(3):
        shutil.copytree(run.folder, tmp_path / f"0000{number}-run")
    (tmp_path / "00002-run" / "training-state.safetensors").unlink()
    (tmp_path / "00003-notes").write_text("")
    assert latest_like(tmp_path, config, LOOP_CHANGEABLE) == tmp_path / "00001-run"
    (tmp_path / "00001-run" / "config.json").write_text("{")
    assert latest_like(tmp_path, config, LOOP_CHANGEABLE) == tmp_path / "00000-run"


def test_what_keeps_a_run_from_being_found_is_said(
    make_config: Any, run: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    other = make_config(kimg=0.016, seed=2, gamma=3.0, precision="fp32")
    assert latest_like(run.folder.parent, other, LOOP_CHANGEABLE) is None
    gamma = RunFolder(run.folder).read_config().loss.r1_gamma
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message == (
        f"no run in {run.folder.parent} was begun with these settings: this begins a new one. "
        f"00000-run is nearest: loss.r1_gamma is {gamma!r} there, 3.0 here; loop.seed is 0 there, "
        "2 here"
    )


@pytest.fixture
def changed(make_config: Any, faces: Path, tmp_path: Path) -> Path:
    """A run whose learning rate was lowered, and whose images have moved."""
    shutil.copy(faces, tmp_path / "old.zip")
    config = at(make_config(kimg=0.008), tmp_path / "old.zip")
    folder = train(config, tmp_path / "runs").folder
    resume(folder, kimg=0.016)
    shutil.move(tmp_path / "old.zip", tmp_path / "new.zip")
    resume(folder, kimg=0.024, lr=0.001, data=tmp_path / "new.zip")
    return folder


def at(config: Any, path: Path) -> Any:
    return dataclasses.replace(config, data=dataclasses.replace(config.data, path=str(path)))


def test_a_run_is_found_by_what_it_was_begun_with(
    make_config: Any, changed: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As a restart script does, after someone has taken the advice to lower the rate by hand."""
    out, old, new = changed.parent, changed.parents[1] / "old.zip", changed.parents[1] / "new.zip"
    begun = make_config(kimg=0.008)
    kept = (
        "optimizer.generator_lr is 0.001 there, 0.0025 here; optimizer.discriminator_lr is 0.001 "
        "there, 0.0025 here"
    )
    places = f"data.path is {str(new)!r} there, {str(old)!r} here; "
    for path, moved in ((new, ""), (old, places)):
        caplog.clear()
        assert latest_like(out, at(begun, path), LOOP_CHANGEABLE) == changed
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.message == (
            f"going on with {changed}, which keeps its numbers: {moved}{kept}"
        )
    caplog.clear()
    assert latest_like(out, at(make_config(lr=0.001), new), LOOP_CHANGEABLE) == changed
    assert caplog.messages == [f"going on with {changed}"]
    assert latest_like(out, at(make_config(lr=0.002), new), LOOP_CHANGEABLE) is None


def test_the_usual_clamp_of_another_device_is_no_difference(
    make_config: Any, run: Outcome, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Runs in bfloat16 usually clamp, those in float32 do not."""
    in_bf16 = make_config(kimg=0.008, precision="bf16")
    assert in_bf16.generator.conv_clamp == 256.0
    assert latest_like(run.folder.parent, in_bf16, LOOP_CHANGEABLE) == run.folder
    clamped = train(in_bf16, tmp_path).folder
    wanted = make_config(kimg=0.008, precision="fp32")
    assert latest_like(tmp_path, wanted, LOOP_CHANGEABLE) == clamped
    caplog.clear()
    by_hand = make_config(kimg=0.008, precision="bf16", conv_clamp=0.0)
    assert latest_like(tmp_path, by_hand, LOOP_CHANGEABLE) is None
    assert "generator.conv_clamp is 256.0 there, None here" in caplog.text
