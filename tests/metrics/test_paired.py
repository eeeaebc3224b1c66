"""Paired measures: means, errors and values by hand."""

import math

import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.images.measures import psnr, ssim
from stylegen.metrics.paired import paired_measures


def pictures(n: int, seed: int = 0, size: tuple[int, int] = (12, 15)) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, 3, *size), generator=random, dtype=torch.uint8)


def apart(a: Tensor, b: Tensor) -> Tensor:
    """In the network's range: 2 for black against white."""
    return (a - b).abs().flatten(1).mean(1)


def test_known_errors() -> None:
    """Off by 5, by 10, and not at all: PSNR 20 log10(255 / 5), 6.02 dB less, infinite."""
    x = torch.full((3, 3, 12, 12), 100, dtype=torch.uint8)
    y = x + torch.tensor([5, 10, 0], dtype=torch.uint8)[:, None, None, None]
    told = list[int]()
    found = paired_measures(zip(x.split(2), y.split(2), strict=True), apart, progress=told.append)
    first = 20 * math.log10(255 / 5)
    second = first - 20 * math.log10(2)
    assert (found.count, found.identical, told) == (3, 1, [2, 3])
    assert found.psnr_db.values.tolist() == pytest.approx([first, second, math.inf])
    assert found.psnr_db.mean == pytest.approx((first + second) / 2)
    assert found.psnr_db.error == pytest.approx((first - second) / 2)
    assert found.ssim.values[2] == pytest.approx(1)
    assert found.lpips is not None
    assert found.lpips.values.tolist() == pytest.approx([5 / 127.5, 10 / 127.5, 0], rel=1e-5)
    assert found.lpips.error == pytest.approx(5 / 127.5 / 3**0.5, rel=1e-5)


def test_values_are_image_by_image_and_sizes_may_change() -> None:
    pairs = [(pictures(3), pictures(3, 1)), (pictures(2, 2, (20, 13)), pictures(2, 3, (20, 13)))]
    found = paired_measures(pairs)
    assert found.lpips is None
    expected = torch.cat([ssim(x, y) for x, y in pairs])
    assert torch.equal(found.ssim.values, expected)
    assert torch.equal(found.psnr_db.values, torch.cat([psnr(x, y) for x, y in pairs]))
    assert found.ssim.mean == pytest.approx(float(expected.mean()))
    assert found.ssim.error == pytest.approx(float(expected.std() / 5**0.5))


def test_one_equal_pair_has_no_mean() -> None:
    found = paired_measures([(pictures(1), pictures(1))])
    assert math.isnan(found.psnr_db.mean)
    assert math.isnan(found.ssim.error)
    assert found.ssim.mean == pytest.approx(1)


def test_it_refuses() -> None:
    with pytest.raises(InputError, match="no pairs"):
        paired_measures([])
    with pytest.raises(InputError, match="one shape"):
        paired_measures([(pictures(2), pictures(3))])
    with pytest.raises(InputError, match=r"of 2 pairs gave \(\); wanted one"):
        paired_measures([(pictures(2), pictures(2, 1))], lambda a, b: (a - b).mean())
