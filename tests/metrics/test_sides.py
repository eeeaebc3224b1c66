"""Sides of an evaluation: rectangles, filters, functions, runs; and which of them are refused."""

import json
from pathlib import Path

import click.testing
import numpy as np
import pytest
import torch
from PIL import Image

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.cli import main
from stylegen.data import DataConfig, open_images
from stylegen.errors import InputError
from stylegen.images import to_uint8
from stylegen.metrics.config import EvaluateConfig
from stylegen.metrics.demo import demo_weights
from stylegen.metrics.sides import Side
from stylegen.metrics.sides_drawn import Drawing, FunctionSide, SnapshotSide
from stylegen.metrics.sides_opening import Numbers, snapshots_of
from stylegen.metrics.sides_opening import open_sides as open_both
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from tests.metrics.toys import make_generator, save

CPU = torch.device("cpu")


def open_sides(config: EvaluateConfig, device: torch.device, samples: int = 3) -> tuple[Side, Side]:
    numbers = Numbers(Drawing(samples, config.batch, 0, 1.0, "const"), None)
    a, against = open_both(config, numbers, device)
    assert against is not None
    return a, against


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
    against = folder(tmp_path / "f", 40, 24)
    config = EvaluateConfig(a=snapshot, against=against, filter="box")
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
        "4", "--device", "cpu", "--no-cache", "--out", str(tmp_path / "report"),
    ]  # fmt: skip
    result = click.testing.CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "KID (demo): " in result.output
    values = json.loads((tmp_path / "report" / "report.json").read_text())
    assert values["sides"]["a"]["resolution_px"] == "20x12"
    assert set(values["metrics"]) == {"fd_demo", "kid_demo"}


def test_another_size_than_the_snapshots_needs_a_filter(snapshot: str, tmp_path: Path) -> None:
    large, mixed = folder(tmp_path / "l", 40, 24), folder(tmp_path / "m", 20, 12)
    Image.new("RGB", (50, 50)).save(f"{mixed}/9.png")
    with pytest.raises(InputError, match=r"l have 40x24 px, and .* 20x12: .*--filter lanczos"):
        open_sides(EvaluateConfig(a=snapshot, against=large), CPU)
    with pytest.raises(InputError, match=r"m have several sizes of px, and .* 20x12"):
        open_sides(EvaluateConfig(a=snapshot, against=mixed), CPU)
    fitting = folder(tmp_path / "s", 20, 12)
    assert open_sides(EvaluateConfig(a=snapshot, against=fitting), CPU)[1].size == (20, 12)


def test_the_training_set_is_read_as_in_training(tmp_path: Path) -> None:
    """A snapshot says which set it was trained on, and by which filter that was resized."""
    rng, data = np.random.RandomState(0), tmp_path / "d"
    data.mkdir()
    pixels = rng.randint(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    for i, x in enumerate(pixels):
        Image.fromarray(x).save(data / f"{i}.png")
    digest = open_images(DataConfig(path=str(data))).digest
    told = {"data_digest": digest, "data_filter": "box"}
    path = str(save(tmp_path / "s.safetensors", make_generator(), provenance=told))
    config = EvaluateConfig(a=path, against=str(data))
    read = torch.cat(list(open_sides(config, CPU)[1].batches()))
    expected = [np.array(Image.fromarray(x).resize((8, 8), Image.Resampling.BOX)) for x in pixels]
    assert (read.permute(0, 2, 3, 1).numpy() == np.stack(expected)).all()
    (data / "9.png").write_bytes((data / "0.png").read_bytes())  # another set from now on
    with pytest.raises(InputError, match="name the filter"):
        open_sides(config, CPU)


def test_what_was_streamed_can_be_picked_again(tmp_path: Path) -> None:
    path = str(save(tmp_path / "s.safetensors", make_generator(c_dim=3)))
    side = SnapshotSide(path, Drawing(23, 4, 5, 0.8, "random"), CPU)
    whole = torch.cat(list(side.batches()))
    chosen = [22, 0, 7, 6]
    assert torch.equal(side.picked(chosen), whole[chosen])
    labels = side.labels()
    assert labels is not None
    assert (len(labels), side.class_names) == (23, ("a", "b", "c"))


def test_classes_are_those_that_images_were_drawn_in(tmp_path: Path) -> None:
    generator = make_generator(c_dim=3)
    side = SnapshotSide(
        str(save(tmp_path / "s.safetensors", generator)), Drawing(9, 4, 5, 1.0, "const"), CPU
    )
    labels = side.labels()
    assert labels is not None
    z = torch.from_numpy(np.random.RandomState(5).randn(9, 6)).float()
    generator.eval()
    with torch.no_grad():
        c = torch.nn.functional.one_hot(labels, 3).float()
        images = to_uint8(generator(z, c, noise="const"))
    assert (torch.cat(list(side.batches())).int() - images.int()).abs().max() <= 1


def test_broken_files_leave_the_labels_of_the_others(tmp_path: Path) -> None:
    for name, colour in (("x", 10), ("y", 200)):
        (tmp_path / "d" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (8, 8), (colour + i, 0, 0)).save(tmp_path / "d" / name / f"{i}.png")
    broken = tmp_path / "d" / "x" / "1.png"
    broken.write_bytes(broken.read_bytes()[:50])
    data = str(tmp_path / "d")
    side = open_sides(EvaluateConfig(a=data, against=data), CPU)[0]
    images = torch.cat(list(side.batches()))
    assert images[:, 0, 0, 0].tolist() == [10, 12, 200, 201, 202]
    labels = side.labels()
    assert labels is not None
    assert labels.tolist() == [0, 0, 1, 1, 1]
    assert side.names()[1] == "x/2.png"
    assert torch.equal(side.picked([4, 1]), images[[4, 1]])


def test_a_function_draws(tmp_path: Path) -> None:
    def draw(first: int, count: int) -> torch.Tensor:
        numbers = torch.arange(first, first + count, dtype=torch.uint8)
        return numbers[:, None, None, None].expand(-1, 1, 6, 9)

    side = FunctionSide(draw, 10, 4)
    assert (side.size, side.channels) == ((9, 6), 1)
    assert torch.cat(list(side.batches()))[:, 0, 0, 0].tolist() == list(range(10))
    assert side.picked([3, 9])[:, 0, 0, 0].tolist() == [3, 9]
    with pytest.raises(InputError, match=r"uint8 tensor \(1, C, H, W\), not torch.float32"):
        FunctionSide(lambda first, count: torch.zeros(count, 3, 8, 8), 10, 4)
    with pytest.raises(InputError, match="not a list"):
        FunctionSide(lambda first, count: [], 10, 4)  # type: ignore[arg-type, return-value]
    clear = EvaluateConfig(
        a=lambda first, count: torch.zeros(count, 4, 8, 8, dtype=torch.uint8),
        against=folder(tmp_path / "f", 8, 8),
    )
    with pytest.raises(InputError, match="draws 4 channels"):
        open_sides(clear, CPU)


def test_a_runs_folder_is_its_snapshots(tmp_path: Path) -> None:
    for kimg in (20, 0, 100):
        (tmp_path / f"snapshot-{kimg:06}.safetensors").touch()
    (tmp_path / "training-state.safetensors").touch()
    assert [Path(p).name for p in snapshots_of(str(tmp_path))] == [
        "snapshot-000000.safetensors", "snapshot-000020.safetensors", "snapshot-000100.safetensors",
    ]  # fmt: skip
    assert snapshots_of(folder(tmp_path / "f", 8, 8)) == []
