"""Feature networks: what turns images into numbers that distances are taken on.

The names below are loaded when first used: naming them must not import torch.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.perceptual.base import FeatureNetwork as FeatureNetwork
    from stylegen.perceptual.base import Features as Features
    from stylegen.perceptual.demo import fit_demo as fit_demo
    from stylegen.perceptual.lpips import Lpips as Lpips
    from stylegen.perceptual.opening import open_features as open_features
    from stylegen.perceptual.several import FeatureKey as FeatureKey
    from stylegen.perceptual.several import open_several as open_several

_HOMES = {
    "FeatureKey": "several",
    "FeatureNetwork": "base",
    "Features": "base",
    "Lpips": "lpips",
    "fit_demo": "demo",
    "open_features": "opening",
    "open_several": "several",
}

__all__ = sorted(_HOMES)
__getattr__ = lazy_names(__name__, _HOMES)
