"""Sides of an evaluation whose images are no squares."""

import json
from pathlib import Path

import click.testing
import pytest
import torch
from PIL import Image

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.cli import main
from stylegen.errors import InputError
from stylegen.metrics.config import EvaluateConfig
from stylegen.metrics.demo import demo_weights
from stylegen.metrics.sides import open_sides
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

CPU = torch.device("cpu")


@pytest.fixture
def snapshot(tmp_path: Path) -> str:
    """A generator of images 20 wide and 12 high."""
    generator = Generator(
        GeneratorConfig(resolution=16, base_size=(3, 5), z_dim=4, w_dim=4, channel_base=64)
    )
    critic = DiscriminatorConfig(resolution=16, base_size=(3, 5), channel_base=64)
    info = SnapshotInfo(generator=generator.config, discriminator=critic)
    path = tmp_path / "s.safetensors"
    save_snapshot(path, generator, Discriminator(critic), info)
    return str(path)


def folder(path: Path, width: int, height: int) -> str:
    path.mkdir()
    for i in range(3):
        Image.new("RGB", (width, height), (80 * i, 0, 0)).save(path / f"{i}.png")
    return str(path)


def test_a_folder_is_read_at_the_size_of_a_rectangular_snapshot(
    snapshot: str, tmp_path: Path
) -> None:
    config = EvaluateConfig(a=snapshot, against=folder(tmp_path / "f", 40, 24), samples=3)
    for side in open_sides(config, CPU):
        assert side.size == (20, 12)
        assert next(iter(side.batches())).shape == (3, 3, 12, 20)
        assert side.shown().images.shape[1:] == (3, 12, 20)
        assert side.facts()["resolution_px"] == "20x12"


def test_shapes_that_differ_are_told_as_width_x_height(snapshot: str, tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", 20, 12), folder(tmp_path / "b", 12, 20)
    with pytest.raises(InputError, match=r"a has 20x12 px and .*b 12x20: images of different"):
        open_sides(EvaluateConfig(a=a, against=b), CPU)
    with pytest.raises(InputError, match="draws 20x12 px, not 16"):
        open_sides(EvaluateConfig(a=snapshot, against=a, resolution=16), CPU)


def test_folders_are_read_at_a_size_that_is_named(snapshot: str, tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", 40, 24), folder(tmp_path / "b", 30, 30)
    for side in open_sides(EvaluateConfig(a=a, against=b, resolution=(20, 12)), CPU):
        assert next(iter(side.batches())).shape == (3, 3, 12, 20)
    drawn, _ = open_sides(EvaluateConfig(a=snapshot, against=a, resolution=(20, 12)), CPU)
    assert drawn.size == (20, 12)
    with pytest.raises(InputError, match="draws 20x12 px, not 12x20"):
        open_sides(EvaluateConfig(a=snapshot, against=a, resolution=(12, 20)), CPU)


def test_the_command_reads_rectangles(snapshot: str, tmp_path: Path) -> None:
    weights = str(demo_weights(tmp_path, faces=40, epochs=1))
    arguments = [
        "evaluate", folder(tmp_path / "a", 40, 24), "--against", snapshot, "--resolution", "20x12",
        "--metrics", "fid,kid", "--features", "demo", "--features-weights", weights, "--samples",
        "4", "--device", "cpu", "--out", str(tmp_path / "report"),
    ]  # fmt: skip
    result = click.testing.CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "KID (demo): " in result.output
    values = json.loads((tmp_path / "report" / "report.json").read_text())
    assert values["sides"]["a"]["resolution_px"] == "20x12"
    assert set(values["metrics"]) == {"fd_demo", "kid_demo"}
