"""Image-space filtering against closed forms of its spectrum."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats

from stylegen.training.augment.bands import (
    BandFilter,
    band_filters,
    band_gains,
    band_matrices,
    draw_amplifications,
)
from stylegen.training.augment.chance import Chance
from stylegen.training.augment.config import Magnitudes

N, P = 20_000, 0.6
Chances = Callable[[int, float], Chance]


def low_pass(omega: np.ndarray) -> np.ndarray:
    """|H|^2 / 2 of two vanishing moments: cos^4(w / 2) (2 - cos w)."""
    return np.cos(omega / 2) ** 4 * (2 - np.cos(omega))


def band_responses(omega: np.ndarray) -> np.ndarray:
    one, two, four = low_pass(omega), low_pass(2 * omega), low_pass(4 * omega)
    return np.stack([one * two * four, one * two * (1 - four), one * (1 - two), 1 - one])


def test_filters_have_the_closed_form_of_their_spectrum() -> None:
    taps = band_filters().numpy()
    assert taps.shape == (4, 43)
    omega = np.linspace(0, math.pi, 100)
    spectrum = taps @ np.cos(np.outer(np.arange(-21, 22), omega))
    np.testing.assert_allclose(spectrum, band_responses(omega), atol=1e-12)
    np.testing.assert_allclose(taps, taps[:, ::-1], atol=1e-15)


def test_each_band_has_its_octave() -> None:
    middle = np.array([0, 3 / 16, 3 / 8, 3 / 4]) * math.pi
    strongest = band_responses(middle).argmax(0)
    assert strongest.tolist() == [0, 1, 2, 3]
    total = band_filters().sum(0)
    assert total[21] == pytest.approx(1, abs=1e-12)
    total[21] = 0
    assert total.abs().max() < 1e-12


@pytest.mark.parametrize("size", [4, 5, 17, 64])
def test_waves_that_reflect_into_themselves_are_only_scaled(size: int) -> None:
    matrices = band_matrices(size).numpy()
    for k in range(size):
        omega = math.pi * k / (size - 1)
        wave = np.cos(omega * np.arange(size))
        expected = band_responses(np.array(omega))[:, None] * wave
        np.testing.assert_allclose(matrices @ wave, expected, atol=1e-12)


def test_filtering_scales_a_wave_by_its_gains_along_both_axes() -> None:
    height, width, ky, kx = 9, 14, 2, 11
    wy, wx = math.pi * ky / (height - 1), math.pi * kx / (width - 1)
    y, x = torch.arange(height).double(), torch.arange(width).double()
    image = (wy * y).cos()[:, None] * (wx * x).cos()
    gains = torch.tensor([[0.7, 1.3, 2.0, 0.4], [1.0, 1.0, 1.0, 1.0]], dtype=torch.float64)
    done = BandFilter(height, width)(image.expand(2, 3, -1, -1), gains)
    factor = math.prod(float(gains[0].numpy() @ band_responses(np.array(w))) for w in (wy, wx))
    torch.testing.assert_close(done[0], (image * factor).expand(3, -1, -1))
    torch.testing.assert_close(done[1], image.expand(3, -1, -1))


def published_gains(amplifications: np.ndarray) -> np.ndarray:
    """One band after the other: a temporary gain, normalised by the expected power."""
    power, gains = np.array([10, 1, 1, 1]) / 13, np.ones(4)
    for band, factor in enumerate(amplifications):
        temporary = np.ones(4)
        temporary[band] = factor
        gains *= temporary / math.sqrt((power * temporary**2).sum())
    return gains


def test_gains_follow_the_published_loop(chance: Chances) -> None:
    amplifications = draw_amplifications(Magnitudes(), chance(40, 0.7))
    found = band_gains(amplifications).numpy()
    for gains, factors in zip(found, amplifications.double().numpy(), strict=True):
        np.testing.assert_allclose(gains, published_gains(factors), rtol=1e-5)
    assert torch.equal(band_gains(torch.ones(1, 4)), torch.ones(1, 4))


def test_draws_follow_the_published_distribution(chance: Chances) -> None:
    often = (1.0, 0.5, 0.0, 1.0)
    drawn = draw_amplifications(Magnitudes(imgfilter_bands=often), chance(N, P))
    for values, share in zip(drawn.unbind(1), often, strict=True):
        assert abs((values != 1).float().mean().item() - P * share) < 5 * math.sqrt(0.25 / N)
        if share:
            changed = values[values != 1].double().numpy()
            assert stats.kstest(changed, stats.lognorm(s=math.log(2)).cdf).pvalue > 1e-3
