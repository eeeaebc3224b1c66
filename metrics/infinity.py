"""The Frechet distance of infinitely many images, by a line.

    F(n) = F_inf + slope / n

is fitted by least squares to the distances of nested subsets of n images each. The error of the
intercept follows from that of the whole set: with v the variance of F(N) times N, two nested
subsets' distances have covariance v / max(n1, n2), and the intercept is a sum of them with the
weights of the fit.

The line holds where the bias is c / n, which takes several images for each dimension. With fewer
the curve bends, and the intercept may lie far off, well below 0 even: it has no error then.

Source: Chong and Forsyth 2020, arXiv:1911.07023 (15 subsets, evenly spaced in n; theirs are drawn
anew each).

N images, D feature width, P points.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.frechet import Gaussian, gaussian_distance
from stylegen.metrics.jackknife import frechet_jackknife
from stylegen.metrics.moments import BlockMoments, Moments

POINTS = 15
IMAGES_PER_DIMENSION = 4  # with fewer the distances do not lie on a line
_LEAST_SHARE = 10  # the smallest subset has a tenth of the images ...
_LEAST_WIDTHS = 2  # ... and at least two for each dimension, where that leaves half of them


@dataclass(frozen=True, kw_only=True)
class InfinityFit:
    """A line through distances over 1 / n.

    Attributes:
        intercept: the distance at 1 / n = 0.
        slope: times 1 / n.
        error: standard error of the intercept; None: fewer than :data:`IMAGES_PER_DIMENSION` images
            a dimension, and the line may be far off.
        counts: P, images in each subset, ascending; the last is N.
        values: P, the distances.
    """

    intercept: float
    slope: float
    error: float | None
    counts: tuple[int, ...]
    values: tuple[float, ...]

    def at(self, n: float) -> float:
        """Return the line's value for n images."""
        return self.intercept + self.slope / n


def is_enough(n: int, dim: int) -> bool:
    """Tell whether the distances of so many images lie on a line."""
    return n >= IMAGES_PER_DIMENSION * dim


def subset_counts(n: int, dim: int, points: int = POINTS) -> tuple[int, ...]:
    """Return how many images the subsets have: evenly spaced, from the least that is sound.

    Args:
        n: images in all.
        dim: feature width.
        points: how many subsets.

    Raises:
        InputError: fewer than two points, or fewer images than that many subsets need.
    """
    least = max(n // _LEAST_SHARE, min(_LEAST_WIDTHS * dim, n // 2), 2)
    if points < 2 or n - least < points - 1:
        raise InputError(
            f"a line over {points} numbers of images cannot be fitted to {n} images; wanted at "
            f"least 2 points, and {2 * points} images"
        )
    return tuple(round(least + (n - least) * i / (points - 1)) for i in range(points))


def _values(
    features: Tensor, reference: Gaussian, counts: tuple[int, ...], by_n: bool
) -> list[float]:
    _ = reference.root  # found once, for all
    moments, seen, values = Moments.empty(features.shape[1], features.device), 0, []
    for n in counts:
        moments.update(features[seen:n])
        seen = n
        fitted = Gaussian.fitted(moments)
        values.append(gaussian_distance(fitted.over_n() if by_n else fitted, reference))
    return values


def _fit(counts: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the line (2,), and the weights (2, P) that make it of the values."""
    design = torch.stack([torch.ones_like(counts), 1 / counts], dim=1)
    weights = torch.linalg.pinv(design)
    return weights @ values, weights


def _intercept_error(counts: Tensor, weights: Tensor, error: float) -> float:
    """Return the intercept's error from that of the distance of all images."""
    covariance = error**2 * counts[-1] / torch.maximum(counts[:, None], counts[None])
    return math.sqrt(float(weights[0] @ covariance @ weights[0]))


@torch.no_grad()
def frechet_infinity(
    features: Tensor,
    reference: Gaussian,
    points: int = POINTS,
    seed: int = 0,
    *,
    error: float | None = None,
    by_n: bool = False,
) -> InfinityFit:
    """Return the Frechet distance extrapolated to infinitely many images.

    Only the images' own number is extrapolated; the reference is taken as exact.

    Args:
        features: (N, D) of the images, on the reference's device.
        reference: the other side.
        points: P, subsets.
        seed: of the order in which the subsets grow.
        error: standard error of the distance of all images, if
            :func:`~stylegen.metrics.jackknife.frechet_jackknife` has given it; else it does now.
        by_n: the images' covariances are divided by n, not n - 1; the reference is taken as it is.

    Raises:
        InputError: widths differ, or there are fewer than about two images a point.
    """
    counts = subset_counts(len(features), features.shape[1], points)
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    values = _values(features[order.to(features.device)], reference, counts, by_n)
    n = torch.tensor(counts, dtype=torch.float64)
    line, weights = _fit(n, torch.tensor(values, dtype=torch.float64))
    enough = is_enough(*features.shape)
    if enough and error is None:
        error = frechet_jackknife(BlockMoments.of(features), reference).error
    known = _intercept_error(n, weights, error) if enough and error is not None else None
    return InfinityFit(
        intercept=float(line[0]), slope=float(line[1]),
        error=known, counts=counts, values=tuple(values),
    )  # fmt: skip
