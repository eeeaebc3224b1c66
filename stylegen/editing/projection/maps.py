"""Noise maps: the layers' noise as something to be fitted, kept noise by a regulariser.

    R(map) = sum over levels v, directions of (c(v) - c(stored v))^2,   c(v) = mean of v shifted(v)

over the levels v of a map, each the last one averaged over 2 x 2, down to 8 px: the correlation of
neighbours below and beside, about zero for white noise. The shift wraps around.

Source: Karras et al. 2020 (StyleGAN2), appendix D, with c(stored v) = 0. Maps are compared with the
stored ones instead, in correlations, mean and deviation, so that a fit begins at them exactly: a
small map of true noise is far from uncorrelated.

N images, h height and w width of a layer, in pixels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.networks import Generator, Noise
from stylegen.networks.synthesis import SynthesisLayer

_SMALLEST_PX = 8


def stored_maps(generator: Generator) -> list[Tensor]:
    """Return the network's stored noise, (h, w) each, in the order in which layers take it."""
    layers = [m for _, block in generator.synthesis.blocks() for m in block.children()]
    return [layer.noise_const for layer in layers if isinstance(layer, SynthesisLayer)]


def as_noise(maps: Sequence[Tensor]) -> Noise:
    """Return what hands maps, (N, 1, h, w) each, to one run of the synthesis network."""
    following = iter(maps)
    return lambda n, h, w: next(following)


def correlations(maps: Sequence[Tensor]) -> Tensor:
    """Return c of all levels and directions of all maps.

    Args:
        maps: (N, 1, h, w) each.

    Returns:
        (N, K), K for all maps together.
    """
    found = []
    for level in maps:
        while True:
            found += [(level * level.roll(1, dims=axis)).mean(dim=(1, 2, 3)) for axis in (2, 3)]
            if min(level.shape[2:]) <= _SMALLEST_PX:
                break
            level = F.avg_pool2d(level, 2)
    return torch.stack(found, dim=1)


def renormalise(maps: Tensor, stored: Tensor) -> Tensor:
    """Give maps the mean and the deviation of the stored one (in the paper, 0 and 1).

    Args:
        maps: (N, 1, h, w).
        stored: (h, w).

    Returns:
        (N, 1, h, w).
    """
    centred = maps - maps.mean(dim=(1, 2, 3), keepdim=True)
    deviation = centred.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    wanted = (stored - stored.mean()).square().mean().sqrt()
    return centred * (wanted / deviation.clamp(min=1e-8)) + stored.mean()
