"""``stylegen mix`` and ``generate`` with seeds, latent files and photos, as users call them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegen.checkpoints import load
from stylegen.cli import main
from stylegen.cli.latent_options import source_stems, unique_names
from stylegen.editing.latents import Latents, network_digest
from stylegen.editing.sampling import seeds_to_ws
from stylegen.editing.sources import parse_sources
from tests.editing import small

STEPS = ("--project-steps", "2")


def snapshot(path: Path, channels: int, c_dim: int, base_size: tuple[int, int]) -> Path:
    shape = {"img_channels": channels, "c_dim": c_dim, "base_size": base_size}
    return small.snapshot(path, channel_base=256, **shape)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return snapshot(tmp_path / "n.safetensors", 3, 0, (4, 4))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.RandomState(0).randint(0, 255, (30, 50, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def call(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def run(*words: str | Path) -> str:
    code, output = call(*words)
    assert code == 0, output
    return output


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_mixes_have_their_latents_beside_them(tmp_path: Path, network: Path) -> None:
    out = tmp_path / "mixes"
    output = run(
        "mix", "--network", network, "--rows", "85,3", "--cols", "55", "--styles", "RES:8",
        "--psi", "0.7", "--out", out,
    )  # fmt: skip
    assert "2 x 1 mixes, layers 1,2 of the columns" in output
    assert sorted(p.name for p in out.iterdir()) == [
        "3-55.npz", "3-55.png", "85-55.npz", "85-55.png", "grid.png",
    ]  # fmt: skip
    generator = load(network)
    a, b = seeds_to_ws(generator, [85, 55], 0.7)
    with np.load(out / "85-55.npz") as file:
        assert np.array_equal(file["w"][0], torch.cat([a[:1], b[1:3], a[3:]]).numpy())
    run("generate", "--network", network, "--latents", out / "3-55.npz", "--out", tmp_path / "g")
    assert np.array_equal(pixels(tmp_path / "g" / "3-55.png"), pixels(out / "3-55.png"))
    grid = pixels(out / "grid.png")
    assert np.array_equal(grid[32:, 16:], pixels(out / "3-55.png"))


def test_strength_and_weights(tmp_path: Path, network: Path) -> None:
    words = ["mix", "--network", network, "--rows", "1", "--cols", "2"]
    for name, more in {
        "half": ["--styles", "0,2", "--strength", "0.5"],
        "same": ["--weights", "0.5,0,0.5,0,0,0"],
        "row": ["--strength", "0"],
        "column": ["--styles", "all"],
    }.items():
        output = run(*words, *more, "--out", tmp_path / f"{name}.png")
        assert {"row": "each mix is its row", "column": "each mix is its column"}.get(
            name, "layers 0,2 of the columns"
        ) in output
    half, same, row, column = (
        pixels(tmp_path / f"{name}.png") for name in ("half", "same", "row", "column")
    )
    assert np.array_equal(half, same)
    assert np.array_equal(row[16:, 16:], row[16:, :16])
    assert np.array_equal(column[16:, 16:], column[:16, 16:])
    assert not np.array_equal(half[16:, 16:], half[16:, :16])


@pytest.mark.parametrize(
    ("channels", "c_dim", "base_size"), [(3, 0, (4, 4)), (1, 2, (3, 5)), (4, 0, (5, 3))]
)
def test_photos_are_projected_once_and_mixed(
    tmp_path: Path, photo: Path, channels: int, c_dim: int, base_size: tuple[int, int]
) -> None:
    network = snapshot(tmp_path / "n.safetensors", channels, c_dim, base_size)
    named = ("--class", "dog") if c_dim else ()
    words = ["mix", "--network", network, "--cols", f"7,{photo}", *STEPS, *named]
    run(*words, "--rows", f"{photo},4", "--out", tmp_path / "one.png")
    (kept,) = tmp_path.glob(f"photo.png.{network_digest(load(network))[:12]}-*.npz")
    written = kept.stat().st_mtime_ns
    run(*words, "--rows", f"{kept},4", "--out", tmp_path / "two.png")
    assert kept.stat().st_mtime_ns == written
    one = pixels(tmp_path / "one.png")
    assert one.shape[:2] == (12 * base_size[0], 12 * base_size[1])
    assert np.array_equal(one, pixels(tmp_path / "two.png"))
    run("generate", "--network", network, "--latents", photo, "--out", tmp_path / "g", *STEPS,
        *named)  # fmt: skip
    assert kept.stat().st_mtime_ns == written
    height, width = 4 * base_size[0], 4 * base_size[1]
    corner = one[height : 2 * height, :width]
    assert np.array_equal(pixels(tmp_path / "g" / "photo.png"), corner)
    run(*words, "--rows", "1", "--project-space", "w+", "--out", tmp_path / "three.png")
    assert kept.stat().st_mtime_ns == written
    assert len(list(tmp_path.glob("photo.png.*.npz"))) == 2


def test_seeds_and_latents_are_drawn_side_by_side(tmp_path: Path, network: Path) -> None:
    generator = load(network)
    w = seeds_to_ws(generator, [5, 6])
    np.savez(tmp_path / "two.npz", w=w.numpy())
    np.savez(tmp_path / "grid.npz", w=w[:1].numpy())
    out = tmp_path / "out"
    output = run(
        "generate", "--network", network, "--seeds", "5-6", "--latents",
        f"{tmp_path}/two.npz,{tmp_path}/grid.npz,5", "--grid", "3x2", "--out", out,
        "--save-latents", "--psi", "0.5",
    )  # fmt: skip
    assert "6 images, grid.png" in output
    assert sorted(p.stem for p in out.glob("*.npz")) == [
        "5", "grid-2", "seed0005", "seed0006", "two-0", "two-1",
    ]  # fmt: skip
    assert pixels(out / "grid.png").shape == (32, 48, 3)
    for seed, file in (("seed0005", "two-0"), ("seed0006", "two-1"), ("seed0005", "grid-2")):
        assert np.array_equal(pixels(out / f"{seed}.png"), pixels(out / f"{file}.png"))
    for seed in (5, 6):
        half = Latents.load(out / f"seed000{seed}.npz")
        assert torch.equal(half.w, seeds_to_ws(generator, [seed], 0.5))
    assert half.network == network_digest(generator)


def test_names_of_files_are_safe_and_each_their_own(tmp_path: Path) -> None:
    for name in ("w.npz", "my photo.v2.npz"):
        np.savez(tmp_path / name, w=np.zeros((1, 6, 4)))
    np.savez(tmp_path / "#.npz", w=np.zeros((2, 6, 4)))
    texts = [
        f"{tmp_path}/w.npz,85,{tmp_path}/w.npz,{tmp_path}/my photo.v2.npz",
        f"{tmp_path}/#.npz",
    ]
    assert source_stems(texts) == [["w", "85", "w-2", "my-photo.v2"], ["0", "1"]]
    out = tmp_path / "out"
    network = snapshot(tmp_path / "n.safetensors", 3, 0, (4, 4))
    for name in ("a.npz", "a-1.npz", "1-1.npz"):
        np.savez(tmp_path / name, w=np.zeros((1, 6, 4)))
    rows, columns = f"{tmp_path}/a.npz,{tmp_path}/a-1.npz", f"1,{tmp_path}/1-1.npz"
    run("mix", "--network", network, "--rows", rows, "--cols", columns, "--out", out)
    assert sorted(p.stem for p in out.glob("*.png")) == [
        "a-1", "a-1-1", "a-1-1-1", "a-1-1-2", "grid",
    ]  # fmt: skip


def test_mistakes_are_told_before_any_work(tmp_path: Path, network: Path, photo: Path) -> None:
    np.savez(tmp_path / "other.npz", w=np.zeros((1, 14, 4)))
    (tmp_path / "text.jpg").write_text("hello")
    one = f"mix --network {network} --cols 1 --out {tmp_path}/o/m.png --rows"
    for command, sentence in {
        f"{one} absent.jpg": "absent.jpg does not exist; wanted seeds",
        f"{one} {tmp_path}/text.jpg": "text.jpg cannot be read as a picture",
        f"{one} {tmp_path}/other.npz,{photo}": "14 layers and width 4, but this network takes 6",
        f"{one} {network}": "cannot be read as a picture",
        f"{one} 1 --strength 2": "strength is 2",
        f"{one} 1 --weights 1,2": "2 weights were given; this network has 6 layers",
        f"{one} 1 --weights a": "list of numbers",
        f"{one} 1 --weights 1,1,1,0,0,0 --styles fine": "both given",
        f"{one} 1 --class cat": "without classes",
        f"{one} 2 --distance-weights x.pth": "x.pth is for photos, but there is none among",
        f"{one} {photo} --distance psnr": "'psnr' is not one of 'discriminator'",
        f"{one} {photo} --project-steps 0": "steps is 0",
        f"generate --network {network} --out {tmp_path}/o": "nothing to draw",
        f"generate --network {network} --out {tmp_path}/o --latents x.npz": "x.npz does not exist",
    }.items():
        code, output = call(*command.split())
        assert code == 2, command
        assert sentence in " ".join(output.split()), output
        assert not (tmp_path / "o").exists()
    assert not list(tmp_path.glob("photo.png.*"))


def test_nothing_is_replaced_unasked(tmp_path: Path, network: Path) -> None:
    words = ["mix", "--network", network, "--rows", "1", "--cols", "2", "--out", tmp_path / "m"]
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1-2.npz").write_text("mine")
    code, output = call(*words)
    assert code == 2
    assert "1-2.npz exists already" in " ".join(output.split())
    assert [p.name for p in (tmp_path / "m").iterdir()] == ["1-2.npz"]
    run(*words, "--overwrite")
    assert len(Latents.load(tmp_path / "m" / "1-2.npz")) == 1


def test_names_are_numbered_fast_and_each_stands_once() -> None:
    assert unique_names(["a", "b", "a", "a-2", "a"]) == ["a", "b", "a-2", "a-2-2", "a-3"]
    names = unique_names(["a"] * 20_000 + ["b"])  # within a second, not minutes
    assert len(set(names)) == 20_001


def test_a_list_longer_than_a_file_name_may_be() -> None:
    assert parse_sources(",".join(str(i) for i in range(200))) == list(range(200))
