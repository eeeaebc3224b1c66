"""``stylegen generate`` and ``mix`` with networks of every shape and number of channels."""

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.cli import main
from stylegen.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    shape_for,
)

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def snapshot(path: Path, width: int, height: int, channels: int, c_dim: int = 0) -> Path:
    torch.manual_seed(0)
    resolution, base_size = shape_for(height, width)
    shape: dict[str, Any] = {
        "resolution": resolution, "base_size": base_size, "img_channels": channels,
        "c_dim": c_dim, "channel_base": 512, "channel_max": 8, "mapping_layers": 1,
    }  # fmt: skip
    generator = Generator(GeneratorConfig(z_dim=4, w_dim=4, **shape))
    discriminator = Discriminator(DiscriminatorConfig(**shape))
    info = SnapshotInfo(
        generator=generator.config,
        discriminator=discriminator.config,
        class_names=("cat", "dog")[:c_dim],
    )
    save_snapshot(path, generator, discriminator, info)
    return path


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


def test_transparency_cannot_be_saved_as_jpeg(tmp_path: Path) -> None:
    network = snapshot(tmp_path / "n.safetensors", 12, 20, 4)
    words = ["mix", "--network", network, "--rows", "0", "--cols", "1", "--out", tmp_path / "m.jpg"]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 2
    assert "cannot hold transparency" in result.output
    assert not (tmp_path / "m.jpg").exists()
