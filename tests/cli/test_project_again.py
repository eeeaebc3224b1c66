"""``stylegen project`` again: what goes on, what is refused, what is never replaced."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.editing.latents import Latents
from stylegen.editing.projection import folder as folder_module
from tests.cli.projecting import run, write_material


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_material(tmp_path_factory.mktemp("project"))


def test_what_exists_is_not_replaced_unasked(material: Path, tmp_path: Path) -> None:
    (tmp_path / "b.npz").write_text("mine")
    result = run(material, ["b.png"], "--out", tmp_path)
    assert result.exit_code == 2
    assert "b.npz exists already; --overwrite replaces it" in result.output
    assert (tmp_path / "b.npz").read_text() == "mine"
    assert run(material, ["b.png"], "--out", tmp_path, "--overwrite").exit_code == 0
    again = run(material, ["b.png"], "--out", tmp_path)
    assert again.exit_code == 2
    assert "report.json exists already" in again.output


def test_a_stopped_run_goes_on(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    options = ["--tune", "--tune-steps", 2]
    assert run(material, ["a.png", "b.png"], "--out", whole, *options).exit_code == 0
    calls = 0
    tune = folder_module.tune

    def dies(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return tune(*args, **more)

    monkeypatch.setattr(folder_module, "tune", dies)
    assert run(material, ["a.png", "b.png"], "--out", out, *options).exit_code != 0
    assert {p.name for p in out.iterdir()} == {
        ".stylegen-unfinished", "a.delta.safetensors", "a.delta.json"
    }  # fmt: skip
    other = run(material, ["a.png", "b.png"], "--out", out, *options, "--seed", 3)
    assert other.exit_code == 2
    assert "other settings" in other.output
    assert "going on" not in other.output
    result = run(material, ["a.png", "b.png"], "--out", out, *options)
    assert result.exit_code == 0, result.output
    assert "going on with the unfinished run" in result.output
    assert calls == 3  # the first photo is not tuned again
    assert {p.name for p in out.iterdir()} == {p.name for p in whole.iterdir()}
    for name in ("a.npz", "b.npz"):
        assert torch.equal(Latents.load(out / name).w, Latents.load(whole / name).w)
    for name in ("a.tuned.png", "b.tuned.png", "contact.png"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def stop_in_tuning(patch: pytest.MonkeyPatch, *args: Any) -> None:
    """Run a projection that is killed when its first photo is to be tuned."""

    def dies(*args: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    with patch.context() as context:
        context.setattr(folder_module, "tune", dies)
        assert run(*args).exit_code not in (0, 2)


@pytest.mark.parametrize(
    "name", ["b.npz", "b.png", "b.delta.json", "b.tuned.png", "b.gif", "contact.png", "report.txt"]
)
def test_every_file_that_exists_is_refused(material: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    options = ["--tune", "--tune-steps", 1, "--video", "--video-format", "gif"]
    result = run(material, ["b.png"], "--out", tmp_path, *options)
    assert result.exit_code == 2
    assert f"{name} exists already; --overwrite replaces it" in result.output
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_folder_called_unfinished_is_left_alone(material: Path, tmp_path: Path) -> None:
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "thesis.txt").write_text("mine")
    (tmp_path / "b.npz").write_text("mine")
    assert run(material, ["b.png"], "--out", tmp_path).exit_code == 2
    assert (tmp_path / "b.npz").read_text() == "mine"
    assert run(material, ["b.png"], "--out", tmp_path, "--overwrite").exit_code == 0
    assert (tmp_path / "unfinished" / "thesis.txt").read_text() == "mine"


def test_a_photo_is_never_replaced(material: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(material / "b.png", out / "b.png")
    before = (out / "b.png").read_bytes()
    link = tmp_path / "link"
    link.symlink_to(out)
    for options in ([], ["--overwrite"]):
        result = run(out, [str(link / "b.png")], "--network", material / "s.safetensors",
                     "--out", out, *options)  # fmt: skip
        assert result.exit_code == 2
        assert "b.png is one of the photos; take another folder" in result.output
    assert [path.name for path in out.iterdir()] == ["b.png"]
    assert (out / "b.png").read_bytes() == before


def test_names_that_collide_are_refused(material: Path, tmp_path: Path) -> None:
    for name in ("contact.png", "report.png", "b.tuned.png"):
        shutil.copy(material / "b.png", tmp_path / name)
    for names, message in (
        (["contact.png"], "contact.png would be taken for"),
        (["report.png"], "report.png would be taken for"),
        ([str(material / "b.png"), "b.tuned.png"], "two photos would both become b.tuned.png"),
    ):
        result = run(tmp_path, names, "--network", material / "s.safetensors",
                     "--out", tmp_path / "out", "--tune")  # fmt: skip
        assert result.exit_code == 2
        assert message in result.output
    assert not (tmp_path / "out").exists()


def test_a_run_that_goes_on_replaces_its_own_files_only(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*args: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    words = (material, ["a.png"], "--out", tmp_path, "--tune", "--tune-steps", 1)
    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "contact_sheet", dies)
        assert run(*words).exit_code not in (0, 2)
    names = ["a.npz", "a.png", "a.tuned.png", "a.delta.safetensors", "a.delta.json"]
    manifest = json.loads((tmp_path / ".stylegen-unfinished" / "manifest.json").read_text())
    digests = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in names}
    assert manifest["written"] == digests
    for name in ("report.txt", "a.npz"):
        before = (tmp_path / name).read_bytes() if (tmp_path / name).exists() else None
        (tmp_path / name).write_text("mine")
        result = run(*words)
        assert result.exit_code == 2
        assert f"{name} exists already; --overwrite replaces it; to go on" in result.output
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()
        if before is not None:
            (tmp_path / name).write_bytes(before)
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "report.txt").exists()


def test_unfinished_work_stays_until_the_search_begins(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (material, ["a.png"], "--out", tmp_path, "--tune", "--tune-steps", 1)
    stop_in_tuning(monkeypatch, *words)
    states = tmp_path / ".stylegen-unfinished"
    kept = {path: path.read_bytes() for path in states.iterdir()}
    for wrong in (["--distance", "squeezenet"], ["--device", "cuda:9"], ["--class", "cat"]):
        result = run(*words, *wrong, "--overwrite")
        assert result.exit_code == 2, result.output
        assert {path: path.read_bytes() for path in states.iterdir()} == kept
    state = next(path for path in kept if path.suffix == ".safetensors")
    state.write_bytes(kept[state][:50])
    result = run(*words, "--noise-maps", "joint")
    assert result.exit_code == 2
    assert run(*words, "--overwrite").exit_code == 0
    assert not states.exists()


def test_the_network_is_never_replaced(material: Path, tmp_path: Path) -> None:
    network = tmp_path / "a.delta.safetensors"
    shutil.copy(material / "s.safetensors", network)
    result = run(material, ["a.png"], "--network", network, "--out", tmp_path, "--tune",
                 "--overwrite")  # fmt: skip
    assert result.exit_code == 2
    assert "a.delta.safetensors is the network itself" in result.output
    assert network.read_bytes() == (material / "s.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tune-steps", 3], "--tune-steps is for --tune, which was not asked for"),
        (["--video-format", "gif"], "--video-format is for --video, which was not asked for"),
        (["--start", "mean"], "--candidates is for --start best, which was not asked for"),
    ],
)
def test_options_without_use_are_refused(
    material: Path, tmp_path: Path, options: list[Any], told: str
) -> None:
    result = run(material, ["a.png"], "--out", tmp_path / "out", *options)  # has --candidates
    assert result.exit_code == 2
    assert told in result.output
    assert not (tmp_path / "out").exists()


def test_other_photos_and_files_are_another_run(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--out", tmp_path, "--tune", "--tune-steps", 1]
    stop_in_tuning(monkeypatch, material, ["a.png"], *options)
    states = tmp_path / ".stylegen-unfinished"
    kept = sorted(path.name for path in states.iterdir())
    (tmp_path / "b.npz").write_text("mine")
    for photos, more, message in (
        (["a.png", "b.png"], [], "other photos or files to write"),
        (["a.png"], ["--paste"], "other photos or files to write"),
        (["a.png"], ["--crop", "0,0,9,9"], "other settings or photos"),
        (["a.png"], ["--space", "w+"], "other settings or photos"),
    ):
        result = run(material, photos, *options, *more)
        assert result.exit_code == 2, result.output
        assert message in result.output
        assert "start anew with --overwrite" in result.output
    assert (tmp_path / "b.npz").read_text() == "mine"
    assert sorted(path.name for path in states.iterdir()) == kept
    (states / "notes.txt").write_text("mine")
    result = run(material, ["a.png"], *options, "--space", "w+", "--overwrite")
    assert result.exit_code == 0, result.output
    assert "going on" not in result.output
    assert [path.name for path in states.iterdir()] == ["notes.txt"]
    assert json.loads((tmp_path / "report.json").read_text())["config"]["space"] == "w+"


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_another_manifest_is_refused(material: Path, tmp_path: Path, options: list[str]) -> None:
    states = tmp_path / ".stylegen-unfinished"
    states.mkdir()
    (states / "0123456789abcdef.json").write_text("mine")
    for text in ('{"kind": "other"}', "{"):
        (states / "manifest.json").write_text(text)
        result = run(material, ["b.png"], "--out", tmp_path, *options)
        assert result.exit_code == 2
        assert f"move {states} away" in result.output
        assert (states / "manifest.json").read_text() == text
        assert (states / "0123456789abcdef.json").read_text() == "mine"


def test_deltas_of_other_settings_are_made_anew(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    tune = folder_module.tune

    def counted(*args: Any, **more: Any) -> Any:
        steps.append(args[4].steps)
        if len(steps) in (2, 4):
            raise KeyboardInterrupt
        return tune(*args, **more)

    monkeypatch.setattr(folder_module, "tune", counted)
    photos, where = ["a.png", "b.png"], ["--out", tmp_path, "--tune", "--tune-steps"]
    assert run(material, photos, *where, 1).exit_code != 0  # a is tuned, b is not
    assert run(material, photos, *where, 2).exit_code != 0  # a again, b is not
    assert run(material, photos, *where, 2).exit_code == 0  # a is kept
    assert steps == [1, 1, 2, 2, 2]
    for stem in "ab":
        header = json.loads((tmp_path / f"{stem}.delta.json").read_text())
        assert header["about"]["tuning"]["steps"] == 2
    assert run(material, photos, *where, 2, "--overwrite").exit_code == 0
    assert steps == [1, 1, 2, 2, 2, 2, 2]
