"""Distances in the features of networks trained on photos: SqueezeNet's, and LPIPS with VGG-16.

Images are compared at their own size, within limits: shorter sides below the smallest are enlarged
(bicubic), longer ones above the largest are averaged down.

Source: Zhang et al. 2018 (LPIPS), section 3, for which layers are compared; Iandola et al. 2016
(SqueezeNet).

N images, C channels, H height, W width, I features, (h, w) their size.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegen.editing.projection.distances import Distance, Features, pyramid, unit_length
from stylegen.errors import InputError
from stylegen.perceptual.locating import weights_path
from stylegen.perceptual.lpips import Lpips
from stylegen.perceptual.squeezenet import SqueezeNet

_LARGEST_PX = 256
_SQUEEZENET_SMALLEST_PX = 96
_SQUEEZENET_TAPS = (1, 4, 7, 9, 10, 11, 12)  # the first convolution, then ends of fire modules
_VGG_SMALLEST_PX = 32


def as_rgb(images: Tensor, name: str) -> Tensor:
    """Repeat grey three times; (N, 1 or 3, H, W) to (N, 3, H, W).

    Raises:
        InputError: the images have transparency.
    """
    if images.shape[1] not in (1, 3):
        raise InputError(
            f"the distance {name} compares grey or RGB images, not {images.shape[1]} channels; "
            "take discriminator or pyramid"
        )
    return images.expand(-1, 3, -1, -1)


def within(images: Tensor, smallest: int, largest: int = _LARGEST_PX) -> Tensor:
    """Enlarge images until the shorter side is ``smallest`` px, or average them down.

    Args:
        images: (N, C, H, W).
        smallest: of the shorter side.
        largest: of the longer side.

    Returns:
        (N, C, h, w), of the same aspect up to rounding.
    """
    h, w = images.shape[2:]
    scale = max(1.0, smallest / min(h, w)) if max(h, w) <= largest else largest / max(h, w)
    if scale == 1:
        return images
    size = max(1, round(h * scale)), max(1, round(w * scale))
    if scale > 1:
        return F.interpolate(images, size, mode="bicubic", antialias=True)
    return F.interpolate(images, size, mode="area")


def _tapped(layers: nn.Sequential, x: Tensor, taps: Sequence[int]) -> list[Tensor]:
    """Run layers and keep the outputs at some of them."""
    kept = []
    for i, layer in enumerate(layers):
        x = layer(x)
        if i in taps:
            kept.append(x)
    return kept


class SqueezeNetDistance(Distance):
    """F over seven layers of SqueezeNet 1.1, and P.

    Args:
        network: from :func:`stylegen.perceptual.open_features`.
    """

    name = "squeezenet"

    def __init__(self, network: SqueezeNet) -> None:
        self.network = network
        self.digest = network.weights_digest

    def features(self, images: Tensor) -> Features:
        """Return the layers' activations at unit length, and the pyramid."""
        x = within(as_rgb(images, self.name), _SQUEEZENET_SMALLEST_PX)
        x = (x + 1) * 127.5
        x = x.flip(1) - self.network.means
        layers = _tapped(self.network.layers, x, _SQUEEZENET_TAPS)
        return Features(layers=[unit_length(layer) for layer in layers], pixels=pyramid(images))


def lpips_at_hand() -> bool:
    """Return whether the weights of LPIPS lie where they are looked for, so none is fetched."""
    return all(weights_path(name).is_file() for name in ("vgg16", "lpips_vgg"))


class LpipsDistance(Distance):
    """LPIPS with VGG-16, and no pixels beside it.

    Raises:
        InputError: the weights are not on this machine and cannot be downloaded.
    """

    name = "lpips-vgg"

    def __init__(self, device: torch.device) -> None:
        try:
            self.network = Lpips("vgg").to(device)
        except InputError as error:
            raise InputError(
                f"the distance lpips-vgg could not get its weights: {error}; or take discriminator"
            ) from error

    def features(self, images: Tensor) -> Features:
        """Return the five layers' activations at unit length."""
        x = within(as_rgb(images, self.name), _VGG_SMALLEST_PX)
        return Features(layers=[unit_length(layer) for layer in self.network.activations(x)])

    def _between_layers(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        squares = [(x - y).square() for x, y in zip(a, b, strict=True)]
        return self.network.weighed(squares)
