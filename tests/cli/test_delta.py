"""Tuned networks on the command line: ``--delta`` wherever a network draws."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from stylegen.checkpoints import load, read_info, save_snapshot
from stylegen.checkpoints.snapshot import SnapshotInfo
from stylegen.cli import main
from stylegen.editing.latents import Latents, network_digest
from stylegen.editing.projection import apply_delta
from stylegen.editing.sampling import generate
from stylegen.images import from_pil, save_image
from tests.editing.projection import small

SEARCH = ("--project-steps", "3")


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def run(*words: str | Path) -> str:
    result = call(*words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def same(a: Path, b: Path) -> bool:
    return np.array_equal(pixels(a), pixels(b))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot, a photo, and what ``project --tune`` writes of it into ``out``."""
    where = tmp_path_factory.mktemp("tuned")
    g = small.generator()
    d = small.discriminator(g)
    info = SnapshotInfo(generator=g.config, discriminator=d.config)
    save_snapshot(where / "s.safetensors", g, d, info)
    save_image(255 - generate(g, [4])[0], where / "photo.png")
    run("project", where / "photo.png", "--network", where / "s.safetensors", "--steps", "3",
        "--tune", "--tune-steps", "30", "--out", where / "out")  # fmt: skip
    assert not same(where / "out" / "photo.tuned.png", where / "out" / "photo.png")
    return where


@pytest.fixture
def tuned(made: Path) -> tuple[str | Path, ...]:
    delta = made / "out" / "photo.delta.safetensors"
    return ("--network", made / "s.safetensors", "--delta", delta)


def test_the_projected_latent_draws_the_tuned_image(
    made: Path, tuned: tuple[str | Path, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    latents = made / "out" / "photo.npz"
    run("generate", "--latents", latents, *tuned, "--out", tmp_path / "a", "--save-latents")
    assert same(tmp_path / "a" / "photo.png", made / "out" / "photo.tuned.png")
    assert caplog.text == ""  # a parent's latents are its own
    kept = Latents.load(tmp_path / "a" / "photo.npz")
    parent = load(made / "s.safetensors")
    assert kept.network == network_digest(parent)  # and its own, the parent's
    run("generate", "--latents", tmp_path / "a" / "photo.npz", "--network", made / "s.safetensors",
        "--out", tmp_path / "b")  # fmt: skip
    assert same(tmp_path / "b" / "photo.png", made / "out" / "photo.png")
    assert caplog.text == ""


def test_a_photo_is_projected_with_the_network_before(
    made: Path, tuned: tuple[str | Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its latent is the one that the delta was fitted around, and is kept already."""
    monkeypatch.setattr("stylegen.editing.projection.searching.Search.step", None)
    run("generate", "--latents", made / "photo.png", *tuned, *SEARCH, "--out", tmp_path)
    assert same(tmp_path / "photo.png", made / "out" / "photo.tuned.png")


def test_mix_transfer_and_interpolate_draw_with_the_tuned_network(
    made: Path, tuned: tuple[str | Path, ...], tmp_path: Path
) -> None:
    code, wanted = made / "out" / "photo.npz", made / "out" / "photo.tuned.png"
    run("mix", *tuned, "--rows", code, "--cols", "1", "--strength", "0", "--out", tmp_path / "m")
    assert same(tmp_path / "m" / "photo-1.png", wanted)
    run("transfer", *tuned, "--content", "1", "--style", made / "photo.png", "--layers", "all",
        *SEARCH, "--out", tmp_path / "t")  # fmt: skip
    assert same(tmp_path / "t" / "1-photo.png", wanted)
    run("interpolate", *tuned, "--through", f"{code},1", "--frames", "3", "--constant-speed",
        "--out", tmp_path / "w")  # fmt: skip
    assert same(tmp_path / "w" / "frame00000.png", wanted)
    delta = apply_delta(load(made / "s.safetensors"), str(tuned[3]))
    assert np.array_equal(
        from_pil(Image.open(tmp_path / "w" / "frame00002.png")), generate(delta, [1])[0]
    )


def test_adapt_and_blend_take_tuned_networks(
    made: Path, tuned: tuple[str | Path, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    child, whole = tmp_path / "child.safetensors", tmp_path / "whole.safetensors"
    run("adapt", *tuned, "--style", "5", "--steps", "1", "--out", child)
    said = read_info(child).provenance
    parent = load(made / "s.safetensors")
    assert said["parents"][0]["delta"] == "photo.delta.safetensors"
    assert said["parents"][0]["digest"] == network_digest(apply_delta(parent, str(tuned[3])))
    assert network_digest(parent) in said["lineage"]
    run("blend", "--base", made / "s.safetensors", "--fine", made / "s.safetensors",
        "--fine-delta", tuned[3], "--at", "4", "--out", whole)  # fmt: skip
    assert "ancestor" not in caplog.text
    run("generate", "--network", whole, "--latents", made / "out" / "photo.npz", "--out",
        tmp_path / "g")  # fmt: skip
    assert same(tmp_path / "g" / "photo.png", made / "out" / "photo.tuned.png")


@pytest.mark.parametrize(
    "words",
    [
        "generate --seeds 1 --out {t}/o", "mix --rows 1 --cols 2 --out {t}/o/m.png",
        "interpolate --through 1,2 --out {t}/o/w.gif", "adapt --style 1 --out {t}/a.safetensors",
        "transfer --content 1 --style 2 --out {t}/o/t.png",
    ],
)  # fmt: skip
def test_a_delta_of_another_network_is_one_sentence(
    made: Path, tuned: tuple[str | Path, ...], tmp_path: Path, words: str
) -> None:
    other = tmp_path / "n.safetensors"
    g = small.generator(seed=9)
    d = small.discriminator(g)
    save_snapshot(other, g, d, SnapshotInfo(generator=g.config, discriminator=d.config))
    before = sorted(tmp_path.iterdir())
    for delta, told in (
        (tuned[3], f"not of this one, {network_digest(g)[:12]}"),
        ("absent.safetensors", "absent.safetensors does not exist"),
        (other, "wanted a 'stylegen delta' file"),
    ):
        line = words.format(t=tmp_path).split()
        result = call(*line, "--network", other, "--delta", delta)
        assert result.exit_code == 2, (result.output, result.exception)
        assert told in " ".join(result.output.split())
        assert sorted(tmp_path.iterdir()) == before
