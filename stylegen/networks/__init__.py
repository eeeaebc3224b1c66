"""StyleGAN2's networks: mapping, synthesis and discriminator, and their configurations.

Parameters and buffers carry the names and shapes of the official implementation, so that its
weights load as they are. Loaded when first used: configurations and shapes alone need no torch.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names
from stylegen.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegen.networks.shapes import shape_for

if TYPE_CHECKING:
    from stylegen.networks.discriminator import Discriminator
    from stylegen.networks.fading import downsample_images
    from stylegen.networks.generator import Generator
    from stylegen.networks.growing import faded, grow, map_parameters
    from stylegen.networks.layers import freeze, lay_out, thaw
    from stylegen.networks.synthesis import Noise

__all__ = [
    "Discriminator",
    "DiscriminatorConfig",
    "Generator",
    "GeneratorConfig",
    "Noise",
    "downsample_images",
    "faded",
    "freeze",
    "grow",
    "lay_out",
    "map_parameters",
    "shape_for",
    "thaw",
]

_HOMES = {
    "Discriminator": "stylegen.networks.discriminator",
    "Generator": "stylegen.networks.generator",
    "downsample_images": "stylegen.networks.fading",
    "faded": "stylegen.networks.growing",
    "freeze": "stylegen.networks.layers",
    "grow": "stylegen.networks.growing",
    "lay_out": "stylegen.networks.layers",
    "map_parameters": "stylegen.networks.growing",
    "Noise": "stylegen.networks.synthesis",
    "thaw": "stylegen.networks.layers",
}

__getattr__ = lazy_names(__name__, _HOMES)
