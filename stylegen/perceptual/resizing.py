"""How images are brought to a feature network's size: the three ways that tools differ in.

    tf1       y_i = x_l + (x_h - x_l) d,   l = floor(i s), h = min(l + 1, n - 1), d = i s - l
    pytorch   the same at (i + 1/2) s - 1/2, not below 0
    clean     y_i = sum_j k(|j + 1/2 - (i + 1/2) s| / m) x_j / the sum of weights, clipped to 0..255

with s = n / S for n pixels to S, and m = max(s, 1). k is Keys' cubic with a = -1/2. Each is taken
along rows and along columns. Between bytes and the network nothing is rounded.

Source: Parmar et al. 2022 (clean-fid), arXiv:2104.11222, section 3, for what differs; Keys 1981
for k. "clean" is what Pillow computes of single float channels.

N images, C channels, H x W pixels, S pixels of a side afterwards.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.perceptual.names import Resize

_CUBIC_A = -0.5


def _along(n: int, side: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return l, h and d of each of S places."""
    at = torch.arange(side, dtype=torch.float32, device=device)
    at = at * torch.tensor(n / side, dtype=torch.float32, device=device)
    low = at.long()
    return low, (low + 1).clamp_max(n - 1), at - low


def _tf1(x: Tensor, side: int) -> Tensor:
    """Resize columns, then rows: the same sums, bit for bit, as gathering four corners."""
    low, high, part = _along(x.shape[3], side, x.device)
    left = x[..., low]
    x = left + (x[..., high] - left) * part
    low, high, part = _along(x.shape[2], side, x.device)
    top = x[:, :, low]
    return top + (x[:, :, high] - top) * part[:, None]


def _pytorch(x: Tensor, side: int) -> Tensor:
    return F.interpolate(x, (side, side), mode="bilinear", align_corners=False)


def _cubic(t: Tensor) -> Tensor:
    """Return k(t) of distances t."""
    a, t = _CUBIC_A, t.abs()
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = (((t - 5) * t + 8) * t - 4) * a
    return torch.where(t < 1, near, torch.where(t < 2, far, torch.zeros_like(t)))


@lru_cache(maxsize=64)
def _cubic_weights(n: int, side: int, device: torch.device) -> Tensor:
    """Return the weights (S, n) of n pixels in each of S; float32 of sums in float64."""
    scale = n / side
    centres = (torch.arange(side, dtype=torch.float64) + 0.5) * scale
    offsets = torch.arange(n, dtype=torch.float64) + 0.5 - centres[:, None]
    weights = _cubic(offsets / max(scale, 1.0))
    return (weights / weights.sum(1, keepdim=True)).float().to(device)


def _clean(x: Tensor, side: int) -> Tensor:
    rows, columns = (_cubic_weights(n, side, x.device) for n in x.shape[2:])
    return (rows @ (x @ columns.T)).clamp(0, 255)


_WAYS = {"tf1": _tf1, "pytorch": _pytorch, "clean": _clean}


def resized(images: Tensor, side: int, resize: Resize) -> Tensor:
    """Resize images to a square, as a feature network takes them.

    Args:
        images: (N, C, H, W) uint8.
        side: S, in pixels.
        resize: one of :data:`~stylegen.perceptual.names.RESIZES`.

    Returns:
        (N, C, S, S) float32, in 0..255.
    """
    return _WAYS[resize](images.float(), side)


def standardised(x: Tensor, means: Tensor, deviations: Tensor) -> Tensor:
    """Subtract a mean and divide by a deviation of each channel, (N, C, S, S) to the same.

    Args:
        x: float32, in 0..255.
        means: (C,), in units of x.
        deviations: (C,), in units of x.
    """
    return (x - means.view(1, -1, 1, 1)) / deviations.view(1, -1, 1, 1)
