"""Distances between images: how far a drawn image is from its target.

A distance turns images into features once, and compares features. Each image's distance depends on
its own pair alone.

    pyramid        P(x, y) = mean over levels l of mean (x_l - y_l)^2,   x_0 = x, x_{l+1} = half x_l
    features       F(x, y) = mean over layers k of mean over pixels |u(f_k(x)) - u(f_k(y))|^2
    u(f) = f / |f|, with the length |f| over channels

Source: u and F as in Zhang et al. 2018 (LPIPS), equation 1, without their weights.

N images, C channels, H height, W width, I features, (h, w) their size.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.checkpoints.checksums import checksum
from stylegen.networks import Discriminator

PIXEL_WEIGHT = 1.0  # of P beside F
_SMALLEST_PX = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """What images are compared by; all tensors have N rows.

    Attributes:
        layers: (N, I, h, w) each, of unit length over I; none for pixels alone.
        pixels: (N, C, h, w) each, the pyramid; none where pixels are not compared.
    """

    layers: Sequence[Tensor] = ()
    pixels: Sequence[Tensor] = ()


class Distance(ABC):
    """A distance between images.

    Attributes:
        name: one of :data:`~stylegen.editing.projection.config.DISTANCES`.
        digest: what tells it from others of its name: of its weights, hexadecimal, or empty.
    """

    name: str
    digest: str = ""

    @abstractmethod
    def features(self, images: Tensor) -> Features:
        """Return what images are compared by.

        Args:
            images: (N, C, H, W) float32, about [-1, 1].

        Returns:
            Features, of N rows.
        """

    def between(self, a: Features, b: Features) -> Tensor:
        """Compare features row by row.

        Args:
            a: of N images.
            b: of N images, or of one that all are compared with.

        Returns:
            (N,) float32, 0 for equal images: F + PIXEL_WEIGHT P, each where there is any.
        """
        total = torch.zeros([], device=(*a.layers, *a.pixels)[0].device)
        if a.layers:
            total = total + self._between_layers(a.layers, b.layers)
        return total + PIXEL_WEIGHT * mean_square(a.pixels, b.pixels) if a.pixels else total

    def _between_layers(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        return mean_channel_square(a, b)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare images (N, C, H, W), row by row: (N,) float32."""
        return self.between(self.features(a), self.features(b))


def unit_length(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Divide features by their length over channels, (N, I, h, w) to the same."""
    return x * (x.square().sum(dim=1, keepdim=True) + eps).rsqrt()


def pyramid(images: Tensor) -> list[Tensor]:
    """Halve images again and again, down to 4 px on the shorter side.

    Args:
        images: (N, C, H, W).

    Returns:
        The images, then each halving by 2 x 2 means.
    """
    levels = [images]
    while min(levels[-1].shape[2:]) >= 2 * _SMALLEST_PX:
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels


def mean_square(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Average the mean squared differences of several tensors: (N,)."""
    each = [(x - y).square().flatten(1).mean(dim=1) for x, y in zip(a, b, strict=True)]
    return torch.stack(each).mean(dim=0)


def mean_channel_square(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Average squared differences over tensors and pixels, and sum them over channels: (N,)."""
    each = [(x - y).square().sum(dim=1).flatten(1).mean(dim=1) for x, y in zip(a, b, strict=True)]
    return torch.stack(each).mean(dim=0)


class Pyramid(Distance):
    """Pixels at all scales: P."""

    name = "pyramid"

    def features(self, images: Tensor) -> Features:
        """Return the pyramid of (N, C, H, W)."""
        return Features(pixels=pyramid(images))


class DiscriminatorDistance(Distance):
    """F over what a discriminator sees in images after each block, and P.

    Args:
        discriminator: of the same snapshot as the generator.
    """

    name = "discriminator"

    def __init__(self, discriminator: Discriminator) -> None:
        self.discriminator = discriminator
        state = discriminator.state_dict()
        self.digest = checksum(state, state.__getitem__, "")

    def features(self, images: Tensor) -> Features:
        """Return each block's activations at unit length, and the pyramid."""
        blocks = self.discriminator.block_features(images)
        return Features(layers=[unit_length(x.float()) for x in blocks], pixels=pyramid(images))
