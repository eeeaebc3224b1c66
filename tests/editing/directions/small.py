"""Small networks for the tests of directions: with names of classes, as latents, as snapshots."""

from pathlib import Path
from typing import Any

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.editing.latents import Latents
from stylegen.editing.sampling import seeds_to_ws
from stylegen.networks import Generator
from tests.editing.small import discriminator, generator


def make_generator(**changes: Any) -> Generator:
    network = generator(**changes)
    network.class_names = ("a", "b", "c")[: network.config.c_dim]
    return network


def make_latents(generator: Generator, seeds: list[int]) -> Latents:
    ws = seeds_to_ws(generator, seeds).cpu()
    return Latents(w=ws, sources=tuple(str(seed) for seed in seeds))


def save_network(path: Path, **changes: Any) -> Generator:
    """Write a snapshot of a small generator and a discriminator of its shape."""
    g = make_generator(**changes)
    d = discriminator(g)
    info = SnapshotInfo(
        generator=g.config, discriminator=d.config, class_names=tuple(g.class_names)
    )
    save_snapshot(path, g, d, info)
    return g
