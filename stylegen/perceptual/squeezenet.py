"""SqueezeNet 1.1 features, trained on ImageNet with Caffe: small enough to carry about.

Images are resized to 96 x 96 (bicubic, antialiased, clamped to 0..255), put in the order BGR,
lessened by the channel means, sent through the convolutional part, and averaged over space
(D = 512). There is no classifier, so no logits.
Source: Iandola et al. 2016, arXiv:1602.07360.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.errors import InputError
from stylegen.perceptual.base import FeatureNetwork, Features
from stylegen.perceptual.locating import find_weights, weights_path
from stylegen.perceptual.names import Arithmetic
from stylegen.perceptual.weights import file_digest, load_into, load_tensors
from stylegen.perceptual.weights_table import WEIGHTS

_SIDE_PX = 96
_MEANS_BGR = (103.939, 116.779, 123.68)
_PREFIX = "features."


class SqueezeNet(FeatureNetwork):
    """Spatially averaged features of SqueezeNet 1.1.

    Args:
        weights: a state dict with torchvision's names (features.*); by default the one that
            STYLEGEN_WEIGHTS_SQUEEZENET names, or that lies in torch.hub's folder.
        arithmetic: "fp32" and "fast" are one here.

    Raises:
        InputError: no file is named, or it is absent, cut off, or another network's.
    """

    means: Tensor

    def __init__(
        self, weights: str | Path | None = None, *, arithmetic: Arithmetic = "fp32"
    ) -> None:
        from torchvision.models import squeezenet1_1

        if weights is None and not weights_path("squeezenet").is_file():
            raise InputError(
                "the feature network squeezenet needs its weights: name a SqueezeNet 1.1 state "
                "dict (Caffe preprocessing, torchvision's names features.*) with "
                f"{WEIGHTS['squeezenet'].flag} FILE or in {WEIGHTS['squeezenet'].variable}"
            )
        path = find_weights("squeezenet", weights)
        values = load_tensors(path)
        super().__init__("squeezenet", file_digest(path), arithmetic=arithmetic)
        self.layers = squeezenet1_1(weights=None).features
        own = {k.removeprefix(_PREFIX): v for k, v in values.items() if k.startswith(_PREFIX)}
        load_into(self.layers, own, f"the tensors in {path}")
        self.register_buffer("means", torch.tensor(_MEANS_BGR).view(1, 3, 1, 1))
        self.settle(self.layers)

    def layout(self) -> torch.memory_format:
        """Return how the layers' inputs lie in memory."""
        return torch.channels_last

    def features(self, images: Tensor) -> Features:
        """Compute the averaged features of (N, 3, H, W) uint8."""
        x = F.interpolate(images.float(), (_SIDE_PX, _SIDE_PX), mode="bicubic", antialias=True)
        x = x.clamp(0, 255).flip(1) - self.means
        return Features(self.layers(self.laid_out(x)).float().mean((2, 3)), None)
