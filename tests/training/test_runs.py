"""Whole runs: what lies in the folder, how they end, and that they go on exactly."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import stylegen
from stylegen.checkpoints import read_info, read_tensors
from stylegen.data import write_synth
from stylegen.errors import InputError
from stylegen.training import Status, folder, resume, train
from stylegen.training.folder import RunFolder, new_run_folder


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def test_a_run_leaves_everything_in_its_folder(make_config: Any, tmp_path: Path) -> None:
    seen: list[Status] = []
    config = make_config(name="tiny faces!")
    outcome = train(config, tmp_path / "runs", seen.append)
    assert outcome.folder == tmp_path / "runs" / "00000-tiny-faces"
    assert (outcome.reason, outcome.kimg) == ("finished", 0.16)
    names = {p.name for p in outcome.folder.iterdir()}
    assert {"config.json", "stats.jsonl", "reals.png", "fakes000000.png"} <= names
    assert any(n.startswith("events.out.tfevents") for n in names)
    snapshots = RunFolder(outcome.folder).snapshots()
    assert [read_info(s).kimg for s in snapshots] == [0.0, 0.08, 0.16]
    assert outcome.snapshot == snapshots[-1]
    assert RunFolder(outcome.folder).read_config() == config
    with Image.open(outcome.folder / "fakes000000.png") as grid:
        assert grid.size == (256, 128)
    assert [s.images_shown for s in seen] == list(range(8, 161, 8))
    ticks = lines(outcome.folder)
    assert [t["images_shown"] for t in ticks] == [40, 80, 120, 160]
    for name in ("loss_g", "loss_d", "r1", "path_length", "signs_real", "img_per_sec"):
        assert name in ticks[0], name
    assert stylegen.generate(stylegen.load(outcome.snapshot), [0]).shape == (1, 3, 16, 16)


def state(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(RunFolder(folder).state)


def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(
    make_config: Any, tmp_path: Path
) -> None:
    whole = train(make_config(labels=True, c_dim=6), tmp_path / "whole")
    half = train(make_config(labels=True, c_dim=6, kimg=0.08), tmp_path / "half")
    rest = resume(half.folder, kimg=0.16)
    assert rest.folder == half.folder
    expected, actual = state(whole.folder), state(rest.folder)
    assert expected.keys() == actual.keys()
    different = [k for k in expected if not torch.equal(expected[k], actual[k])]
    assert not different
    assert [t["images_shown"] for t in lines(rest.folder)] == [40, 80, 120, 160]


def test_another_seed_gives_another_run(make_config: Any, tmp_path: Path) -> None:
    a = train(make_config(kimg=0.008), tmp_path)
    b = train(make_config(kimg=0.008, seed=1), tmp_path)
    assert (a.folder.name, b.folder.name) == ("00000-run", "00001-run")
    name = "G.mapping.fc0.weight"
    assert not torch.equal(state(a.folder)[name], state(b.folder)[name])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_after_its_step_and_saves(
    make_config: Any, tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(number)

    def interrupt(status: Status) -> None:
        if status.images_shown == 48:
            os.kill(os.getpid(), number)

    outcome = train(make_config(), tmp_path, interrupt)
    assert outcome.reason == "interrupted"
    assert 0.048 <= outcome.kimg <= 0.056
    assert read_info(outcome.snapshot).kimg == outcome.kimg
    assert signal.getsignal(number) == before
    assert resume(outcome.folder).kimg == 0.16


def test_time_runs_out(make_config: Any, tmp_path: Path) -> None:
    outcome = train(make_config(kimg=1000.0, max_minutes=0.0), tmp_path)
    assert (outcome.reason, outcome.kimg) == ("out of time", 0.008)


def test_grey_images(make_config: Any, tmp_path: Path) -> None:
    config = make_config(kimg=0.008)
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, channels=1),
        generator=dataclasses.replace(config.generator, img_channels=1),
        discriminator=dataclasses.replace(config.discriminator, img_channels=1),
    )
    outcome = train(config, tmp_path)
    with Image.open(outcome.folder / "fakes000000.png") as grid:
        assert grid.mode == "L"


def test_bfloat16_trains_too(make_config: Any, tmp_path: Path) -> None:
    outcome = train(make_config(kimg=0.04, precision="bf16", conv_clamp=256.0), tmp_path)
    weights = state(outcome.folder)
    assert all(w.isfinite().all() for w in weights.values() if w.is_floating_point())
    assert weights["G.synthesis.b16.conv1.weight"].dtype == torch.float32


def test_folders_get_free_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "00007-old").mkdir()
    (tmp_path / "notes").mkdir()
    assert new_run_folder(tmp_path, "a/b").path.name == "00008-a-b"
    (tmp_path / "00009-a").write_text("")
    (tmp_path / "00010-a").mkdir()
    monkeypatch.setattr(folder.Path, "iterdir", lambda path: iter([path / "00008-b"]))
    assert new_run_folder(tmp_path, "a").path.name == "00011-a"  # others began meanwhile
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        new_run_folder(tmp_path / "file", "x")


def test_what_is_no_run_cannot_be_resumed(make_config: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no config"):
        resume(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        resume(tmp_path)
    outcome = train(make_config(kimg=0.008), tmp_path / "runs")
    file = RunFolder(outcome.folder).state
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(InputError, match="not a whole"):
        resume(outcome.folder)


def test_a_run_of_other_networks_cannot_be_resumed(make_config: Any, tmp_path: Path) -> None:
    a = train(make_config(kimg=0.008), tmp_path)
    b = train(make_config(kimg=0.008, channel_max=4), tmp_path)
    os.replace(RunFolder(b.folder).state, RunFolder(a.folder).state)
    with pytest.raises(InputError, match="other shape"):
        resume(a.folder)


def test_the_resolutions_must_agree(make_config: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="read at 16x16 px, but the networks are for 32x32 px"):
        train(make_config(resolution=32), tmp_path)
    assert not list(tmp_path.iterdir())


def test_broken_files_are_named_in_the_run(
    make_config: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(9):
        Image.new("RGB", (16, 16), (i, i, i)).save(folder / f"{i}.png")
    (folder / "5.png").write_bytes((folder / "5.png").read_bytes()[:40])
    config = make_config(kimg=0.008)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, path=str(folder)))
    outcome = train(config, tmp_path / "runs")
    (entry,) = json.loads((outcome.folder / "skipped.json").read_text())
    assert entry["name"] == "5.png"
    assert entry["reason"]
    assert "1 file cannot be read and is left out: 5.png (" in caplog.text
    assert read_info(outcome.snapshot).provenance["data_images"] == 8


def test_what_defines_a_run_stays(make_config: Any, tmp_path: Path) -> None:
    outcome = train(make_config(kimg=0.008), tmp_path)
    with pytest.raises(InputError, match="batch, seed cannot change"):
        resume(outcome.folder, seed=3, batch=4)
    RunFolder(outcome.folder).state.unlink()
    with pytest.raises(InputError, match="go on from the one saved before it"):
        resume(outcome.folder)
    RunFolder(outcome.folder).earlier_state.unlink()
    with pytest.raises(InputError, match="begin anew"):
        resume(outcome.folder)


def test_a_run_goes_on_where_its_images_have_moved_to(
    make_config: Any, faces: Path, tmp_path: Path
) -> None:
    old, new, other = (tmp_path / name for name in ("old.zip", "new.zip", "other.zip"))
    shutil.copy(faces, old)
    config = make_config(kimg=0.08)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, path=str(old)))
    outcome = train(config, tmp_path / "runs")
    whole = train(make_config(kimg=0.16), tmp_path / "whole")
    old.rename(new)
    with pytest.raises(InputError, match=r"no longer at .*old\.zip.*with --data"):
        resume(outcome.folder, kimg=0.16)
    write_synth(other, count=40, resolution=16, seed=1)
    with pytest.raises(InputError, match=r"images at .*other\.zip are not those of this run"):
        resume(outcome.folder, data=other, kimg=0.16)
    assert RunFolder(outcome.folder).read_config() == config
    rest = resume(outcome.folder, data=new, kimg=0.16)
    expected, actual = state(whole.folder), state(rest.folder)
    assert [k for k in expected if not torch.equal(expected[k], actual[k])] == []
    assert RunFolder(rest.folder).read_config().data.path == str(new)
    assert resume(rest.folder, kimg=0.168).kimg == 0.168  # it is known from now on


def test_nothing_of_a_run_is_overwritten(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    names = []
    for kimg in (0.0, 0.5, 20.0, 20.016):
        path = folder.snapshot(kimg)
        assert not path.exists()
        path.write_text("")
        names.append(path.name)
    assert names[:2] == ["snapshot-000000.safetensors", "snapshot-000000.500.safetensors"]
    assert [p.name for p in folder.snapshots()] == names


STREAMED = """
import time
from stylegen.cli import main
from stylegen.data import ImageSet
from stylegen.training import feed

read = ImageSet.__getitem__
feed.MEMORY_BYTES = 0
ImageSet.__getitem__ = lambda self, i: (time.sleep(0.05), read(self, i))[1]
main({arguments})
"""


def test_ctrl_c_while_workers_decode(faces: Path, tmp_path: Path) -> None:
    arguments = (
        f"train --data {faces} --out {tmp_path} --batch 8 --channel-base 64 --channel-max 8 "
        "--z-dim 8 --w-dim 8 --device cpu --mapping-layers 1"
    )
    code = STREAMED.format(arguments=repr(arguments.split()))
    process = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/training-state.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "interrupted at" in out
