"""Noise and cutout.

Both concern all channels, alpha included.

Source: Karras et al. 2020 (ADA), appendix B, figure "Pseudocode", additive noise and cutout;
DeVries & Taylor 2017 (cutout).

N batch, C channels, H height, W width.
"""

import torch
from torch import Tensor

from stylegen.training.augment.borders import along
from stylegen.training.augment.chance import Chance
from stylegen.training.augment.config import Magnitudes


def draw_noise_std(m: Magnitudes, chance: Chance) -> Tensor:
    """Draw the standard deviation of the noise, (N,), half-normal; 0 where there is none."""
    return chance.maybe(chance.normal(m.noise_std).abs(), 0)


def draw_cutout(m: Magnitudes, chance: Chance) -> Tensor:
    """Draw the rectangle that is cut out, (N, 2, 2): centre (x, y), then sides, as shares.

    The sides are 0 where nothing is cut.
    """
    centre = torch.stack([chance.uniform(0, 1), chance.uniform(0, 1)], 1)
    sides = chance.maybe(torch.full_like(centre, m.cutout_size), 0)
    return torch.stack([centre, sides], 1)


def _inside(size: int, centre: Tensor, side: Tensor) -> Tensor:
    """Tell which pixels' centres lie within an interval of an axis, (N, size)."""
    at = (torch.arange(size, device=centre.device) + 0.5) / size
    return (at - centre[:, None]).abs() < side[:, None] / 2


def cut_out(images: Tensor, cutout: Tensor) -> Tensor:
    """Set a rectangle of each image to 0.

    Args:
        images: (N, C, H, W).
        cutout: (N, 2, 2) of :func:`draw_cutout`.

    Returns:
        (N, C, H, W).
    """
    height, width = images.shape[2:]
    columns = _inside(width, cutout[:, 0, 0], cutout[:, 1, 0])
    rows = _inside(height, cutout[:, 0, 1], cutout[:, 1, 1])
    return images.masked_fill(along(3, columns) & along(2, rows), 0)


def add_noise(images: Tensor, noise: Tensor, std: Tensor) -> Tensor:
    """Add unit noise (N, C, H, W) times (N,) to images."""
    return images + (noise * std[:, None, None, None]).to(images.dtype)
