"""Snapshots: what is written is read, and what cannot be read is named."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import stylegen
from stylegen.checkpoints import SnapshotInfo, load_official_state, read_info, save_snapshot
from stylegen.checkpoints.snapshot import load_discriminator
from stylegen.errors import InputError
from stylegen.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    lay_out,
)


@pytest.fixture
def networks() -> tuple[Generator, Discriminator]:
    torch.manual_seed(3)
    generator = Generator(
        GeneratorConfig(resolution=8, z_dim=4, w_dim=6, channel_base=64, c_dim=2, mapping_layers=2)
    )
    return generator, Discriminator(DiscriminatorConfig(resolution=8, channel_base=64, c_dim=2))


@pytest.fixture
def snapshot(tmp_path: Path, networks: tuple[Generator, Discriminator]) -> Path:
    generator, discriminator = networks
    info = SnapshotInfo(
        generator=generator.config,
        discriminator=discriminator.config,
        kimg=12.5,
        class_names=("cat", "dog"),
        provenance={"data": "pets"},
    )
    path = tmp_path / "snapshot-000012.safetensors"
    save_snapshot(path, generator, discriminator, info)
    return path


@torch.no_grad()
def test_a_snapshot_draws_the_same_images(
    snapshot: Path, networks: tuple[Generator, Discriminator]
) -> None:
    generator, discriminator = networks
    loaded = stylegen.load(snapshot)
    z, c = torch.randn(3, 4), torch.eye(2)[[0, 1, 1]]
    lay_out(generator)
    image = generator.eval()(z, c, noise="const")
    assert torch.equal(loaded(z, c, noise="const"), image)
    assert torch.equal(load_discriminator(snapshot)(image, c), discriminator(image, c))
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert loaded.class_names == ("cat", "dog")


def test_a_snapshot_says_what_it_is(
    snapshot: Path, networks: tuple[Generator, Discriminator]
) -> None:
    info = read_info(snapshot)
    assert info.generator == networks[0].config
    assert info.discriminator == networks[1].config
    assert (info.kimg, info.provenance) == (12.5, {"data": "pets"})
    beside = json.loads(snapshot.with_suffix(".json").read_text())
    assert beside["kimg"] == 12.5


def test_writing_leaves_no_other_files(snapshot: Path) -> None:
    assert sorted(p.name for p in snapshot.parent.iterdir()) == [
        "snapshot-000012.json",
        "snapshot-000012.safetensors",
    ]
    assert snapshot.stat().st_mode == snapshot.with_suffix(".json").stat().st_mode


def test_channels_last_networks_are_saved_as_they_are(
    tmp_path: Path, networks: tuple[Generator, Discriminator]
) -> None:
    generator, discriminator = networks
    lay_out(generator)
    info = SnapshotInfo(generator=generator.config, discriminator=discriminator.config)
    save_snapshot(tmp_path / "s.safetensors", generator, discriminator, info)
    loaded = stylegen.load(tmp_path / "s.safetensors")
    for name, value in generator.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


@torch.no_grad()
def test_rectangles_of_four_channels_come_back(tmp_path: Path) -> None:
    shape: dict[str, Any] = {"resolution": 16, "base_size": (3, 5), "img_channels": 4}
    generator = Generator(GeneratorConfig(z_dim=4, w_dim=4, channel_base=64, **shape)).eval()
    discriminator = Discriminator(DiscriminatorConfig(channel_base=64, **shape))
    info = SnapshotInfo(generator=generator.config, discriminator=discriminator.config)
    path = tmp_path / "s.safetensors"
    save_snapshot(path, generator, discriminator, info)
    loaded, z = stylegen.load(path), torch.randn(2, 4)
    assert loaded.config == generator.config
    image = loaded(z, noise="const")
    assert image.shape == (2, 4, 12, 20)
    torch.testing.assert_close(image, generator(z, noise="const"))
    torch.testing.assert_close(load_discriminator(path)(image), discriminator(image))
    square = Generator(replace(generator.config, base_size=(4, 4)))
    with pytest.raises(InputError, match=r"b4.const \(16, 3, 5\) instead of \(16, 4, 4\)"):
        load_official_state(square, generator.state_dict())


def test_snapshots_from_before_rectangles_are_squares(snapshot: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    with safe_open(snapshot, framework="pt") as file:
        header = json.loads(file.metadata()["stylegen"])
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    for network in ("generator", "discriminator"):
        assert header[network].pop("base_size") == [4, 4]
    path = tmp_path / "old.safetensors"
    save_file(tensors, path, metadata={"stylegen": json.dumps(header)})
    loaded = stylegen.load(path)
    assert loaded.config.base_size == (4, 4)
    assert all(torch.equal(tensors[f"G_ema.{k}"], v) for k, v in loaded.state_dict().items())


def damaged(snapshot: Path, folder: Path) -> dict[str, Path]:
    """Make files that are no snapshots."""
    files = {n: folder / f"{n}.safetensors" for n in ("cut", "empty", "text", "foreign", "future")}
    files["cut"].write_bytes(snapshot.read_bytes()[:-100])
    files["empty"].write_bytes(b"")
    files["text"].write_text("hello " * 100)
    save_file({"x": torch.zeros(2)}, files["foreign"])
    header = {"kind": "stylegen snapshot", "version": 99}
    save_file({"x": torch.zeros(2)}, files["future"], metadata={"stylegen": json.dumps(header)})
    os.chmod(files["foreign"], 0o644)
    return {**files, "missing": folder / "missing.safetensors", "folder": folder}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cut", "not a whole"),
        ("empty", "not a whole"),
        ("text", "not a whole"),
        ("foreign", "another program"),
        ("future", "format version 99"),
        ("missing", "does not exist"),
        ("folder", "is a folder"),
    ],
)
def test_other_files_are_named(snapshot: Path, tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        stylegen.load(damaged(snapshot, tmp_path)[name])


def test_a_snapshot_with_a_changed_header_is_refused(snapshot: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    with safe_open(snapshot, framework="pt") as file:
        header = json.loads(file.metadata()["stylegen"])
        tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    header["generator"]["channel_max"] = 4
    save_file(tensors, tmp_path / "x.safetensors", metadata={"stylegen": json.dumps(header)})
    with pytest.raises(InputError, match=r"other shape: .*instead of"):
        stylegen.load(tmp_path / "x.safetensors")
    header["generator"]["colour"] = "blue"
    save_file(tensors, tmp_path / "y.safetensors", metadata={"stylegen": json.dumps(header)})
    with pytest.raises(InputError, match="unknown entries: colour"):
        stylegen.load(tmp_path / "y.safetensors")


def test_official_states_load_strictly(networks: tuple[Generator, Discriminator]) -> None:
    generator = networks[0]
    state: dict[str, Any] = {
        k: np.full(v.shape, 0.5, np.float32) for k, v in generator.state_dict().items()
    }
    load_official_state(generator, state)
    assert all((v == 0.5).all() for v in generator.state_dict().values())
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    state = {k: v * 2 for k, v in state.items()}
    del state["mapping.w_avg"]
    state["mapping.extra"] = np.zeros(1)
    state["mapping.fc0.bias"] = np.zeros(3)
    with pytest.raises(InputError) as caught:
        load_official_state(generator, state)
    message = str(caught.value)
    assert "missing: mapping.w_avg" in message
    assert "unexpected: mapping.extra" in message
    assert "mapping.fc0.bias (3,) instead of (6,)" in message
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
