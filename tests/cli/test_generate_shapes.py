"""``stylegen generate`` and ``mix`` with networks of every shape and number of channels."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from stylegen.cli import main
from stylegen.networks import shape_for
from tests.editing import small

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def snapshot(path: Path, width: int, height: int, channels: int, c_dim: int = 0) -> Path:
    resolution, base_size = shape_for(height, width)
    shape = {"resolution": resolution, "base_size": base_size, "img_channels": channels}
    return small.snapshot(path, channel_base=512, c_dim=c_dim, **shape)


def run(*words: str | Path) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("width", "height", "channels", "c_dim"),
    [(48, 80, 4, 2), (96, 64, 1, 0), (20, 12, 2, 2), (24, 24, 3, 0)],
)
def test_every_shape_is_drawn_and_mixed(
    tmp_path: Path, width: int, height: int, channels: int, c_dim: int
) -> None:
    network = snapshot(tmp_path / "n.safetensors", width, height, channels, c_dim)
    named = ("--class", "dog") if c_dim else ()
    run(
        "generate", "--network", network, "--seeds", "0-2", "--grid", "2x2", "--out",
        tmp_path / "drawn", *named,
    )  # fmt: skip
    with Image.open(tmp_path / "drawn" / "seed0001.png") as one:
        assert (one.size, one.mode) == ((width, height), MODES[channels])
        one.load()
    with Image.open(tmp_path / "drawn" / "grid.png") as grid:
        assert (grid.size, grid.mode) == ((2 * width, 2 * height), MODES[channels])
        assert grid.crop((width, 0, 2 * width, height)).tobytes() == one.tobytes()
    output = run(
        "mix", "--network", network, "--rows", "0,2", "--cols", "1", "--out", tmp_path / "m.png",
        *named,
    )  # fmt: skip
    assert "layers 0,1,2 of the columns" in output
    with Image.open(tmp_path / "m.png") as grid:
        assert (grid.size, grid.mode) == ((2 * width, 3 * height), MODES[channels])
        assert grid.crop((width, 0, 2 * width, height)).tobytes() == one.tobytes()


@pytest.mark.parametrize(
    "words", ["mix --rows 0 --cols 1 --out", "transfer --content 0 --style 1 --out",
              "adapt --style 1 --steps 1 --out a.safetensors --preview"],
)  # fmt: skip
def test_transparency_is_refused_as_jpeg_before_the_work(
    tmp_path: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = snapshot(tmp_path / "n.safetensors", 12, 20, 4)
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("stylegen.checkpoints.snapshot.load", None)  # which is not called
    command, *more = words.split()
    result = CliRunner().invoke(main, [command, "--network", str(network), *more, "m.jpg"])
    assert result.exit_code == 2, result.output
    assert "draws transparency, which .jpg cannot hold" in " ".join(result.output.split())
    assert sorted(tmp_path.iterdir()) == before
