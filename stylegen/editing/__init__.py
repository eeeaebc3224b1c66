"""Drawing and editing with a trained generator: samples, mixes, walks, photos, directions.

The names below are loaded when first used.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.editing.adapting import Adapted as Adapted
    from stylegen.editing.adapting import adapt as adapt
    from stylegen.editing.blending import blend as blend
    from stylegen.editing.colour import match_colours as match_colours
    from stylegen.editing.interpolation import Walk as Walk
    from stylegen.editing.interpolation import interpolate as interpolate
    from stylegen.editing.interpolation import walk_frames as walk_frames
    from stylegen.editing.latents import Latents as Latents
    from stylegen.editing.latents import network_digest as network_digest
    from stylegen.editing.mixing import StyleMix as StyleMix
    from stylegen.editing.mixing import default_layers as default_layers
    from stylegen.editing.mixing import layer_weights as layer_weights
    from stylegen.editing.mixing import mix as mix
    from stylegen.editing.mixing import mix_latents as mix_latents
    from stylegen.editing.photos import photo_projector as photo_projector
    from stylegen.editing.restyle_config import AdaptConfig as AdaptConfig
    from stylegen.editing.restyle_config import BlendConfig as BlendConfig
    from stylegen.editing.restyle_config import TransferConfig as TransferConfig
    from stylegen.editing.sampling import draw_latents as draw_latents
    from stylegen.editing.sampling import generate as generate
    from stylegen.editing.sources import parse_sources as parse_sources
    from stylegen.editing.sources import resolve as resolve
    from stylegen.editing.transferring import Transfer as Transfer
    from stylegen.editing.transferring import transfer as transfer
    from stylegen.editing.walk_config import WalkConfig as WalkConfig

_HOMES = {
    "AdaptConfig": "restyle_config",
    "Adapted": "adapting",
    "BlendConfig": "restyle_config",
    "Latents": "latents",
    "StyleMix": "mixing",
    "Transfer": "transferring",
    "TransferConfig": "restyle_config",
    "Walk": "interpolation",
    "WalkConfig": "walk_config",
    "adapt": "adapting",
    "blend": "blending",
    "default_layers": "mixing",
    "draw_latents": "sampling",
    "generate": "sampling",
    "interpolate": "interpolation",
    "layer_weights": "mixing",
    "match_colours": "colour",
    "mix": "mixing",
    "mix_latents": "mixing",
    "network_digest": "latents",
    "parse_sources": "sources",
    "photo_projector": "photos",
    "resolve": "sources",
    "transfer": "transferring",
    "walk_frames": "interpolation",
}

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(_HOMES)
