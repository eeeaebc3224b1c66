"""Peak signal to noise ratio and structural similarity against the formulas written out."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.images.measures import psnr, ssim


def pictures(n: int = 2, channels: int = 3, height: int = 14, width: int = 17) -> Tensor:
    random = torch.Generator().manual_seed(height * width)
    return torch.randint(256, (n, channels, height, width), generator=random, dtype=torch.uint8)


def test_psnr_of_a_known_error() -> None:
    x = torch.full((2, 3, 8, 8), 100, dtype=torch.uint8)
    y = x.clone()
    y[0] += 5
    y[1, :, 0, 0] += 16  # mean square 256 / 64 = 4
    expected = [20 * math.log10(255 / 5), 20 * math.log10(255 / 2)]
    torch.testing.assert_close(psnr(x, y), torch.tensor(expected, dtype=torch.float64))
    assert psnr(x, x).tolist() == [math.inf, math.inf]


def ssim_by_hand(x: Tensor, y: Tensor, side: int = 11) -> float:
    """One channel, window by window, with variances about the windows' own means."""
    r = np.arange(side) - side // 2
    window = np.exp(-(r[:, None] ** 2 + r[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    a, b = x.numpy().astype(float), y.numpy().astype(float)
    c1, c2, values = (0.01 * 255) ** 2, (0.03 * 255) ** 2, []
    for i in range(a.shape[0] - side + 1):
        for j in range(a.shape[1] - side + 1):
            p, q = a[i : i + side, j : j + side], b[i : i + side, j : j + side]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            cov = (window * (p - mp) * (q - mq)).sum()
            luminance = (2 * mp * mq + c1) / (mp**2 + mq**2 + c1)
            values.append(luminance * (2 * cov + c2) / (vp + vq + c2))
    return float(np.mean(values))


def test_ssim_is_the_formula() -> None:
    x, other = pictures(), pictures().flip(3)
    y = (x.float() * 0.7 + other.float() * 0.3).to(torch.uint8)
    expected = [np.mean([ssim_by_hand(a, b) for a, b in zip(*p, strict=True)]) for p in zip(x, y)]  # noqa: B905
    np.testing.assert_allclose(ssim(x, y).numpy(), expected, rtol=1e-9)
    assert ssim(x, x).tolist() == pytest.approx([1.0, 1.0])


def test_ssim_of_small_images_has_a_smaller_window() -> None:
    x = pictures(1, 1, 7, 7)
    y = x // 2
    assert ssim(x, y).item() == pytest.approx(ssim_by_hand(x[0, 0], y[0, 0], side=7))
    assert ssim(pictures(1, 1, 8, 8), pictures(1, 1, 8, 8) // 2).item() < 1  # an even side


def test_pairs_of_other_shapes_are_refused() -> None:
    x = pictures()
    for bad in (x[:1], x.float(), x[0]):
        for measure in (psnr, ssim):
            with pytest.raises(InputError, match="uint8"):
                measure(x, bad)
