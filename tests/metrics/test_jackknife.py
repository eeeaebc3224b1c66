"""The jackknife's errors and intervals: by hand, and over 50 sets of known distance."""

import statistics

import numpy as np
import pytest
import torch

from stylegen.errors import InputError
from stylegen.metrics.frechet import Gaussian, distance_of_features, gaussian_distance
from stylegen.metrics.jackknife import (
    FrechetEstimate,
    difference_error,
    frechet_difference,
    frechet_jackknife,
)
from stylegen.metrics.moments import BlockMoments
from tests.metrics.gaussians import draws, mixed, normal, standard

T_OF_9 = 2.2621571628  # the 97.5 % quantile of Student's t, from tables


def estimate(x: torch.Tensor, reference: Gaussian, blocks: int = 10) -> FrechetEstimate:
    return frechet_jackknife(BlockMoments.of(x, blocks), reference)


def test_equal_blocks_give_the_usual_jackknife() -> None:
    x, y = draws(60, 4, seed=1), normal(80, 4, seed=2)
    found = estimate(x, Gaussian.of_features(y))
    block = torch.arange(60) % 10
    without = np.array([distance_of_features(x[block != b], y) for b in range(10)])
    value = distance_of_features(x, y)
    error = np.sqrt(0.9 * ((without - without.mean()) ** 2).sum())
    corrected = 10 * value - 9 * without.mean()
    assert found.value == pytest.approx(value, rel=1e-10)
    assert found.error == pytest.approx(error, rel=1e-8)
    assert found.corrected == pytest.approx(corrected, rel=1e-8)
    assert found.low == pytest.approx(corrected - T_OF_9 * error, rel=1e-8)
    assert found.high == pytest.approx(corrected + T_OF_9 * error, rel=1e-8)
    assert (found.count, found.few) == (60, False)


def test_unequal_blocks_by_hand() -> None:
    """Of 7 images in 2 blocks, 4 and 3: h = 7/4 and 7/3."""
    x, y = draws(7, 2, seed=3), normal(9, 2, seed=4)
    found = estimate(x, Gaussian.of_features(y), blocks=2)
    value = distance_of_features(x, y)
    f0, f1 = distance_of_features(x[1::2], y), distance_of_features(x[::2], y)
    corrected = 2 * value - 3 / 7 * f0 - 4 / 7 * f1
    p0, p1 = 7 / 4 * value - 3 / 4 * f0, 7 / 3 * value - 4 / 3 * f1
    variance = ((p0 - corrected) ** 2 / (3 / 4) + (p1 - corrected) ** 2 / (4 / 3)) / 2
    assert found.corrected == pytest.approx(corrected, rel=1e-10)
    assert found.pseudo_values == pytest.approx((p0, p1), rel=1e-10)
    assert found.error == pytest.approx(variance**0.5, rel=1e-10)


@pytest.mark.parametrize(("n", "dim"), [(500, 8), (1000, 16)])
def test_over_50_sets_the_interval_holds_and_the_error_is_the_deviation(n: int, dim: int) -> None:
    """95 % of 50 intervals is 47.5, with a deviation of 1.5: fewer than 43 is 1 in 500."""
    population, reference = mixed(dim), standard(dim)
    truth = gaussian_distance(population, reference)
    found = [estimate(draws(n, dim, seed=100 + i), reference) for i in range(50)]
    held = sum(e.low <= truth <= e.high for e in found)
    deviation = statistics.stdev(e.corrected for e in found)
    assert held >= 43
    # A deviation of 50 is known to 10 %, a mean of 50 errors of 9 degrees of freedom to 3 %.
    assert statistics.mean(e.error for e in found) == pytest.approx(deviation, rel=0.35)
    plain = statistics.mean(e.value for e in found) - truth
    corrected = statistics.mean(e.corrected for e in found) - truth
    assert plain > 4 * deviation / 50**0.5
    assert abs(corrected) < 4 * deviation / 50**0.5


def test_few_images_are_told() -> None:
    assert estimate(draws(60, 16, seed=1), standard(16)).few
    assert not estimate(draws(64, 16, seed=1), standard(16)).few


def test_common_latents_make_differences_sharp() -> None:
    reference, z = standard(4), normal(300, 4, seed=5)
    first = estimate(1.2 * z + 0.15, reference)
    second = estimate(1.2 * z + 0.2, reference)
    other = estimate(1.2 * normal(300, 4, seed=6) + 0.2, reference)
    paired = frechet_difference(first, second, paired=True)
    unpaired = frechet_difference(first, other, paired=False)
    pseudo = np.array(second.pseudo_values) - np.array(first.pseudo_values)
    assert paired.error == pytest.approx(pseudo.std(ddof=1) / 10**0.5, rel=1e-10)
    assert paired.value == pytest.approx(second.corrected - first.corrected, rel=1e-10)
    assert paired.high - paired.value == pytest.approx(T_OF_9 * paired.error, rel=1e-8)
    assert unpaired.error == pytest.approx(np.hypot(first.error, other.error), rel=1e-10)
    assert difference_error(first, second, paired=True) == paired.error < unpaired.error / 3
    assert paired.is_clear
    assert not frechet_difference(first, first, paired=False).is_clear


def test_over_50_pairs_the_difference_holds() -> None:
    reference = standard(4)
    held = 0
    for i in range(50):
        z = 1.2 * normal(300, 4, seed=200 + i)
        found = frechet_difference(
            estimate(z + 0.15, reference), estimate(z + 0.2, reference), paired=True
        )
        held += found.low <= 4 * (0.2**2 - 0.15**2) <= found.high
    assert held >= 43


def test_it_refuses() -> None:
    with pytest.raises(InputError, match="at least 20 images, some in every block, not 19"):
        estimate(normal(19, 2), standard(2))
    moments = BlockMoments.empty(2)
    for row in normal(25, 2).split(1):
        moments.update(row, 0)
    with pytest.raises(InputError, match="not 25"):  # all of them in one block
        frechet_jackknife(moments, standard(2))
    with pytest.raises(InputError, match="20 in 10 and 30 in 10: compare them unpaired"):
        frechet_difference(
            estimate(normal(20, 2), standard(2)), estimate(normal(30, 2), standard(2)), paired=True
        )
