"""``stylegen project``: what it writes, refuses and goes on with."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from stylegen.checkpoints import SnapshotInfo, load, save_snapshot
from stylegen.cli import Program
from stylegen.cli.project import project
from stylegen.editing.latents import Latents
from stylegen.editing.projection import apply_delta
from stylegen.editing.projection import folder as folder_module
from stylegen.editing.sampling import draw
from stylegen.images import save_image, to_pil
from tests.editing.projection import small

QUICK = ["--steps", "5", "--candidates", "2", "--device", "cpu"]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot and three photos of other sizes."""
    where = tmp_path_factory.mktemp("project")
    g = small.generator()
    d = small.discriminator(g)
    info = SnapshotInfo(generator=g.config, discriminator=d.config)
    save_snapshot(where / "s.safetensors", g, d, info)
    random = torch.Generator().manual_seed(0)
    for name, shape in (("a", (3, 30, 40)), ("b", (1, 16, 16)), ("c", (4, 9, 9))):
        save_image(torch.randint(256, shape, generator=random, dtype=torch.uint8),
                   where / f"{name}.png")  # fmt: skip
    return where


def pixels(path: Path, mode: str = "RGB") -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert(mode))


def run(material: Path, photos: list[str], *options: Any) -> Result:
    program = Program("stylegen")
    program.add_command(project)
    files = [str(material / name) for name in photos]
    network = ["--network", str(material / "s.safetensors")]
    return CliRunner().invoke(program, ["project", *files, *network, *QUICK, *map(str, options)])


def test_photos_become_latents_images_and_a_report(material: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(
        material, ["a.png", "b.png", "c.png"], "--out", out, "--paste", "--tune",
        "--tune-steps", 2, "--video", "--video-format", "gif", "--also", "pyramid",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    stems = [f"{s}{x}" for s in "abc" for x in (
        ".npz", ".png", ".pasted.png", ".gif", ".tuned.png", ".delta.safetensors", ".delta.json"
    )]  # fmt: skip
    names = {path.name for path in out.iterdir()}
    assert names == {*stems, "contact.png", "report.json", "report.txt"}
    generator = load(material / "s.safetensors")
    latents = Latents.load(out / "a.npz")
    assert latents.sources == ("a.png",)
    drawn = to_pil(draw(generator, latents.w)[0])
    assert np.array_equal(pixels(out / "a.png"), np.asarray(drawn))
    tuned = to_pil(draw(apply_delta(generator, out / "a.delta.safetensors"), latents.w)[0])
    assert np.array_equal(pixels(out / "a.tuned.png"), np.asarray(tuned))
    assert pixels(out / "a.pasted.png").shape == (30, 40, 3)
    assert pixels(out / "contact.png").shape == (3 * 16 + 2 * 2, 4 * 16 + 3 * 2, 3)
    with Image.open(out / "a.gif") as video:
        assert (video.size, video.n_frames) == ((32, 16), 5)
    report = json.loads((out / "report.json").read_text())
    entry = report["images"][1]
    assert entry["source"] == "b.png"
    assert set(entry["others"]) == {"pyramid"}
    assert report["distance"] == "discriminator"
    assert report["config"]["steps"] == 5
    error = pixels(out / "b.png").astype(float)
    target = pixels(material / "b.png").astype(float)
    expected = 10 * np.log10(255**2 / np.square(error - target).mean())
    assert entry["psnr_db"] == pytest.approx(expected)
    table = (out / "report.txt").read_text()
    assert f"{entry['psnr_db']:.2f}" in table
    assert table in result.output


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
        "unfinished", "a.delta.safetensors", "a.delta.json"
    }  # fmt: skip
    other = run(material, ["a.png", "b.png"], "--out", out, *options, "--seed", 3)
    assert other.exit_code == 2
    assert "other settings" in other.output
    result = run(material, ["a.png", "b.png"], "--out", out, *options)
    assert result.exit_code == 0, result.output
    assert "going on with the unfinished run" in result.output
    assert calls == 3  # the first photo is not tuned again
    assert {p.name for p in out.iterdir()} == {p.name for p in whole.iterdir()}
    for name in ("a.npz", "b.npz"):
        assert torch.equal(Latents.load(out / name).w, Latents.load(whole / name).w)
    for name in ("a.tuned.png", "b.tuned.png", "contact.png"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize(
    ("photos", "options", "message"),
    [
        (["none.png"], [], "none.png cannot be opened"),
        (["s.safetensors"], [], "cannot be read as a picture"),
        (["a.png"], ["--crop", "0,0,99,9"], "goes beyond the picture, which is 40x30 px"),
        (["a.png"], ["--crop", "1,2"], "wanted x,y,width,height"),
        (["a.png", "a.png"], [], "two photos would both become a.png"),
        (["a.png"], ["--distance", "squeezenet"], "squeezenet needs its weights"),
        (["a.png"], ["--distance-weights", "x.pth"], "--distance-weights is for squeezenet"),
        (["a.png"], ["--class", "cat"], "trained without classes"),
        (["a.png"], ["--steps", "0"], "steps is 0; wanted a number"),
    ],
)
def test_mistakes_are_one_sentence(
    material: Path, tmp_path: Path, photos: list[str], options: list[str], message: str
) -> None:
    result = run(material, photos, "--out", tmp_path / "out", *options)
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not (tmp_path / "out").exists()
