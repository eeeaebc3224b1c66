"""Frechet distance between two Gaussians.

    d^2 = |mu1 - mu2|^2 + Tr(S1) + Tr(S2) - 2 Tr (S1 S2)^(1/2)

With S1 = A A^T the last trace is the sum of the square roots of the eigenvalues of A^T S2 A, which
is symmetric: no square root of a matrix that is not, no imaginary parts.
Source: Dowson and Landau 1982; Heusel et al. 2017, arXiv:1706.08500.

D feature width, r rank.
"""

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.moments import Moments


def _factor(covariance: Tensor) -> Tensor:
    """Return A (D, r) with A A^T the covariance, leaving out directions of no variance."""
    values, vectors = torch.linalg.eigh(covariance)
    least = values[-1].clamp_min(0) * len(values) * torch.finfo(values.dtype).eps
    kept = values > least
    factor: Tensor = vectors[:, kept] * values[kept].sqrt()
    return factor


def _root_trace(s1: Tensor, s2: Tensor, rank: int | None) -> Tensor:
    """Return Tr (s1 s2)^(1/2)."""
    a = _factor(s1)
    values = torch.linalg.eigvalsh(a.T @ s2 @ a).clamp_min(0)
    if rank is not None and rank < len(values):
        # Beyond the rank are only rounding errors, whose square roots are not small.
        values = values[len(values) - rank :]
    trace: Tensor = values.sqrt().sum()
    return trace


def _check(mu1: Tensor, s1: Tensor, mu2: Tensor, s2: Tensor) -> None:
    shapes = [tuple(x.shape) for x in (mu1, s1, mu2, s2)]
    dim = len(mu1)
    if shapes != [(dim,), (dim, dim)] * 2:
        raise InputError(
            "a Frechet distance takes means (D,) and covariances (D, D) of one width D, "
            f"not {', '.join(map(str, shapes))}"
        )
    if not all(bool(torch.isfinite(x).all()) for x in (mu1, s1, mu2, s2)):
        raise InputError("the features' means or covariances are not finite numbers")


def frechet_distance(
    mu1: Tensor, s1: Tensor, mu2: Tensor, s2: Tensor, rank: int | None = None
) -> float:
    """Return the squared Frechet distance of two Gaussians.

    Args:
        mu1: (D,) mean of the first; any float type, computed in float64.
        s1: (D, D) covariance of the first, symmetric.
        mu2: (D,) mean of the second.
        s2: (D, D) covariance of the second, symmetric.
        rank: an upper bound of the rank of S1 S2, such as the smaller number of images less
            one. It makes the value exact where there are fewer images than dimensions.

    Returns:
        The distance, at least 0 (rounding may give -1e-12 for equal sides: that is 0).

    Raises:
        InputError: shapes do not agree, or a number is not finite.

    Source: Heusel et al. 2017, equation 6.
    """
    mu1, s1, mu2, s2 = (x.to(torch.float64) for x in (mu1, s1, mu2, s2))
    _check(mu1, s1, mu2, s2)
    difference = mu1 - mu2
    traces = s1.trace() + s2.trace() - 2 * _root_trace(s1, s2, rank)
    return max(0.0, float(difference @ difference + traces))


def distance_of_moments(first: Moments, second: Moments) -> float:
    """Return the squared Frechet distance of the Gaussian fits of two sets of features.

    Raises:
        InputError: a set has fewer than two images.
    """
    rank = min(first.count, second.count) - 1
    return frechet_distance(first.mean, first.covariance, second.mean, second.covariance, rank=rank)
