"""Small networks for the tests of directions."""

from typing import Any

import torch

from stylegen.editing.latents import Latents
from stylegen.editing.sampling import seeds_to_ws
from stylegen.networks import Generator, GeneratorConfig, freeze


def make_generator(**changes: Any) -> Generator:
    torch.manual_seed(1)
    values = {
        "resolution": 16, "z_dim": 8, "w_dim": 8, "mapping_layers": 2, "channel_base": 128,
        "channel_max": 8,
    }  # fmt: skip
    network = Generator(GeneratorConfig(**{**values, **changes}))
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(0.3)
    network.class_names = ("a", "b", "c")[: network.config.c_dim]
    return freeze(network)


def make_latents(generator: Generator, seeds: list[int]) -> Latents:
    ws = seeds_to_ws(generator, seeds).cpu()
    return Latents(w=ws, sources=tuple(str(seed) for seed in seeds))
