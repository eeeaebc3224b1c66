"""``stylegen transfer``, ``adapt`` and ``blend`` as users meet them."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from stylegen.checkpoints import load, read_info
from stylegen.checkpoints.checksums import verify_checksum
from stylegen.checkpoints.snapshot import load_discriminator
from stylegen.cli import Program
from stylegen.cli.adapt import adapt
from stylegen.cli.blend import blend
from stylegen.cli.transfer import transfer
from stylegen.editing.latents import Latents, network_digest
from stylegen.editing.sampling import generate
from stylegen.images import from_pil, save_image
from tests.editing import small

program = Program("stylegen")
for command in (transfer, adapt, blend):
    program.add_command(command)


def snapshot(path: Path, seed: int = 0, **changes: Any) -> Path:
    return small.snapshot(path, seed, width=8, mapping_layers=2, **changes)


def try_to(*words: str | Path | float) -> Result:
    return CliRunner().invoke(program, [str(word) for word in words])


def run(*words: str | Path | float) -> str:
    result = try_to(*words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def picture(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        return from_pil(image)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return snapshot(tmp_path / "n.safetensors")


def test_a_grid_of_transfers(tmp_path: Path, network: Path) -> None:
    out = tmp_path / "out"
    output = run(
        "transfer", "--network", network, "--content", "1,2", "--content", "3", "--style", "7-8",
        "--layers", "all", "--out", out,
    )  # fmt: skip
    assert "3 x 2 pictures, layers 0,1,2,3,4,5 of the styles" in output
    styles = generate(load(network), [7, 8])
    assert torch.equal(picture(out / "1-7.png"), styles[0])
    assert torch.equal(picture(out / "3-8.png"), styles[1])
    assert picture(out / "grid.png").shape == (3, 4 * 16, 3 * 16)
    latents = Latents.load(out / "latents.npz")
    assert len(latents) == 6
    assert latents.network == network_digest(load(network))
    again = tmp_path / "again.png"
    run("transfer", "--network", network, "--content", out / "latents.npz", "--style", "9",
        "--strength", "0", "--out", tmp_path / "second")  # fmt: skip
    assert torch.equal(picture(tmp_path / "second" / "latents-0-9.png"), styles[0])
    one = ("--content", "1", "--style", "7", "--style-weights", "2", "--match-colour", "style")
    run("transfer", "--network", network, *one, "--out", again)
    assert picture(again).shape == (3, 16, 16)


def test_photos_of_folders_are_transferred(tmp_path: Path, network: Path) -> None:
    images = generate(load(network), [1, 2, 3])
    for folder, name, image in zip(
        ("c", "c", "s"), ("a.png", "b.jpg", "a.png"), images, strict=True
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        save_image(image, tmp_path / folder / name)
    (tmp_path / "c" / "notes.txt").write_text("no image")
    options = (
        "transfer", "--network", network, "--content-dir", tmp_path / "c", "--style-dir",
        tmp_path / "s", "--project-steps", 3, "--out",
    )  # fmt: skip
    run(*options, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a-a.png", "b-a.png", "grid.png", "latents.npz",
    ]  # fmt: skip
    run(*options, tmp_path / "again")  # from the latents kept beside the photos
    for name in ("a-a.png", "grid.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_adapt_writes_a_snapshot_that_says_where_it_comes_from(
    tmp_path: Path, network: Path
) -> None:
    photo = tmp_path / "style.png"
    save_image(generate(load(network), [3])[0], photo)
    out, sheet = tmp_path / "adapted.safetensors", tmp_path / "sheet.png"
    output = run(
        "adapt", "--network", network, "--style", photo, "--project-steps", 3, "--steps", 4,
        "--out", out, "--preview", sheet,
    )  # fmt: skip
    assert "4 steps, loss " in output
    assert picture(sheet).shape == (3, 2 * 16, 9 * 16)
    assert verify_checksum(out)
    info, parent = read_info(out), load(network)
    said = info.provenance
    assert info.kimg == 7.0
    assert said["made_by"] == "stylegen adapt"
    assert said["parents"][0]["digest"] == network_digest(parent)
    assert said["parents"][0]["provenance"] == {"run": "r"}
    assert said["styles"] == {"style.png": hashlib.sha256(photo.read_bytes()).hexdigest()}
    assert said["steps"] == 4
    assert said["settings"]["lr"] == 0.002
    assert said["layers"] == [3, 4, 5]
    assert not torch.equal(generate(load(out), [1]), generate(parent, [1]))
    ours, theirs = load_discriminator(out).state_dict(), load_discriminator(network).state_dict()
    assert all(torch.equal(theirs[name], value) for name, value in ours.items())


def test_blend_of_a_network_and_its_child(tmp_path: Path, network: Path, caplog: Any) -> None:
    child, out = tmp_path / "child.safetensors", tmp_path / "blended.safetensors"
    run("adapt", "--network", network, "--style", "5", "--steps", 2, "--out", child)
    output = run("blend", "--base", network, "--fine", child, "--at", 8, "--width", 1, "--out", out)
    assert "b4.conv1 0, b8.conv0 0.5, b8.conv1 1, b16.conv0 1" in output
    assert "ancestor" not in caplog.text
    said = read_info(out).provenance
    assert [parent["file"] for parent in said["parents"]] == [network.name, child.name]
    assert said["shares_of_fine"]["b8.conv0"] == 0.5
    assert {network_digest(load(path)) for path in (network, child)} <= set(said["lineage"])
    blended, base, fine = (load(path).state_dict() for path in (out, network, child))
    for name, value in blended.items():
        source = fine if name.startswith(("synthesis.b16.", "synthesis.b8.conv1.")) else base
        if not name.startswith("synthesis.b8."):
            assert torch.equal(value, source[name]), name
    stranger = snapshot(tmp_path / "stranger.safetensors", seed=1)
    run("blend", "--base", network, "--fine", stranger, "--weights", "8:1", "--out",
        tmp_path / "odd.safetensors")  # fmt: skip
    assert "no common ancestor" in caplog.text


def test_every_shape(tmp_path: Path) -> None:
    shape: dict[str, Any] = {"base_size": (3, 5), "img_channels": 4, "c_dim": 2}
    network = snapshot(tmp_path / "n.safetensors", **shape)
    child = tmp_path / "child.safetensors"
    run("adapt", "--network", network, "--style", "5", "--class", "dog", "--steps", 2, "--out",
        child, "--keep-color")  # fmt: skip
    run(
        "blend", "--base", network, "--fine", child, "--at", 16, "--out", tmp_path / "b.safetensors"
    )
    run("transfer", "--network", tmp_path / "b.safetensors", "--content", 1, "--style", 2,
        "--class", "cat", "--out", tmp_path / "t.png")  # fmt: skip
    assert picture(tmp_path / "t.png").shape == (4, 12, 20)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("transfer --network {n} --style 1", "no content was given"),
        ("transfer --network {n} --content 1", "no style was given"),
        ("transfer --network {n} --content 1 --style-dir {t}/absent", "no folder of images"),
        ("transfer --network {n} --content 1 --style {t}/absent.jpg", "absent.jpg does not exist"),
        ("transfer --network {n} --content 1 --style 2 --strength 2", "wanted 0 to 1"),
        ("transfer --network {n} --content 1 --style 2 --style-weights a", "wanted numbers"),
        ("transfer --network {n} --content 1 --style 2 --style-weights 1,2", "2 style weights for"),
        ("transfer --network {n} --content 1 --style 2 --layers 6", "layers 0 to 5"),
        ("transfer --network {n} --content 1 --style 2 --class cat", "without classes"),
        ("transfer --network {n} --content 1 --style 2 --out {o}", "exists already"),
        ("transfer --network {n} --content 1 --style 2 --out {t}/a.gif", "should end in"),
        ("adapt --network {n} --style {t}/absent.jpg", "absent.jpg does not exist"),
        ("adapt --network {n} --style 1 --steps 0", "steps is 0; wanted 1 or more"),
        ("adapt --network {n} --style 1 --out {t}/a.pkl", "should end in .safetensors"),
        ("adapt --network {n} --style 1 --out {o}", "exists already"),
        ("adapt --network {n} --style 1 --preview {t}/a.txt", "should end in"),
        ("blend --base {n} --fine {n}", "either"),
        ("blend --base {n} --fine {n} --at 32", "these networks have 4, 8, 16"),
        ("blend --base {n} --fine {n} --at 8 --out {o}", "exists already"),
        ("blend --base {n} --fine {n} --at 8 --out {t}/a.png", "should end in .safetensors"),
        ("blend --base {n} --fine {o} --at 8", "synthesis.b16.conv0.bias (8,) and (4,)"),
        ("blend --base {n} --fine {n} --weights 8", "is not a list such as"),
        ("blend --base {t}/absent --fine {n} --at 8", "does not exist"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(
    tmp_path: Path, network: Path, command: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = snapshot(tmp_path / "o.safetensors", channel_base=64)
    before = sorted(tmp_path.iterdir())
    result = try_to(*command.format(n=network, o=other, t=tmp_path).split())
    assert result.exit_code == 2, (result.output, result.exception)
    assert told in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert sorted(tmp_path.iterdir()) == before
