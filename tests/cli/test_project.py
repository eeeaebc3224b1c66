"""``stylegen project``: what it writes, reports and keeps."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegen.checkpoints import load
from stylegen.cli import main
from stylegen.editing.latents import Latents
from stylegen.editing.projection import ProjectionConfig, apply_delta
from stylegen.editing.projection.searching import Search
from stylegen.editing.sampling import draw
from stylegen.images import from_pil, from_uint8, to_pil
from tests.cli.projecting import run, write_material
from tests.editing.projection import small


@pytest.fixture(autouse=True)
def empty_hub(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without weights of LPIPS, which would be reported too."""
    hub = str(tmp_path_factory.mktemp("hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: hub)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_material(tmp_path_factory.mktemp("project"))


def pixels(path: Path, mode: str = "RGB") -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert(mode))


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


def test_stored_noise_maps_have_no_line(material: Path, tmp_path: Path) -> None:
    for maps, lines in (("stored", 0), ("joint", 1)):
        run(material, ["b.png"], "--out", tmp_path / maps, "--noise-maps", maps)
        assert (tmp_path / maps / "report.txt").read_text().count("noise maps") == lines


def test_photos_among_sources_and_projections_share_what_is_kept(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(material / "a.png", tmp_path / name)
    options = ["--network", material / "s.safetensors"]
    settings = ["--steps", "4", "--candidates", ProjectionConfig.candidates]
    code = Search._code_step
    steps: list[int] = []
    monkeypatch.setattr(
        Search, "_code_step", lambda self, *more: steps.append(1) or code(self, *more)
    )
    first = run(tmp_path, ["one/a.png"], *options, *settings, "--out", tmp_path / "searched")
    assert first.exit_code == 0, first.output
    assert len(steps) == 4
    assert f"--latents {tmp_path / 'searched' / 'a'}.npz" in first.output
    for photo in ("one", "two"):
        line = ["generate", "--latents", tmp_path / photo / "a.png", "--project-steps", 4,
                *options, "--out", tmp_path / f"drawn-{photo}"]  # fmt: skip
        assert CliRunner().invoke(main, [str(word) for word in line]).exit_code == 0
    assert len(steps) == 8  # the photo of the first folder was known
    second = run(tmp_path, ["two/a.png"], *options, *settings, "--out", tmp_path / "kept")
    assert second.exit_code == 0, second.output
    assert len(steps) == 8
    images = [tmp_path / name / "a.png" for name in ("searched", "drawn-one", "drawn-two", "kept")]
    assert len({path.read_bytes() for path in images}) == 1
    ours, theirs = (
        json.loads((tmp_path / name / "report.json").read_text())["images"][0]
        for name in ("kept", "searched")
    )
    assert (ours.pop("kept"), theirs.pop("kept")) == (True, False)
    ours.pop("seconds"), theirs.pop("seconds")
    assert ours == theirs
    assert (tmp_path / "kept" / "report.txt").read_text().count(" kept\n") == 1
    again = run(tmp_path, ["two/a.png"], *options, *settings, "--out", tmp_path / "cropped",
                "--crop", "0,0,20,20")  # fmt: skip
    assert again.exit_code == 0
    assert len(steps) == 12


def test_the_report_has_a_figure_like_lpips(material: Path, tmp_path: Path) -> None:
    run(material, ["b.png"], "--out", tmp_path, "--distance", "pyramid")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["lpips_like"] == "discriminator"
    generator = small.generator()
    drawn, target = (
        from_pil(Image.open(path).convert("RGB"))[None]
        for path in (tmp_path / "b.png", material / "b.png")
    )
    expected = small.distance(generator)(from_uint8(drawn), from_uint8(target)).item()
    assert report["images"][0]["others"]["discriminator"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("photos", "options", "message"),
    [
        (["none.png"], [], "none.png cannot be opened"),
        (["s.safetensors"], [], "cannot be read as a picture"),
        (["a.png"], ["--crop", "0,0,99,9"], "goes beyond the picture, which is 40x30 px"),
        (["a.png"], ["--crop", "1,2"], "wanted x,y,width,height"),
        (["a.png", "a.png"], [], "two photos would both become a.png"),
        (["a.png"], ["--distance", "squeezenet"], "squeezenet needs its weights"),
        (["a.png"], ["--distance-weights", "x.pth"], "no weights file at x.pth"),
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
