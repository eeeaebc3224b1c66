"""StyleGAN2's networks: mapping, synthesis and discriminator, and their configurations.

Parameters and buffers carry the names and shapes of the official implementation, so that its
weights load as they are. Loaded when first used: the configurations alone need no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from stylegen.networks.config import DiscriminatorConfig, GeneratorConfig

if TYPE_CHECKING:
    from stylegen.networks.discriminator import Discriminator
    from stylegen.networks.generator import Generator
    from stylegen.networks.synthesis import Noise

__all__ = ["Discriminator", "DiscriminatorConfig", "Generator", "GeneratorConfig", "Noise"]

_HOMES = {
    "Discriminator": "stylegen.networks.discriminator",
    "Generator": "stylegen.networks.generator",
    "Noise": "stylegen.networks.synthesis",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
