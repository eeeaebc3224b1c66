"""Colour transforms, composed into one affine map of the colours.

With the luma axis v = (1, 1, 1) / sqrt(3), in this order: brightness b added, contrast c, the luma
flipped (f = -1) or not (f = 1), the hue turned around v by h, saturation s,

    y = c (f v v^T + s R) (x + b (1, 1, 1)^T),   R = cos h (I - v v^T) + sin h [v]_x.

The matrix is circulant: three numbers make it. A grey image is one whose colours are equal: hue
and saturation leave it as it is.

Source: Karras et al. 2020 (ADA), appendix B, figure "Pseudocode", color transformations.

N batch, C channels, K colour channels (1 or 3), H height, W width.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.training.augment.chance import Chance
from stylegen.training.augment.config import Magnitudes


@dataclass(frozen=True, kw_only=True)
class Colors:
    """How the colours of each sample change, all (N,).

    Attributes:
        brightness: b.
        contrast: c.
        flip: f, 1 or -1.
        hue: h, radians.
        saturation: s.
    """

    brightness: Tensor
    contrast: Tensor
    flip: Tensor
    hue: Tensor
    saturation: Tensor


def colour_channels(channels: int) -> int:
    """Return K of images with this many channels: the second or fourth is alpha."""
    return 1 if channels <= 2 else 3


def draw_colors(m: Magnitudes, chance: Chance) -> Colors:
    """Draw the colour changes of a batch."""
    furthest = m.hue_max * math.pi
    return Colors(
        brightness=chance.maybe(chance.normal(m.brightness_std), 0),
        contrast=chance.maybe(chance.lognormal(m.contrast_std), 1),
        flip=chance.maybe(1 - 2 * chance.one_of(2), 1),
        hue=chance.maybe(chance.uniform(-furthest, furthest), 0),
        saturation=chance.maybe(chance.lognormal(m.saturation_std), 1),
    )


def color_matrix(colors: Colors, count: int) -> Tensor:
    """Compose the affine map of the colours.

    Args:
        colors: what is done.
        count: K, 1 or 3.

    Returns:
        (N, K, K + 1): the linear part, then what is added.
    """
    luma = colors.contrast * colors.flip
    added = (luma * colors.brightness)[:, None, None].expand(-1, count, 1)
    if count == 1:
        return torch.cat([luma[:, None, None], added], dim=2)
    chroma = colors.contrast * colors.saturation
    along, across = chroma * colors.hue.cos(), chroma * colors.hue.sin() / math.sqrt(3)
    shared = (luma - along) / 3
    row = torch.stack([shared + along, shared - across, shared + across], 1)
    rows = [row.roll(k, 1) for k in range(3)]
    return torch.cat([torch.stack(rows, 1), added], dim=2)


def recolor(images: Tensor, matrix: Tensor) -> Tensor:
    """Change the colours of images.

    Args:
        images: (N, C, H, W), of which the first K channels are colours.
        matrix: (N, K, K + 1) of :func:`color_matrix`.

    Returns:
        (N, C, H, W); further channels are left alone.
    """
    count = matrix.shape[1]
    m = matrix.to(images.dtype)[:, :, :, None, None]
    changed = m[:, :, count]
    for k in range(count):
        changed = changed + m[:, :, k] * images[:, k : k + 1]
    alpha = images[:, count:]
    return torch.cat([changed, alpha], dim=1) if alpha.shape[1] else changed
