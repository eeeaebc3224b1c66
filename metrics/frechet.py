"""Frechet distance between two Gaussians.

    d^2 = |mu1 - mu2|^2 + Tr(S1) + Tr(S2) - 2 Tr (S1 S2)^(1/2)

With S1 = A A^T the last trace is the sum of the square roots of the eigenvalues of A^T S2 A, which
is symmetric: no square root of a matrix that is not, no imaginary parts. With S2 = B B^T as well it
is the sum of the singular values of A^T B. Of fewer images than dimensions, A is the N centred
features themselves over (N - 1)^(1/2): the Gram form, exact, as nothing is rooted that should be 0.
Source: Dowson and Landau 1982; Heusel et al. 2017, arXiv:1706.08500.

N images, D feature width, r rank.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.moments import Moments

_FACTOR_TOLERANCE = 1e-6  # of a stored factor: relative, of the trace


def covariance_factor(covariance: Tensor) -> Tensor:
    """Return A (D, r) with A A^T the covariance, leaving out directions of no variance."""
    values, vectors = torch.linalg.eigh(covariance)
    least = values[-1].clamp_min(0) * len(values) * torch.finfo(values.dtype).eps
    kept = values > least
    factor: Tensor = vectors[:, kept] * values[kept].sqrt()
    return factor


def _check_shapes(mu: Tensor, sigma: Tensor, dim: int) -> None:
    if tuple(mu.shape) != (dim,) or tuple(sigma.shape) != (dim, dim):
        raise InputError(
            "a Frechet distance takes means (D,) and covariances (D, D) of one width D, "
            f"not {tuple(mu.shape)} and {tuple(sigma.shape)}"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaussian:
    """A Gaussian fit of a set's features. What its covariance factors into is found once.

    Attributes:
        mu: (D,) float64.
        sigma: (D, D) float64, symmetric.
        count: images it was fitted to; None: not known, or no images were.
        factor: (D, r) with factor factor^T = sigma, if it is at hand, such as a stored square
            root; see :attr:`root`.

    Raises:
        InputError: shapes do not agree, a number is not finite, or the factor is another's.
    """

    mu: Tensor
    sigma: Tensor
    count: int | None = None
    factor: Tensor | None = None

    def __post_init__(self) -> None:
        _check_shapes(self.mu, self.sigma, self.mu.numel())
        if not all(bool(torch.isfinite(x).all()) for x in (self.mu, self.sigma)):
            raise InputError("the features' means or covariances are not finite numbers")
        if self.factor is not None:
            self._check_factor(self.factor)

    def _check_factor(self, factor: Tensor) -> None:
        shape, trace = tuple(factor.shape), float(self.sigma.trace())
        fits = len(shape) == 2 and shape[0] == self.dim
        if not fits or not math.isclose(
            float(factor.square().sum()), trace, rel_tol=_FACTOR_TOLERANCE, abs_tol=1e-12
        ):
            raise InputError(
                f"the stored square root of a covariance, {shape}, is not that of this covariance "
                f"({self.dim}, {self.dim}): leave it out, and it is computed anew"
            )

    @classmethod
    def fitted(cls, moments: Moments) -> "Gaussian":
        """Fit to moments.

        Raises:
            InputError: fewer than two images were seen, or features were not finite.
        """
        return cls(mu=moments.mean, sigma=moments.covariance, count=moments.count)

    @classmethod
    def of_features(cls, features: Tensor) -> "Gaussian":
        """Fit to features (N, D); with N up to D, the factor is the centred features.

        Raises:
            InputError: fewer than two images, or features that are not finite.
        """
        n, dim = features.shape
        if n > dim or n < 2:
            return cls.fitted(Moments.of(features))
        x = features.double()
        mu = x.mean(0)
        factor = (x - mu).T / math.sqrt(n - 1)
        return cls(mu=mu, sigma=factor @ factor.T, count=n, factor=factor)

    @property
    def dim(self) -> int:
        """Width D."""
        return len(self.mu)

    @cached_property
    def root(self) -> Tensor:
        """A (D, r) float64 with A A^T = sigma; computed when first asked for, and kept."""
        return covariance_factor(self.sigma) if self.factor is None else self.factor

    def over_n(self) -> "Gaussian":
        """Return the fit whose covariance is divided by N, not N - 1; itself if N is not known."""
        if self.count is None:
            return self
        share = (self.count - 1) / self.count
        factor = self.root * math.sqrt(share) if self.has_root else None
        return Gaussian(mu=self.mu, sigma=self.sigma * share, count=self.count, factor=factor)

    @property
    def has_root(self) -> bool:
        """Whether :attr:`root` costs nothing."""
        return self.factor is not None or "root" in self.__dict__


def _is_narrow(g: Gaussian) -> bool:
    return g.has_root and g.root.shape[1] < g.dim


def _roots_by_eigenvalues(a: Gaussian, b: Gaussian) -> Tensor:
    """Return the square roots of the eigenvalues of S1 S2 that are not 0."""
    known = [g.root.shape[1] for g in (a, b) if g.has_root]
    # The factor at hand, the narrower of two; else the first side's is computed.
    by, other = (b, a) if b.has_root and b.root.shape[1] == min(known) else (a, b)
    values = torch.linalg.eigvalsh(by.root.T @ other.sigma @ by.root).clamp_min(0)
    rank = min((g.count - 1 for g in (a, b) if g.count is not None), default=len(values))
    # Beyond the rank are only rounding errors, whose square roots are not small.
    roots: Tensor = values[max(len(values) - rank, 0) :].sqrt()
    return roots


def gaussian_distance(a: Gaussian, b: Gaussian) -> float:
    """Return the squared Frechet distance of two Gaussians.

    Only one of the two factors is needed, and one that is at hand is taken: with a reference's, a
    distance costs two products and one symmetric eigenvalue problem.

    Returns:
        The distance, at least 0 (rounding may give -1e-12 for equal sides: that is 0).

    Raises:
        InputError: the widths differ.

    Source: Heusel et al. 2017, equation 6.
    """
    _check_shapes(b.mu, b.sigma, a.dim)
    if _is_narrow(a) and _is_narrow(b):
        roots = torch.linalg.svdvals(a.root.T @ b.root)
    else:
        roots = _roots_by_eigenvalues(a, b)
    difference = a.mu - b.mu
    traces = a.sigma.trace() + b.sigma.trace() - 2 * roots.sum()
    return max(0.0, float(difference @ difference + traces))


def frechet_distance(
    mu1: Tensor, s1: Tensor, mu2: Tensor, s2: Tensor, rank: int | None = None
) -> float:
    """Return the squared Frechet distance of two Gaussians given by means and covariances.

    Args:
        mu1: (D,) mean of the first; any float type, computed in float64.
        s1: (D, D) covariance of the first, symmetric.
        mu2: (D,) mean of the second.
        s2: (D, D) covariance of the second, symmetric.
        rank: an upper bound of the rank of S1 S2, such as the smaller number of images less
            one. It makes the value exact where there are fewer images than dimensions.

    Returns:
        The distance, at least 0.

    Raises:
        InputError: shapes do not agree, or a number is not finite.
    """
    count = None if rank is None else rank + 1
    first = Gaussian(mu=mu1.double(), sigma=s1.double(), count=count)
    second = Gaussian(mu=mu2.double(), sigma=s2.double(), count=count)
    return gaussian_distance(first, second)


def distance_of_moments(first: Moments, second: Moments) -> float:
    """Return the squared Frechet distance of the Gaussian fits of two sets of features.

    Raises:
        InputError: a set has fewer than two images.
    """
    return gaussian_distance(Gaussian.fitted(first), Gaussian.fitted(second))


def distance_of_features(x: Tensor, y: Tensor) -> float:
    """Return the squared Frechet distance of the Gaussian fits of features (M, D) and (N, D).

    Exact for any number of images from two: sets of fewer images than dimensions take the Gram
    form.

    Raises:
        InputError: widths differ, fewer than two images, or numbers that are not finite.
    """
    return gaussian_distance(Gaussian.of_features(x), Gaussian.of_features(y))
