"""A small generator that is quick to project on, its distance, and few steps."""

from typing import Any

from stylegen.editing.projection import Distance, ProjectionConfig, open_distance
from stylegen.networks import Discriminator, Generator
from tests.editing import small

QUICK: dict[str, Any] = {"steps": 6, "map_steps": 3, "candidates": 3, "mean_samples": 40}


def generator(seed: int = 1, **changes: Any) -> Generator:
    return small.generator(seed, noise=0.1, **{"mapping_lr_multiplier": 1.0, **changes})


def discriminator(g: Generator, seed: int = 2) -> Discriminator:
    return small.discriminator(g, seed)


def distance(g: Generator) -> Distance:
    return open_distance("discriminator", discriminator=discriminator(g))


def quick(**changes: Any) -> ProjectionConfig:
    return ProjectionConfig(**{**QUICK, **changes})
