"""What a command reads, it never replaces: photos, latents, networks, deltas; not even if asked."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from stylegen.checkpoints import load
from stylegen.cli import main
from stylegen.editing.sampling import generate
from stylegen.images import save_image
from tests.editing import small


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network n, its copy o, photos and latents in ph, lat and walk; as working folder."""
    monkeypatch.chdir(tmp_path)
    network = small.snapshot(tmp_path / "n.safetensors", width=8)
    shutil.copy(network, tmp_path / "o.safetensors")
    for name in ("ph/a.png", "ph/1-2.png", "walk/frame00009.png", "photo.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save_image(generate(load(network), [3])[0], tmp_path / name)
    told = call("generate --network n.safetensors --seeds 3 --save-latents --out lat")
    assert told[0] == 0, told
    shutil.copy(tmp_path / "lat" / "seed0003.npz", tmp_path / "lat" / "latents.npz")
    (tmp_path / "link").symlink_to(tmp_path / "ph")
    return tmp_path


def call(line: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, line.split())
    return result.exit_code, " ".join(result.output.split())


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("generate --latents ph/a.png --out ph", "ph/a.png is one of the photos"),
        ("generate --latents link/a.png --out ph", "ph/a.png is one of the photos"),
        ("generate --latents ph/a.png --out link", "link/a.png is one of the photos"),
        (
            "generate --latents lat/seed0003.npz --save-latents --out lat",
            "lat/seed0003.npz is one of the latents",
        ),
        ("mix --rows 1 --cols photo.png --out photo.png", "photo.png is one of the photos"),
        ("mix --rows 1,ph/1-2.png --cols 2 --out ph", "ph/1-2.png is one of the photos"),
        (
            "transfer --content photo.png --style 2 --out photo.png",
            "photo.png is one of the photos",
        ),
        (
            "transfer --content lat/latents.npz --style 2 --out lat",
            "lat/latents.npz is one of the latents",
        ),
        (
            "transfer --content 1 --style-dir ph --out ph",
            "ph/1-1-2.png is",
        ),
        ("adapt --style photo.png --preview photo.png", "photo.png is one of the photos"),
        ("adapt --style 1 --out n.safetensors", "n.safetensors is the network itself"),
        ("adapt --style 1 --delta o.safetensors --out o.safetensors", "is the delta itself"),
        ("interpolate --through 1,walk/frame00009.png --frames 2 --out walk", "is one of the"),
    ],
)
def test_sources_are_not_replaced(where: Path, line: str, told: str) -> None:
    if "--style-dir" in line:  # a picture 1-1-2.png of content 1 and style 1-2.png
        shutil.copy(where / "ph" / "1-2.png", where / "ph" / "1-1-2.png")
    before = contents(where)
    command, rest = line.split(" ", 1)
    code, output = call(f"{command} --network n.safetensors --overwrite {rest}")
    assert code == 2, output
    assert told in output
    assert "take another folder or name" in output
    assert contents(where) == before


@pytest.mark.parametrize("out", ["n", "o"])
def test_parents_are_not_replaced(where: Path, out: str) -> None:
    before = contents(where)
    words = f"--base n.safetensors --fine o.safetensors --at 8 --out {out}.safetensors --overwrite"
    code, output = call(f"blend {words}")
    assert code == 2, output
    assert f"{out}.safetensors is the network itself; take another folder or name" in output
    assert contents(where) == before


def test_blend_makes_its_folder(where: Path) -> None:
    words = "--base n.safetensors --fine o.safetensors --out new/blends/b.safetensors"
    assert call(f"blend {words} --at 64")[0] == 2
    assert not (where / "new").exists()
    code, output = call(f"blend {words} --at 8")
    assert code == 0, output
    assert (where / "new" / "blends" / "b.safetensors").exists()


def test_a_photo_with_a_comma_in_a_list(where: Path) -> None:
    shutil.copy(where / "photo.png", where / "ph" / "x,y.png")
    words = "--rows 1,ph/x,y.png --cols 2 --project-steps 2 --out mixes"
    code, output = call(f"mix --network n.safetensors {words}")
    assert code == 0, output
    assert sorted(path.name for path in (where / "mixes").glob("*.png")) == [
        "1-2.png", "grid.png", "x-y-2.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--project-steps -5", "steps is -5"),
        (
            "--distance squeezenet --distance-weights w.pth",
            "w.pth is for photos, but there is none",
        ),
    ],
)
def test_generate_checks_options_of_photos(where: Path, options: str, told: str) -> None:
    code, output = call(f"generate --network n.safetensors --seeds 1 --out new {options}")
    assert code == 2, output
    assert told in output
    assert not (where / "new").exists()


def test_transfer_makes_its_folder_before_photos_are_projected(where: Path) -> None:
    (where / "file").write_text("mine")
    words = "--content photo.png --style 2 --project-steps 2 --out file/new/grid.png"
    code, output = call(f"transfer --network n.safetensors {words}")
    assert code != 0, output
    assert not list(where.glob("photo.png.*.npz"))
