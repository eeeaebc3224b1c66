"""Pixels beyond an image's border, and pixels taken by their place.

N batch, C channels, H height, W width.
"""

import torch
from torch import Tensor


def reflected(at: Tensor, size: int) -> Tensor:
    """Return the places in an image of ``size`` pixels that places anywhere on an axis show.

    The outermost pixels are the mirrors, and are not repeated.
    """
    span = size - 1
    return span - (torch.remainder(at, 2 * span) - span).abs()


def source_places(images: Tensor, axis: int, steps: Tensor) -> Tensor:
    """Return where each place of an axis comes from, if images move by (N,) pixels; (N, size)."""
    places = torch.arange(images.shape[axis], device=images.device)
    return places - steps.long()[:, None]


def along(axis: int, values: Tensor) -> Tensor:
    """Lay (N, size) along an axis of images, (N, 1, size, 1) or (N, 1, 1, size)."""
    return values[:, None, :, None] if axis == 2 else values[:, None, None, :]


def take(images: Tensor, axis: int, at: Tensor) -> Tensor:
    """Take pixels of (N, C, H, W) by their places (N, size) on an axis, within the image."""
    return images.gather(axis, along(axis, at).expand(images.shape))
