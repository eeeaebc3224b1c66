"""The Frechet distance's forms against scipy's square root and 50 digits, with factors at hand."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics import frechet
from stylegen.metrics.frechet import (
    Gaussian,
    distance_of_features,
    distance_of_moments,
    frechet_distance,
    gaussian_distance,
)
from stylegen.metrics.moments import Moments
from tests.metrics.gaussians import distance_in_50_digits, mixed, normal, standard


def by_scipy(x: Tensor, y: Tensor) -> float:
    s1, s2 = (np.cov(t.numpy(), rowvar=False) for t in (x, y))
    gap = (x.mean(0) - y.mean(0)).numpy()
    root = scipy.linalg.sqrtm(s1 @ s2)
    return float(gap @ gap + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real)


def sets(n1: int, n2: int, dim: int) -> tuple[Tensor, Tensor]:
    return normal(n1, dim), normal(n2, dim, seed=1) @ normal(dim, dim, seed=2) / 4 + 0.2


def test_full_rank_is_scipys_and_that_of_50_digits() -> None:
    x, y = sets(60, 50, 12)
    expected = distance_in_50_digits(x, y)
    assert expected > 1
    assert by_scipy(x, y) == pytest.approx(expected, rel=1e-9)
    assert distance_of_moments(Moments.of(x), Moments.of(y)) == pytest.approx(expected, rel=1e-12)
    assert distance_of_features(x, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n1", "n2"), [(9, 7), (9, 60), (60, 9), (16, 17), (2, 3)])
def test_low_rank_is_that_of_50_digits(n1: int, n2: int) -> None:
    """scipy roots its rounding errors, too: it is right to four or five digits only."""
    x, y = sets(n1, n2, 16)
    expected = distance_in_50_digits(x, y)
    assert expected > 1
    assert distance_of_features(x, y) == pytest.approx(expected, rel=1e-12)
    assert distance_of_moments(Moments.of(x), Moments.of(y)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_low_rank_is_scipys_as_far_as_that_goes() -> None:
    x, y = sets(30, 200, 64)
    assert distance_of_features(x, y) == pytest.approx(by_scipy(x, y), rel=1e-4)


def test_a_stored_factor_changes_nothing() -> None:
    x, y = sets(60, 50, 12)
    a, b = Gaussian.fitted(Moments.of(x)), Gaussian.fitted(Moments.of(y))
    root = torch.from_numpy(scipy.linalg.sqrtm(b.sigma.numpy()).real)
    stored = Gaussian(mu=b.mu, sigma=b.sigma, count=50, factor=root)
    assert gaussian_distance(a, stored) == pytest.approx(gaussian_distance(a, b), rel=1e-12)


def test_the_reference_is_factored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(covariance: Tensor) -> Tensor:
        calls.append(covariance)
        return torch.linalg.cholesky(covariance)

    monkeypatch.setattr(frechet, "covariance_factor", counted)
    reference = mixed(6)
    assert not reference.has_root
    _ = reference.root
    for _ in range(3):
        gaussian_distance(standard(6), reference)
        gaussian_distance(reference, standard(6))
    assert reference.has_root
    assert len(calls) == 1


def test_few_features_have_a_narrow_factor() -> None:
    g = Gaussian.of_features(normal(5, 8).float())
    assert g.root.shape == (8, 5)
    torch.testing.assert_close(g.sigma, g.root @ g.root.T, rtol=0, atol=1e-15)
    expected = np.cov(normal(5, 8).float().double().numpy(), rowvar=False)
    np.testing.assert_allclose(g.sigma, expected, atol=1e-14)


def test_one_side_known_as_parameters_only() -> None:
    """Against N(0, I): |mu|^2 + Tr S + D - 2 Tr S^(1/2)."""
    g = mixed(5)
    deviations = np.sqrt(np.linalg.eigvalsh(g.sigma.numpy()))
    expected = 5 * 0.01 + float(((deviations - 1) ** 2).sum())
    assert gaussian_distance(g, standard(5)) == pytest.approx(expected, rel=1e-12)
    value = frechet_distance(g.mu, g.sigma, torch.zeros(5), torch.eye(5))
    assert value == pytest.approx(expected, rel=1e-12)


def test_it_refuses() -> None:
    g = standard(3)
    with pytest.raises(InputError, match="of one width D, not"):
        gaussian_distance(g, standard(4))
    with pytest.raises(InputError, match="is not that of this covariance"):
        Gaussian(mu=g.mu, sigma=g.sigma, factor=2 * g.sigma)
    with pytest.raises(InputError, match="is not that of this covariance"):
        Gaussian(mu=g.mu, sigma=g.sigma, factor=torch.ones(4, 1))
    with pytest.raises(InputError, match="at least 2 images"):
        Gaussian.of_features(torch.ones(1, 4))
    with pytest.raises(InputError, match="not finite"):
        Gaussian.of_features(torch.full((3, 4), torch.nan))
