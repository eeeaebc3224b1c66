"""Gaussian features with known parameters, and arithmetic in 50 digits."""

import math

import mpmath
import torch
from torch import Tensor

from stylegen.metrics.frechet import Gaussian


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def standard(dim: int) -> Gaussian:
    return Gaussian(
        mu=torch.zeros(dim, dtype=torch.float64), sigma=torch.eye(dim, dtype=torch.float64)
    )


def mixing(dim: int, seed: int = 7) -> Tensor:
    """L of a covariance L L^T."""
    return 0.7 * torch.eye(dim, dtype=torch.float64) + 0.3 * normal(
        dim, dim, seed=seed
    ) / math.sqrt(dim)


def mixed(dim: int, shift: float = 0.1) -> Gaussian:
    """Far from :func:`standard`, of full rank."""
    factor = mixing(dim)
    mu = torch.full((dim,), shift, dtype=torch.float64)
    return Gaussian(mu=mu, sigma=factor @ factor.T)


def draws(n: int, dim: int, seed: int, shift: float = 0.1) -> Tensor:
    """Features from :func:`mixed`."""
    return normal(n, dim, seed=seed) @ mixing(dim).T + shift


def _moments(x: Tensor) -> tuple[mpmath.matrix, mpmath.matrix]:
    """Mean (D, 1) and covariance (D, D) in the working precision."""
    rows = mpmath.matrix(x.double().tolist())
    n = rows.rows
    mean = mpmath.matrix([mpmath.fsum(rows[:, j]) / n for j in range(rows.cols)])
    for i in range(n):
        for j in range(rows.cols):
            rows[i, j] -= mean[j]
    return mean, rows.T * rows / (n - 1)


def distance_in_50_digits(x: Tensor, y: Tensor) -> float:
    """The Frechet distance by D x D covariances and roots of S1^(1/2) S2 S1^(1/2)."""
    with mpmath.workdps(50):
        (m1, s1), (m2, s2) = _moments(x), _moments(y)
        values, vectors = mpmath.eigsy(s1)
        roots = mpmath.diag([mpmath.sqrt(max(v, 0)) for v in values])
        a = vectors * roots * vectors.T
        inner = mpmath.eigsy(a * s2 * a, eigvals_only=True)
        trace = mpmath.fsum(mpmath.sqrt(max(v, 0)) for v in inner)
        gap = m1 - m2
        total = (gap.T * gap)[0] - 2 * trace
        return float(total + mpmath.fsum(s1[i, i] + s2[i, i] for i in range(s1.rows)))
