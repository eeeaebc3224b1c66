"""A small generator, and a configuration that measures it in a moment."""

from typing import Any

import torch

from stylegen.data import DataConfig
from stylegen.metrics import TrainingMetricConfig
from stylegen.networks import Generator, GeneratorConfig

ALL = ("fid", "kid", "is")
MANIFOLD = ("precision", "recall", "density", "coverage")


def configure(weights: str, data: DataConfig, **options: Any) -> TrainingMetricConfig:
    usual: dict[str, Any] = {"metrics": ALL, "samples": 40, "batch": 7, "splits": 2}
    return TrainingMetricConfig(data=data, features="demo", weights=weights, **{**usual, **options})


def make_generator(c_dim: int = 0, channels: int = 3, **options: Any) -> Generator:
    """A generator whose layer noise counts."""
    config = GeneratorConfig(
        resolution=16, img_channels=channels, z_dim=6, w_dim=6, c_dim=c_dim, mapping_layers=1,
        channel_base=128, channel_max=8, **options,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        generator = Generator(config)
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.2)
    return generator
