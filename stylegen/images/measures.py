"""How much two images differ: peak signal to noise ratio, structural similarity.

    PSNR = 10 log10(255^2 / mean (x - y)^2)
    SSIM = mean over windows of (2 mx my + c1) (2 sxy + c2)
                                / ((mx^2 + my^2 + c1) (sx^2 + sy^2 + c2))

with means m, variances s^2 and covariance sxy in a Gaussian window of 11 px, deviation 1.5 px;
c1 = (0.01 255)^2, c2 = (0.03 255)^2. Windows lie wholly within the image.

Source: Wang et al. 2004 (SSIM), section III.

N images, C channels, H height, W width.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.errors import InputError

_PEAK = 255.0
_WINDOW_PX, _DEVIATION_PX = 11, 1.5
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2


def _check(x: Tensor, y: Tensor) -> None:
    if x.dtype != torch.uint8 or y.dtype != torch.uint8 or x.ndim != 4 or x.shape != y.shape:
        raise InputError(
            "images are compared as uint8 (N, C, H, W) of one shape, not "
            f"{x.dtype} {tuple(x.shape)} and {y.dtype} {tuple(y.shape)}"
        )


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Return the peak signal to noise ratio of each pair of images.

    Args:
        x: (N, C, H, W) uint8.
        y: likewise.

    Returns:
        (N,) float64, in dB; infinite for equal images.

    Raises:
        InputError: another dtype, or shapes that differ.
    """
    _check(x, y)
    error = (x.double() - y.double()).square().flatten(1).mean(dim=1)
    return 10 * torch.log10(_PEAK**2 / error)


def _window(side: int) -> Tensor:
    """A Gaussian of at most 11 px, odd, no longer than an image's side; its sum is 1."""
    length = min(_WINDOW_PX, side - 1 + side % 2)
    offsets = torch.arange(length, dtype=torch.float64) - length // 2
    taps = torch.exp(-offsets.square() / (2 * _DEVIATION_PX**2))
    return taps / taps.sum()


def _smooth(x: Tensor) -> Tensor:
    """Average (N, 1, H, W) float64 in windows: columns, then rows."""
    columns, rows = _window(x.shape[2]).to(x.device), _window(x.shape[3]).to(x.device)
    return F.conv2d(F.conv2d(x, columns[None, None, :, None]), rows[None, None, None, :])


def ssim(x: Tensor, y: Tensor) -> Tensor:
    """Return the structural similarity of each pair of images, averaged over channels.

    Images of fewer than 11 px have a smaller window.

    Args:
        x: (N, C, H, W) uint8.
        y: likewise.

    Returns:
        (N,) float64, 1 for equal images.

    Raises:
        InputError: another dtype, or shapes that differ.
    """
    _check(x, y)
    a, b = (t.double().flatten(0, 1)[:, None] for t in (x, y))
    ma, mb = _smooth(a), _smooth(b)
    va, vb = _smooth(a * a) - ma.square(), _smooth(b * b) - mb.square()
    covariance = _smooth(a * b) - ma * mb
    top = (2 * ma * mb + _C1) * (2 * covariance + _C2)
    bottom = (ma.square() + mb.square() + _C1) * (va + vb + _C2)
    return (top / bottom).flatten(1).mean(dim=1).reshape(len(x), -1).mean(dim=1)
