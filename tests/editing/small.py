"""Small networks for tests: generators whose images depend on w and on noise, and snapshots."""

from pathlib import Path
from typing import Any

import torch

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, freeze

SHAPE: dict[str, Any] = {"resolution": 16, "channel_base": 128, "channel_max": 8}


def generator(seed: int = 1, noise: float = 0.3, **changes: Any) -> Generator:
    """A generator of 16 px, frozen; ``noise`` is the strength of all its layers' noise."""
    torch.manual_seed(seed)
    values = {**SHAPE, "z_dim": 8, "w_dim": 8, "mapping_layers": 2}
    network = Generator(GeneratorConfig(**{**values, **changes}))
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(noise)
    return freeze(network)


def discriminator(g: Generator, seed: int | None = 2) -> Discriminator:
    """A discriminator of a generator's shape, frozen; seed None draws on."""
    if seed is not None:
        torch.manual_seed(seed)
    names = ("resolution", "base_size", "img_channels", "c_dim")
    shape = {name: getattr(g.config, name) for name in names}
    config = DiscriminatorConfig(**{**SHAPE, **shape}, mapping_layers=2)
    return freeze(Discriminator(config))


def snapshot(path: Path, seed: int = 0, width: int = 4, **changes: Any) -> Path:
    """Write a snapshot of freshly begun networks; ``width`` is that of z and w."""
    torch.manual_seed(seed)
    shape: dict[str, Any] = {**SHAPE, "mapping_layers": 1, **changes}
    g = Generator(GeneratorConfig(z_dim=width, w_dim=width, **shape))
    d = Discriminator(DiscriminatorConfig(**shape))
    info = SnapshotInfo(
        generator=g.config, discriminator=d.config, kimg=7.0,
        class_names=("cat", "dog")[: g.config.c_dim], provenance={"run": "r"},
    )  # fmt: skip
    save_snapshot(path, g, d, info)
    return path
