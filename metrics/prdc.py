"""Improved precision and recall, density and coverage, and who is to blame for them.

With B_k(x) the ball around x that reaches to its k-th nearest neighbour in its own set, its surface
included, M fakes y and N reals x:

    precision = share of the fakes in any B_3(x)           is what it draws real?
    recall    = share of the reals in any B_3(y)           does it draw all there is?
    density   = 1 / (5 M) sum over y, x of [y in B_5(x)]   precision that outliers cannot raise
    coverage  = share of the reals whose B_5(x) holds any y
    realism of a fake = max over x of r_3(x) / |x - y|, over the half of the balls not larger than
                        the median's radius; 1 and more: inside one
    coverage distance of a real = min over y of |x - y| / r_5(x); 1 and less: covered

Standard errors are those of a share (binomial), for density those of a mean, over the images that
are counted, with the balls taken as they are. What other balls would add is left out: among 1000
Gaussian images on each side the stated errors are 0.7 to 0.9 of the true ones, less where the side
that the balls belong to is smaller than the other.

Source: Kynkaanniemi et al. 2019, arXiv:1904.06991, equations 1 to 3; Naeem et al. 2020,
arXiv:2002.09797, section 3 (their code leaves the surface of balls out).

M fakes, N reals, D feature width.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.checks import check_features
from stylegen.metrics.neighbours import (
    Block,
    distance_blocks,
    prepared,
    self_distances,
)

PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5


class PrecisionRecall(NamedTuple):
    """Improved precision and recall.

    Attributes:
        precision: 0 to 1; the exact share, of which torch-fidelity gives the nearest float32.
        recall: likewise.
        precision_error: its binomial standard error, over fakes.
        recall_error: its binomial standard error, over reals.
    """

    precision: float
    recall: float
    precision_error: float
    recall_error: float

    @property
    def f_score(self) -> float:
        """The harmonic mean of both; 0 if both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


class DensityCoverage(NamedTuple):
    """Density and coverage.

    Attributes:
        density: 0 and more; about 1 where fakes are spread as reals are.
        coverage: 0 to 1.
        density_error: its standard error, over fakes.
        coverage_error: its binomial standard error, over reals.
    """

    density: float
    coverage: float
    density_error: float
    coverage_error: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Manifolds:
    """All that the balls of two sets tell.

    Attributes:
        precision_recall: both, with errors.
        density_coverage: both, with errors.
        realism: (M,) float32, of each fake; infinite for copies of a real.
        nearest_real: (M,) int64, index of the real nearest to each fake.
        coverage_distance: (N,) float32, of each real.
        nearest_fake: (N,) int64, index of the fake nearest to each real.
    """

    precision_recall: PrecisionRecall
    density_coverage: DensityCoverage
    realism: Tensor
    nearest_real: Tensor
    coverage_distance: Tensor
    nearest_fake: Tensor


def _share(hits: Tensor) -> tuple[float, float]:
    """Return a share of booleans, and its binomial error."""
    n = len(hits)
    share = int(hits.sum()) / n
    return share, math.sqrt(share * (1 - share) / n)


def _ratio(top: Tensor, bottom: Tensor) -> Tensor:
    """Return top / bottom, with 0 / 0 = 1: a point on a ball of no size."""
    return torch.where((bottom == 0) & (top == 0), 1.0, top / bottom)


