"""``stylegen interpolate``."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import stylegen
from stylegen.cli import Program
from stylegen.cli.interpolate import interpolate
from stylegen.editing.latents import Latents
from tests.editing.small import snapshot

PROGRAM = Program("stylegen", commands={"interpolate": interpolate})


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return snapshot(tmp_path_factory.mktemp("n") / "n.safetensors")


def run(network: Path, *words: str | Path) -> str:
    line = ["interpolate", "--network", network, *words]
    result = CliRunner().invoke(PROGRAM, [str(word) for word in line])
    assert result.exit_code == 0, result.output
    return result.output


def refused(network: Path, *words: str | Path) -> str:
    line = ["interpolate", "--network", network, *words]
    result = CliRunner().invoke(PROGRAM, [str(word) for word in line])
    assert result.exit_code == 2, result.output
    return result.output


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        rows = np.asarray(image)
        return rows.reshape(*rows.shape[:2], -1).transpose(2, 0, 1)


def drawn(network: Path, seeds: list[int], **options: Any) -> np.ndarray:
    return stylegen.generate(stylegen.load(network), seeds, **options).numpy()


def test_a_folder_of_frames_passes_through_seeds_and_files(network: Path, tmp_path: Path) -> None:
    generator = stylegen.load(network)
    w = torch.randn(1, generator.config.num_ws, 4)
    Latents(w=w, sources=("mine",)).save(tmp_path / "w.npz")
    out = tmp_path / "new" / "walk"
    output = run(
        network, "--through", f"3,{tmp_path / 'w.npz'},1", "--frames", "7", "--fps", "24", "--path",
        "cubic", "--out", out,
    )  # fmt: skip
    assert f"{out}: 7 frames, 24 a second, 0.291667 s" in output
    assert "3 (frame 0), mine (frame 3), 1 (frame 6)" in output
    assert len(list(out.iterdir())) == 7
    for frame, expected in zip((0, 6), drawn(network, [3, 1]), strict=True):
        assert np.array_equal(pixels(out / f"frame0000{frame}.png"), expected)
    image = generator.synthesis(w, noise="const")[0]
    expected = (image * 127.5 + 128).clamp(0, 255).byte().numpy()
    assert np.array_equal(pixels(out / "frame00003.png"), expected)


def test_photos_are_projected(network: Path, tmp_path: Path) -> None:
    Image.new("RGB", (20, 16), "red").save(tmp_path / "photo.png")
    output = run(
        network, "--through", f"1,{tmp_path / 'photo.png'}", "--frames", "3", "--project-steps",
        "2", "--distance", "pyramid", "--constant-speed", "--out", tmp_path / "walk",
    )  # fmt: skip
    assert "1 (frame 0), photo.png (frame 2)" in output
    assert len(list(tmp_path.glob("photo.png.*.npz"))) == 1


@pytest.mark.parametrize("speed", [[], ["--constant-speed"]])
def test_a_looping_gif_in_z(network: Path, tmp_path: Path, speed: list[str]) -> None:
    output = run(
        network, "--through", "0-2", "--frames", "10", "--space", "z", "--path", "slerp",
        "--closed", "--psi", "0.5", "--out", tmp_path / "a.gif", *speed,
    )  # fmt: skip
    assert "0 (frame 0), 1 (frame " in output
    assert "0.33 s in all instead of 0.333333" in output
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 10  # type: ignore[attr-defined]
        first = np.asarray(image.convert("RGB")).transpose(2, 0, 1).astype(int)
    assert np.abs(first - drawn(network, [0], psi=0.5)[0]).mean() < 8


def test_a_grid_as_webp(network: Path, tmp_path: Path) -> None:
    output = run(
        network, "--through", "0-11", "--grid", "3x2", "--frames", "4", "--fps", "25", "--layers",
        "RES:8-", "--out", tmp_path / "a.webp",
    )  # fmt: skip
    assert "6 walks of 2 points" in output
    with Image.open(tmp_path / "a.webp") as image:
        assert image.size == (48, 32)
        assert image.n_frames == 4  # type: ignore[attr-defined]


def test_a_sweep_as_mp4(network: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    output = run(
        network, "--through", "5", "--truncation-sweep", "-1..1", "--frames", "9", "--fps",
        "30000/1001", "--out", tmp_path / "a.mp4",
    )  # fmt: skip
    assert "9 frames, 30000/1001 a second" in output
    assert "5 at psi -1 (frame 0), 5 at psi 1 (frame 8)" in output
    assert "16x16 are enlarged 8 times" in output
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].frames == 9


def test_classes_grey_and_shapes(tmp_path: Path) -> None:
    other = snapshot(tmp_path / "n.safetensors", c_dim=2, img_channels=2, base_size=(3, 5))
    for space in ("w", "z"):
        run(
            other, "--through", "1,2", "--space", space, "--frames", "3", "--class", "dog", "--out",
            tmp_path / space,
        )  # fmt: skip
        expected = drawn(other, [1, 2], class_name="dog")
        assert np.array_equal(pixels(tmp_path / space / "frame00000.png"), expected[0])
        assert np.array_equal(pixels(tmp_path / space / "frame00002.png"), expected[1])
    assert "the classes are: cat, dog" in refused(
        other, "--through", "1,2", "--class", "cow", "--out", tmp_path / "no"
    )
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--through 1", "needs at least two points, but there is 1"),
        ("--through 1-6 --grid 2x2", "4 walks need equally many points"),
        ("--through 1,2 --path slerp", "take space z"),
        ("--through 1,2 --layers 99", "layer 99 was asked for"),
        ("--through 1,2 --frames 1", "wanted at least 2"),
        ("--through 1,2 --fps 60", "50 frames a second at most"),
        ("--through 1,2 --fps zero", "wanted frames a second"),
        ("--through 1 --truncation-sweep 1", "wanted two values such as -1..1"),
        ("--through 1,2 --truncation-sweep 0..1", "takes one point for each walk"),
        ("--through 1,missing.jpg", "missing.jpg does not exist"),
        ("--through 1,2 --distance-weights x.pth", "is for photos, but there is none"),
        ("--through 1,2 --space z --distance-weights x.pth", "is for photos, but there is none"),
        ("--through 1,2 --constant-speed --distance no", "'no' is not one of 'discriminator'"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    network: Path, tmp_path: Path, words: str, message: str
) -> None:
    output = refused(network, *words.split(), "--out", tmp_path / "new" / "a.gif")
    assert message in output
    assert list(tmp_path.iterdir()) == []


def test_walks_in_z_take_no_files(network: Path, tmp_path: Path) -> None:
    Latents(w=torch.zeros(1, 6, 4), sources=("w",)).save(tmp_path / "w.npz")
    through = f"1,{tmp_path / 'w.npz'}"
    output = refused(network, "--through", through, "--space", "z", "--out", tmp_path / "a.gif")
    assert "take space w" in " ".join(output.split())


def test_nothing_is_replaced_unasked(network: Path, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_text("old")
    words = ("--through", "1,2", "--frames", "3", "--out", tmp_path / "a.gif")
    assert "exists already; --overwrite replaces it" in refused(network, *words)
    assert (tmp_path / "a.gif").read_text() == "old"
    run(network, *words, "--overwrite")
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
