"""Moments, Frechet distance and Inception Score against closed forms, scipy and numpy."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics import Moments, frechet_distance, inception_score
from stylegen.metrics.frechet import distance_of_moments


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_scipy(mu1: Tensor, s1: Tensor, mu2: Tensor, s2: Tensor) -> float:
    root = scipy.linalg.sqrtm((s1 @ s2).numpy())
    gap = (mu1 - mu2).numpy()
    return float(gap @ gap + np.trace(s1.numpy()) + np.trace(s2.numpy()) - 2 * np.trace(root).real)


def test_moments_are_numpys() -> None:
    x = (normal(101, 7) * torch.arange(1, 8) + 5).float()
    moments = Moments.empty(7)
    for part in torch.split(x, 13):
        moments.update(part)
    expected = x.double().numpy()
    assert moments.count == 101
    np.testing.assert_allclose(moments.mean, expected.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(expected, rowvar=False), atol=1e-11)


def test_moments_merge() -> None:
    x = normal(50, 4)
    merged = Moments.of(x[:20]).merged(Moments.of(x[20:]))
    whole = Moments.of(x)
    assert merged.count == 50
    torch.testing.assert_close(merged.covariance, whole.covariance, rtol=1e-13, atol=1e-13)


def test_diagonal_gaussians_in_closed_form() -> None:
    mu1, mu2 = torch.tensor([1.0, 2, 3]), torch.tensor([0.0, 4, 3])
    v1, v2 = torch.tensor([4.0, 9, 1]), torch.tensor([1.0, 25, 0])
    # |mu1 - mu2|^2 = 5; deviations 2,3,1 against 1,5,0: 1 + 4 + 1
    distance = frechet_distance(mu1, v1.diag(), mu2, v2.diag())
    assert distance == pytest.approx(11, rel=1e-12)


def test_full_rank_against_scipy() -> None:
    a, b = normal(300, 40), normal(200, 40, seed=1) @ normal(40, 40, seed=2) / 6 + 0.3
    first, second = Moments.of(a), Moments.of(b)
    expected = by_scipy(first.mean, first.covariance, second.mean, second.covariance)
    assert expected > 1
    assert distance_of_moments(first, second) == pytest.approx(expected, rel=1e-10)
    assert distance_of_moments(second, first) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("n1", "n2"), [(20, 15), (20, 200), (200, 15), (2, 2)])
def test_rank_deficient_against_singular_values(n1: int, n2: int) -> None:
    """With centred, scaled data Y the trace is the nuclear norm of Y1 Y2^T: no root of noise."""
    a, b = normal(n1, 64), normal(n2, 64, seed=1) @ normal(64, 64, seed=2) / 8 + 0.1
    y1 = (a - a.mean(0)) / math.sqrt(n1 - 1)
    y2 = (b - b.mean(0)) / math.sqrt(n2 - 1)
    gap = a.mean(0) - b.mean(0)
    trace = np.linalg.svd((y1 @ y2.T).numpy(), compute_uv=False).sum()
    expected = float(gap @ gap + (y1**2).sum() + (y2**2).sum() - 2 * trace)
    value = distance_of_moments(Moments.of(a), Moments.of(b))
    assert value == pytest.approx(expected, rel=1e-9)


def test_equal_sides_are_at_distance_zero() -> None:
    moments = Moments.of(normal(30, 64))
    value = distance_of_moments(moments, moments)
    assert 0 <= value < 1e-9


def test_frechet_refuses() -> None:
    mu, s = torch.zeros(3), torch.eye(3)
    with pytest.raises(InputError, match="of one width D"):
        frechet_distance(mu, s, torch.zeros(2), torch.eye(2))
    with pytest.raises(InputError, match="not finite"):
        frechet_distance(mu, s, mu + math.nan, s)
    with pytest.raises(InputError, match="at least 2 images on each side, not 1"):
        distance_of_moments(Moments.of(normal(1, 3)), Moments.of(normal(5, 3)))


def test_sure_and_evenly_spread_classes_score_their_number() -> None:
    logits = 1000 * torch.eye(5).repeat(20, 1)
    mean, std = inception_score(logits, splits=1)
    assert mean == pytest.approx(5, rel=1e-12)
    assert std == 0


def test_unsure_classes_score_one() -> None:
    mean, std = inception_score(torch.zeros(40, 6), splits=4)
    assert mean == pytest.approx(1, rel=1e-12)
    assert std == pytest.approx(0, abs=1e-12)


def test_two_classes_in_closed_form() -> None:
    """p = 0.9 for one class or the other in equal parts: IS = 2 * 0.9^0.9 * 0.1^0.1."""
    logits = torch.tensor([[math.log(9), 0], [0, math.log(9)]], dtype=torch.float64).repeat(10, 1)
    mean, _ = inception_score(logits, splits=1)
    assert mean == pytest.approx(2 * 0.9**0.9 * 0.1**0.1, rel=1e-12)


def test_splits_and_shuffle_by_numpy() -> None:
    logits = 3 * normal(53, 8)
    order = np.random.RandomState(2020).permutation(53)
    p = scipy.special.softmax(logits.numpy(), axis=1)[order]
    scores = []
    for i in range(10):
        part = p[i * 53 // 10 : (i + 1) * 53 // 10]
        divergence = (part * np.log(part / part.mean(0))).sum(1).mean()
        scores.append(np.exp(divergence))
    mean, std = inception_score(logits.float(), splits=10)
    assert mean == pytest.approx(np.mean(scores), rel=1e-6)
    assert std == pytest.approx(np.std(scores), rel=1e-5)


def test_inception_score_refuses() -> None:
    with pytest.raises(InputError, match="at least 10 images"):
        inception_score(torch.zeros(9, 4))
    with pytest.raises(InputError, match="not finite"):
        inception_score(torch.full((20, 4), math.nan))
