"""Colour statistics by numpy, and spectra of signals whose spectrum is known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.spectrum import ImageStatistics, hann, image_statistics


def noise(n: int, c: int, h: int, w: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, c, h, w), generator=random, dtype=torch.uint8)


def as_float(statistics: ImageStatistics, field: str) -> np.ndarray:
    return getattr(statistics, field).numpy()


def test_colours_are_numpys() -> None:
    x = (noise(7, 3, 9, 12).float() * torch.tensor([1, 0.5, 0.2])[:, None, None]).to(torch.uint8)
    found = image_statistics(x.split(3))
    pixels = x.double().numpy()
    assert found.count == 7
    np.testing.assert_allclose(found.mean, pixels.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(found.sd, pixels.std((0, 2, 3)), rtol=1e-10)
    luma = np.tensordot([0.299, 0.587, 0.114], pixels.mean((2, 3)), (0, 1))
    np.testing.assert_allclose(found.brightness, luma, rtol=1e-6)


def test_grey_is_its_own_brightness() -> None:
    x = noise(4, 1, 8, 8)
    np.testing.assert_allclose(
        image_statistics([x]).brightness, x.double().mean((1, 2, 3)), rtol=1e-7
    )


def test_independent_pixels_have_a_flat_spectrum() -> None:
    """Uniform bytes: variance (256^2 - 1) / 12 at every frequency but the lowest."""
    found = image_statistics(noise(400, 1, 24, 24).split(100))
    variance = (256**2 - 1) / 12
    power = as_float(found, "power")[1:]
    # A bin's relative deviation is 1 / sqrt(400 images x its frequencies / about 4 by the window).
    np.testing.assert_allclose(power, variance, rtol=0.2)
    assert power.mean() == pytest.approx(variance, rel=0.02)
    np.testing.assert_allclose(found.frequency, np.arange(1, 18) / 24)


@pytest.mark.parametrize(
    ("size", "k", "axis"), [((32, 32), 6, 2), ((32, 32), 6, 3), ((16, 32), 10, 3)]
)
def test_a_wave_peaks_at_its_frequency(size: tuple[int, int], k: int, axis: int) -> None:
    """k waves over the longer side: k / 32 cycles a pixel."""
    along = torch.arange(size[axis - 2]).view(-1, 1) if axis == 2 else torch.arange(size[axis - 2])
    wave = 128 + 100 * torch.cos(2 * torch.pi * k / 32 * along).expand(size)
    found = image_statistics([wave.round().to(torch.uint8)[None, None]])
    power = as_float(found, "power")
    assert power.argmax() == k - 1
    assert float(found.frequency[k - 1]) == k / 32
    others = np.delete(power, [k - 2, k - 1, k])
    assert power.max() > 100 * others.max()


def test_a_ramp_has_no_detail() -> None:
    """Without a window, the border's jump alone would put 1 / f^2 on every row's axis."""
    ramp = torch.arange(64).mul(4).to(torch.uint8).expand(64, 64)[None, None]
    power = as_float(image_statistics([ramp]), "power")
    assert power[31] < 1e-5 * power[0]


def test_one_image_by_hand() -> None:
    x = noise(1, 3, 6, 8)
    y = np.arange(1, 7) / 7 * np.pi
    z = np.arange(1, 9) / 9 * np.pi
    window = np.sin(y)[:, None] ** 2 * np.sin(z)[None] ** 2
    np.testing.assert_allclose(hann(6)[:, None] * hann(8)[None], window, rtol=1e-12)
    sums, counts = np.zeros(7), np.zeros(7)
    for channel in x[0].double().numpy():
        own = (channel * window).sum() / window.sum()
        power = np.abs(np.fft.fft2((channel - own) * window)) ** 2 / (window**2).sum()
        for (i, j), value in np.ndenumerate(power):
            f = np.hypot(min(i, 6 - i) / 6, min(j, 8 - j) / 8)
            sums[round(f * 8)] += value
            counts[round(f * 8)] += 1
    found = image_statistics([x])
    np.testing.assert_allclose(found.power, (sums / counts)[1:], rtol=1e-9)


def test_it_refuses() -> None:
    with pytest.raises(InputError, match="no images"):
        image_statistics([])
    with pytest.raises(InputError, match="4 channels of 8 x 8 px"):
        image_statistics([noise(1, 4, 8, 8)])
    with pytest.raises(InputError, match=r"\(3, 8, 8\), like the first ones"):
        image_statistics([noise(1, 3, 8, 8), noise(1, 3, 8, 9)])
    with pytest.raises(InputError, match="wanted batches"):
        image_statistics([noise(1, 3, 8, 8)[0]])