class _Tally:
    """What is kept of the distances between reals (rows of a block) and fakes (columns).

    Args:
        fakes: M.
        real: (2, N) radii of the reals' balls, the 3rd and 5th neighbour's.
        fake: (M,) radii of the fakes' balls.
    """

    def __init__(self, real: Tensor, fake: Tensor) -> None:
        m, n, on = len(fake), real.shape[1], real.device
        self.real, self.fake = real, fake
        # torch.median takes the lower one of two: half of the balls, or one more.
        self.small = real[0] <= real[0].median()
        self.precise, self.recalled = (torch.zeros(k, dtype=torch.bool, device=on) for k in (m, n))
        self.counts = torch.zeros(m, dtype=torch.int64, device=on)
        self.realism = torch.zeros(m, device=on)
        self.to_real, self.to_fake = (torch.full((k,), torch.inf, device=on) for k in (m, n))
        self.nearest_real, self.nearest_fake = (
            torch.zeros(k, dtype=torch.int64, device=on) for k in (m, n)
        )

    def update(self, block: Block) -> None:
        """See a block of the distances."""
        columns, rows, d = block.rows, block.columns, block.distances.T
        radii, wide, small = self.real[0][columns], self.real[1][columns], self.small[columns]
        self.precise[rows] |= (d <= radii).any(1)
        self.counts[rows] += (d <= wide).sum(1)
        self.recalled[columns] |= (d <= self.fake[rows, None]).any(0)
        ratios = _ratio(radii[small].expand(len(d), -1), d[:, small])
        if ratios.shape[1]:
            self.realism[rows] = torch.maximum(self.realism[rows], ratios.amax(1))
        _keep_nearest(self.to_real, self.nearest_real, rows, *d.min(1), columns.start)
        _keep_nearest(self.to_fake, self.nearest_fake, columns, *d.min(0), rows.start)


def _keep_nearest(
    kept: Tensor, whose: Tensor, part: slice, values: Tensor, indices: Tensor, start: int
) -> None:
    closer = values < kept[part]
    kept[part] = torch.where(closer, values, kept[part])
    whose[part] = torch.where(closer, indices + start, whose[part])


def _density(counts: Tensor, k: int) -> tuple[float, float]:
    each = counts.double() / k
    error = float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else math.nan
    return float(each.mean()), error


@torch.no_grad()
def manifolds(
    real: Tensor,
    fake: Tensor,
    k: int = PRECISION_NEIGHBOURS,
    k_density: int = DENSITY_NEIGHBOURS,
) -> Manifolds:
    """Return precision, recall, density, coverage and what each image adds, from one pass.

    Distances are taken in blocks; 50,000 images on each side need no more memory than their
    features and some hundred MB.

    Args:
        real: (N, D) features.
        fake: (M, D) features, on the same device.
        k: neighbours for precision, recall and realism.
        k_density: neighbours for density and coverage.

    Raises:
        InputError: widths differ, numbers are not finite, or a side has no more images than there
            are neighbours.
    """
    if min(k, k_density) < 1:
        raise InputError(f"{min(k, k_density)} neighbours; wanted 1 or more")
    check_features(fake, real, k + 1)
    check_features(real, real, k_density + 1)
    fake, real = prepared(fake, real)
    tally = _Tally(self_distances(real, (k, k_density)), self_distances(fake, (k,))[0])
    for block in distance_blocks(real, fake):
        tally.update(block)
    (precision, precision_error), (recall, recall_error) = map(
        _share, (tally.precise, tally.recalled)
    )
    (coverage, coverage_error) = _share(tally.to_fake <= tally.real[1])
    density, density_error = _density(tally.counts, k_density)
    return Manifolds(
        precision_recall=PrecisionRecall(precision, recall, precision_error, recall_error),
        density_coverage=DensityCoverage(density, coverage, density_error, coverage_error),
        realism=tally.realism,
        nearest_real=tally.nearest_real,
        coverage_distance=_ratio(tally.to_fake, tally.real[1]),
        nearest_fake=tally.nearest_fake,
    )


def precision_recall(real: Tensor, fake: Tensor, k: int = PRECISION_NEIGHBOURS) -> PrecisionRecall:
    """Return improved precision and recall of fakes (M, D) against reals (N, D).

    Raises:
        InputError: as of :func:`manifolds`.
    """
    return manifolds(real, fake, k, k).precision_recall


def density_coverage(real: Tensor, fake: Tensor, k: int = DENSITY_NEIGHBOURS) -> DensityCoverage:
    """Return density and coverage of fakes (M, D) against reals (N, D).

    Raises:
        InputError: as of :func:`manifolds`.
    """
    return manifolds(real, fake, min(k, 1), k).density_coverage
