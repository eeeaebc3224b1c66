"""A small generator whose images depend on w and on the noise, and its discriminator."""

from typing import Any

import torch

from stylegen.editing.projection import Distance, ProjectionConfig, open_distance
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, freeze

QUICK: dict[str, Any] = {"steps": 6, "map_steps": 3, "candidates": 3, "mean_samples": 40}


def generator(seed: int = 1, **changes: Any) -> Generator:
    torch.manual_seed(seed)
    values = {
        "resolution": 16, "z_dim": 8, "w_dim": 8, "mapping_layers": 2, "channel_base": 128,
        "channel_max": 8, "mapping_lr_multiplier": 1.0,
    }  # fmt: skip
    network = Generator(GeneratorConfig(**{**values, **changes}))
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(0.1)
    return freeze(network)


def discriminator(g: Generator, seed: int = 2) -> Discriminator:
    torch.manual_seed(seed)
    config = g.config
    return freeze(
        Discriminator(
            DiscriminatorConfig(
                resolution=config.resolution,
                base_size=config.base_size,
                img_channels=config.img_channels,
                channel_base=128,
                channel_max=8,
                c_dim=config.c_dim,
                mapping_layers=2,
            )
        )
    )


def distance(g: Generator) -> Distance:
    return open_distance("discriminator", discriminator=discriminator(g))


def quick(**changes: Any) -> ProjectionConfig:
    return ProjectionConfig(**{**QUICK, **changes})
