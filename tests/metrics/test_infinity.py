"""The line to infinitely many images: a known line, and known distances."""

import statistics

import numpy as np
import pytest
import torch

from stylegen.errors import InputError
from stylegen.metrics.frechet import (
    Gaussian,
    distance_of_moments,
    frechet_distance,
    gaussian_distance,
)
from stylegen.metrics.infinity import frechet_infinity, subset_counts
from stylegen.metrics.moments import Moments
from tests.metrics.gaussians import draws, mixed, standard


def test_counts_are_even_from_a_tenth_or_two_a_dimension() -> None:
    assert subset_counts(1000, 4, points=4) == (100, 400, 700, 1000)
    assert subset_counts(1000, 150, points=3) == (300, 650, 1000)
    assert subset_counts(1000, 2048, points=3) == (500, 750, 1000)
    assert subset_counts(50_000, 2048)[0] == 5000  # as the paper has it


def test_the_line_is_that_of_nested_subsets() -> None:
    x, reference = draws(200, 3, seed=1), standard(3)
    found = frechet_infinity(x, reference, points=4, seed=9)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(9))
    fitted = Moments(10**9, torch.zeros(3).double(), torch.eye(3).double() * (10**9 - 1))
    values = [distance_of_moments(Moments.of(x[order[:n]]), fitted) for n in found.counts]
    assert found.counts == (20, 80, 140, 200)
    assert found.values == pytest.approx(values, rel=1e-9)
    slope, intercept = np.polyfit(1 / np.array(found.counts), values, 1)
    assert found.intercept == pytest.approx(intercept, rel=1e-8)
    assert found.slope == pytest.approx(slope, rel=1e-8)
    assert found.at(50) == pytest.approx(intercept + slope / 50, rel=1e-8)


def test_over_50_sets_it_lacks_the_bias_and_knows_its_error() -> None:
    reference = standard(16)
    truth = gaussian_distance(mixed(16), reference)
    found = [frechet_infinity(draws(1000, 16, seed=400 + i), reference) for i in range(50)]
    deviation = statistics.stdev(f.intercept for f in found)
    assert statistics.mean(f.values[-1] for f in found) - truth > 6 * deviation / 50**0.5
    bias = statistics.mean(f.intercept for f in found) - truth
    assert abs(bias) < 4 * deviation / 50**0.5
    assert statistics.mean(f.error for f in found) == pytest.approx(deviation, rel=0.35)


def test_a_given_error_is_taken() -> None:
    x, reference = draws(100, 3, seed=1), standard(3)
    one, two = (frechet_infinity(x, reference, points=3, error=e).error for e in (1.0, 2.0))
    # Weights of the intercept for n = 10, 55, 100, and covariances 100 / max(n, n').
    n = np.array([10, 55, 100])
    weights = np.linalg.pinv(np.stack([np.ones(3), 1 / n], axis=1))[0]
    expected = np.sqrt(weights @ (100 / np.maximum.outer(n, n)) @ weights)
    assert one == pytest.approx(expected, rel=1e-10)
    assert two == pytest.approx(2 * expected, rel=1e-10)


def test_with_few_images_a_dimension_no_error_is_given() -> None:
    """Of the reference's own distribution: the truth is 0, and the line ends far below."""
    generator = torch.Generator().manual_seed(0)
    deviations = torch.linspace(1, 0.01, 256).double().sqrt()
    x = torch.randn(300, 256, generator=generator).double() * deviations
    reference = Gaussian(mu=torch.zeros(256).double(), sigma=torch.diag(deviations**2))
    few = frechet_infinity(x, reference, error=0.1)
    assert few.intercept < -5
    assert few.error is None
    assert frechet_infinity(draws(60, 16, seed=1), standard(16)).error is None
    assert frechet_infinity(draws(64, 16, seed=1), standard(16)).error is not None


def test_covariances_over_n_end_at_the_distance_over_n() -> None:
    x, reference = draws(40, 3, seed=1), standard(3)
    found = frechet_infinity(x, reference, points=3, by_n=True)
    sigma = torch.from_numpy(np.cov(x.double().numpy(), rowvar=False, ddof=0))
    expected = frechet_distance(x.double().mean(0), sigma, reference.mu, reference.sigma)
    assert found.values[-1] == pytest.approx(expected, rel=1e-9)


def test_it_refuses() -> None:
    with pytest.raises(InputError, match="15 numbers of images cannot be fitted to 20 images"):
        subset_counts(20, 4)
    with pytest.raises(InputError, match="at least 2 points"):
        subset_counts(100, 4, points=1)
