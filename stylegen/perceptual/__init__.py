"""Feature networks: what turns images into numbers that distances are taken on.

The names below are loaded when first used: naming them must not import torch.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.perceptual.base import FeatureNetwork as FeatureNetwork
    from stylegen.perceptual.base import Features as Features
    from stylegen.perceptual.demo import fit_demo as fit_demo
    from stylegen.perceptual.opening import open_features as open_features

__all__ = ["FeatureNetwork", "Features", "fit_demo", "open_features"]

_HOMES = {
    "FeatureNetwork": "stylegen.perceptual.base",
    "Features": "stylegen.perceptual.base",
    "fit_demo": "stylegen.perceptual.demo",
    "open_features": "stylegen.perceptual.opening",
}

__getattr__ = lazy_names(__name__, _HOMES)
