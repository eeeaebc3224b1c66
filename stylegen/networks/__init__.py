"""StyleGAN2's networks: mapping, synthesis and discriminator, and their configurations.

Parameters and buffers carry the names and shapes of the official implementation, so that its
weights load as they are. Loaded when first used: the configurations alone need no torch.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names
from stylegen.networks.config import DiscriminatorConfig, GeneratorConfig

if TYPE_CHECKING:
    from stylegen.networks.discriminator import Discriminator
    from stylegen.networks.generator import Generator
    from stylegen.networks.layers import freeze, lay_out
    from stylegen.networks.synthesis import Noise

__all__ = [
    "Discriminator",
    "DiscriminatorConfig",
    "Generator",
    "GeneratorConfig",
    "Noise",
    "freeze",
    "lay_out",
]

_HOMES = {
    "Discriminator": "stylegen.networks.discriminator",
    "Generator": "stylegen.networks.generator",
    "freeze": "stylegen.networks.layers",
    "lay_out": "stylegen.networks.layers",
    "Noise": "stylegen.networks.synthesis",
}

__getattr__ = lazy_names(__name__, _HOMES)
