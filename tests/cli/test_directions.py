"""``stylegen directions``: find, apply, from-labels and report, and one sentence for mistakes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.cli.directions import directions
from stylegen.editing import directions as package
from stylegen.editing.directions import FactorReader
from stylegen.editing.latents import Latents, network_digest
from stylegen.errors import InputError
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from stylegen.perceptual import FeatureNetwork


def snapshot(path: Path, **changes: Any) -> Generator:
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "resolution": 16, "channel_base": 128, "channel_max": 8, "mapping_layers": 2, **changes
    }  # fmt: skip
    generator = Generator(GeneratorConfig(z_dim=4, w_dim=6, **shape))
    discriminator = Discriminator(DiscriminatorConfig(**shape))
    info = SnapshotInfo(
        generator=generator.config,
        discriminator=discriminator.config,
        class_names=("cat", "dog")[: generator.config.c_dim],
    )
    save_snapshot(path, generator, discriminator, info)
    return generator


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    snapshot(folder / "n.safetensors")
    snapshot(folder / "c.safetensors", c_dim=2, img_channels=4, base_size=(3, 5))
    for name in ("n", "c"):
        network = f"--network {folder}/{name}.safetensors"
        find = f"find {network} --method pca --count 2 --samples 200 --out {folder}/{name}-pca"
        assert run(find).exit_code == 0
    lines = [f"{seed},{seed % 2}" for seed in range(40)]
    (folder / "labels.csv").write_text("\n".join(lines))
    (folder / "text.npz").write_text("hello")
    np.savez(folder / "other.npz", direction=np.eye(6)[0], network=np.array("ab" * 32))
    return {"f": folder, "n": folder / "n.safetensors", "c": folder / "c.safetensors"}


def run(command: str, **paths: Path) -> Result:
    words = [word.format(**paths) for word in command.split()]
    return CliRunner().invoke(directions, words)


def succeed(command: str, **paths: Path) -> str:
    result = run(command, **paths)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


@pytest.mark.parametrize("method", ["sefa", "pca"])
def test_directions_are_found_and_shown(
    files: dict[str, Path], tmp_path: Path, method: str
) -> None:
    output = succeed(
        f"find --network {{n}} --method {method} --layers coarse --count 3 --samples 200 "
        f"--sheet 5 --out {tmp_path}/d",
        **files,
    )
    assert f"{method}-02: " in output
    with np.load(tmp_path / "d" / f"{method}-00.npz") as file:
        assert file["layers"].tolist() == [0, 1, 2]
        assert file["direction"].shape == (6,)
        assert str(file["method"]) == method
    with Image.open(tmp_path / "d" / "sheet.png") as sheet:
        assert sheet.size == (7 * 16, 3 * 16)
        middles = {sheet.crop((48, 16 * i, 64, 16 * (i + 1))).tobytes() for i in range(3)}
        ends = {sheet.crop((0, 16 * i, 16, 16 * (i + 1))).tobytes() for i in range(3)}
    assert (len(middles), len(ends)) == (1, 3)


def test_a_strip_has_a_row_for_each_source(files: dict[str, Path], tmp_path: Path) -> None:
    output = succeed(
        "apply --network {n} --direction {f}/n-pca/pca-00.npz --sources 1,5-6 --steps 5 "
        f"--strength -2..2 --out {tmp_path}/s.png",
        **files,
    )
    assert "3 sources, 5 strengths of pca-00" in output
    with Image.open(tmp_path / "s.png") as picture:
        assert picture.size == (5 * 16, 3 * 16)


def test_a_folder_holds_every_image_and_latent(files: dict[str, Path], tmp_path: Path) -> None:
    command = (
        "apply --network {c} --direction {f}/c-pca/pca-00.npz --class dog --sources 1,5 "
        f"--steps 3 --layers 1,3 --out {tmp_path}/s"
    )
    succeed(command, **files)
    with Image.open(tmp_path / "s" / "strip.png") as strip:
        assert (strip.size, strip.mode) == ((3 * 20, 2 * 12), "RGBA")
        cell = strip.crop((40, 12, 60, 24)).tobytes()
    with Image.open(tmp_path / "s" / "5+3.00.png") as one:
        assert one.tobytes() == cell
    moved, source = (Latents.load(tmp_path / "s" / f"5{x}.npz") for x in ("+3.00", "+0.00"))
    changed = (moved.w != source.w).any(dim=2)[0]
    assert changed.tolist() == [False, True, False, True, False, False]
    assert moved.network == source.network != ""
    again = run(command, **files)
    assert isinstance(again.exception, InputError)
    succeed(command + " --overwrite", **files)
    # the written latent, taken as a source, is the image that it came with
    succeed(
        "apply --network {c} --direction {f}/c-pca/pca-00.npz --strength 0 "
        f"--sources {tmp_path}/s/5+3.00.npz --out {tmp_path}/again.png",
        **files,
    )
    with Image.open(tmp_path / "again.png") as one:
        assert one.tobytes() == cell


def test_two_directions_span_a_plane(files: dict[str, Path], tmp_path: Path) -> None:
    succeed(
        "apply --network {n} --direction {f}/n-pca/pca-00.npz --direction {f}/n-pca/pca-01.npz "
        f"--sources 1 --steps 3 --out {tmp_path}/p",
        **files,
    )
    with Image.open(tmp_path / "p" / "plane.png") as plane:
        assert plane.size == (48, 48)
        corner = plane.crop((32, 0, 48, 16)).tobytes()  # across 3, down -3
    with Image.open(tmp_path / "p" / "1+3.00-3.00.png") as one:
        assert one.tobytes() == corner
    assert len(list((tmp_path / "p").glob("*.npz"))) == 9


@pytest.mark.parametrize("name", ["walk.gif", "walk"])
def test_a_video(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    succeed(
        "apply --network {n} --direction {f}/n-pca/pca-00.npz --sources 1,2 --frames 4 --fps 10 "
        f"--out {tmp_path}/{name}",
        **files,
    )
    if name == "walk":
        assert len(list((tmp_path / "walk").glob("frame*.png"))) == 4
    else:
        with Image.open(tmp_path / name) as video:
            assert (video.size, getattr(video, "n_frames", 1)) == ((32, 16), 4)


@pytest.mark.parametrize(
    "groups",
    ["--labels {f}/labels.csv", "--labels {f}/labels.csv --to 0 --method least-squares"],
)
def test_a_direction_from_a_table(files: dict[str, Path], tmp_path: Path, groups: str) -> None:
    output = succeed(f"from-labels --network {{n}} {groups} --out {tmp_path}/x.npz", **files)
    assert "held-out samples" in output
    with np.load(tmp_path / "x.npz") as file:
        assert 0 <= float(file["accuracy"]) <= 1


def test_a_direction_between_classes(files: dict[str, Path], tmp_path: Path) -> None:
    for end, name in (("--to dog", "dog"), ("--to cat --from dog", "cat")):
        succeed(
            f"from-labels --network {{c}} {end} --samples 60 --out {tmp_path}/{name}.npz", **files
        )
    with np.load(tmp_path / "dog.npz") as dog, np.load(tmp_path / "cat.npz") as cat:
        assert float(dog["direction"] @ cat["direction"]) < -0.8
        assert float(dog["accuracy"]) > 0.6


def test_a_report_without_factors(files: dict[str, Path], tmp_path: Path) -> None:
    numbers = "--samples 3 --path-samples 5"
    output = succeed(
        f"report --network {{c}} {{f}}/c-pca {numbers} --class dog --out {tmp_path}/r.json",
        **files,
    )
    assert "pca-01" in output
    assert "pyramid features, 5 places" in output
    assert "Factors were not read" in output
    values = json.loads((tmp_path / "r.json").read_text())
    assert [d["name"] for d in values["directions"]] == ["pca-00", "pca-01"]
    assert values["path"]["w"] > 0
    assert values["config"]["samples"] == 3
    output = succeed(
        "report --network {n} {f}/n-pca/pca-01.npz --no-factors --features discriminator "
        + numbers,
        **files,
    )
    assert "discriminator features" in output


def test_a_report_with_factors(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from stylegen.metrics import demo

    weights = demo.demo_weights(tmp_path, faces=40, epochs=1)
    monkeypatch.setattr(demo, "demo_weights", lambda progress: weights)

    class Quick(FactorReader):
        def __init__(self, network: FeatureNetwork, progress: Any) -> None:
            super().__init__(network, faces=640, progress=progress)

    monkeypatch.setattr(package, "FactorReader", Quick)
    output = succeed(
        "report --network {n} {f}/n-pca/pca-00.npz --samples 3 --path-samples 5", **files
    )
    assert "demo features" in output
    assert "unlike the built-in faces" in output


def test_directions_of_other_networks(files: dict[str, Path], tmp_path: Path) -> None:
    command = (
        f"apply --network {{n}} --direction {{f}}/other.npz --sources 1 --out {tmp_path}/o.png"
    )
    result = run(command, **files)
    assert isinstance(result.exception, InputError)
    assert "--other-network" in str(result.exception)
    assert not (tmp_path / "o.png").exists()
    succeed(command + " --other-network", **files)


BAD = {
    "find --network {n} --method pca --count 0 --out {f}/x": "--count is 0",
    "find --network {n} --method pca --count 7 --out {f}/x": "wanted 1 to 6",
    "find --network {n} --method sefa --layers 9 --out {f}/x": "layer 9",
    "find --network {n} --method sefa --samples 1 --out {f}/x": "at least 2",
    "find --network {n} --method pca --count 2 --out {f}/n-pca": "exists already",
    "find --network {n} --method pca --class cat --out {f}/x": "without classes",
    "find --network {n} --method pca --count 2 --out {f}/labels.csv": "is a file",
    "from-labels --network {n} --out {f}/x.npz": "wanted --labels, --factor",
    "from-labels --network {n} --to dog --out {f}/x.npz": "without classes",
    "from-labels --network {c} --to cow --out {f}/x.npz": "the classes are: cat, dog",
    "from-labels --network {c} --factor smile --out {f}/x.npz": "have 4 channels",
    "from-labels --network {n} --labels {f}/absent.csv --out {f}/x.npz": "absent.csv",
    "from-labels --network {n} --labels {f}/text.npz --out {f}/x.npz": "text.npz",
    "from-labels --network {n} --labels {f}/labels.csv --to 7 --out {f}/x.npz": "0, 1",
    "from-labels --network {n} --labels {f}/labels.csv --out {f}/x.npy": "end in .npz",
    "from-labels --network {n} --labels {f}/labels.csv --out {f}/text.npz": "exists already",
    "from-labels --network {n} --labels {f}/labels.csv --factor yaw --out {f}/x.npz": "wanted one",
    "from-labels --network {n} --factor yaw --to more --out {f}/x.npz": "--factor NAME=VALUE",
    "from-labels --network {c} --to cat --class dog --out {f}/x.npz": "--class is for",
    "from-labels --network {n} --labels {f}/labels.csv --ridge 0 --out {f}/x.npz": "ridge",
    "apply --network {n} --direction {f}/text.npz --sources 1 --out {f}/x.png": "text.npz",
    "apply --network {n} --direction {f}/c-pca/pca-00.npz --sources 1 --out {f}/x.png": "was found",
    "apply --network {n} --direction {d} --sources 1 --strength a --out {f}/x.png": "strength is",
    "apply --network {n} --direction {d} --sources 1 --steps 1 --out {f}/x.png": "at least 2",
    "apply --network {n} --direction {d} --sources x.jpg --out {f}/x.png": "x.jpg",
    "apply --network {n} --direction {d} --sources 1 --out {f}/x.tga": "x.tga",
    "apply --network {n} --direction {d} --sources 1 --layers 6 --out {f}/x.png": "layer 6",
    "apply --network {n} {dd} --sources 1 --out {f}/x.gif": "one direction",
    "apply --network {n} {dd} --direction {d} --sources 1 --out {f}/x.png": "3 times",
    "apply --network {n} --direction {d} --sources 1 --out {f}/x.gif --fps 0": "fps",
    "report --network {n} {f}/absent.npz": "does not exist",
    "report --network {n} {f}/text.npz": "text.npz",
    "report --network {n} {d} --samples 1": "samples",
    "report --network {n} {d} --out {f}/absent/r.json": "does not exist",
    "report --network {c} {f}/c-pca --factors": "have 4 channels",
}  # fmt: skip


@pytest.mark.parametrize("command", BAD)
def test_mistakes_are_one_sentence(files: dict[str, Path], command: str) -> None:
    before = sorted(files["f"].rglob("*"))
    command_line = command.replace("{dd}", "--direction {d} --direction {d}")
    result = run(command_line, **files, d=files["f"] / "n-pca" / "pca-00.npz")
    assert isinstance(result.exception, InputError), result.output
    assert BAD[command] in str(result.exception)
    assert sorted(files["f"].rglob("*")) == before


def test_the_digest_in_the_file_is_the_networks(files: dict[str, Path]) -> None:
    from stylegen.checkpoints import load

    with np.load(files["f"] / "n-pca" / "pca-00.npz") as file:
        assert str(file["network"]) == network_digest(load(files["n"]))
