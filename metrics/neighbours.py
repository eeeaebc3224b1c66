"""Nearest neighbours among features, in blocks of the distance matrix: constant memory.

    d(x, y) = |x - y|, Euclidean; a pair is within a radius r if d <= r

The M x N matrix is never held: blocks of rows and columns follow one another, and what is asked for
(smallest distances, counts) is kept up to date. The peak is that of some blocks, about 100 MB,
plus k distances a row, whatever M and N are. Distances are float32 by torch.cdist, as in other
tools, so that borderline pairs fall on the same side there and here. It takes them from products,
|x|^2 + |y|^2 - 2 x.y, which loses digits where the features' mean is far from 0: such features
are centred first.

M and N images of two sets, D feature width, k neighbours.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.errors import InputError
from stylegen.metrics.checks import check_features

ROWS, COLUMNS = 1024, 2048  # of a block
_AT_ONCE = 1 << 22  # numbers, of pairs whose distances are taken anew
_FAR = 100.0  # squared length of the mean over the variance, from where features are centred


class Block(NamedTuple):
    """A block of a distance matrix.

    Attributes:
        rows: which images of the first set.
        columns: which images of the second.
        distances: (rows, columns) float32.
    """

    rows: slice
    columns: slice
    distances: Tensor


class Neighbours(NamedTuple):
    """The nearest images of a second set, for each of a first.

    Attributes:
        distances: (M, k) float32, ascending.
        indices: (M, k) int64, into the second set.
    """

    distances: Tensor
    indices: Tensor


def prepared(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return features as float32, both less the mean of ``y`` where it is far from 0.

    Distances stay the same, but for rounding. A mean is far if its squared length is more than 100
    times the features' variance.

    Args:
        x: (M, D).
        y: (N, D), on the same device; may be ``x`` itself.
    """
    wide = torch.float64 if y.dtype == torch.float64 else torch.float32
    mean = y.mean(0, dtype=wide)
    if float(mean.square().sum()) <= _FAR * float(y.to(wide).var(0, correction=0).sum()):
        single = y.float()
        return (single if x is y else x.float()), single
    centred = (y - mean).float()
    return (centred if x is y else (x - mean).float()), centred


@torch.no_grad()
@full_float32()
def _distances(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y)


def distance_blocks(
    x: Tensor, y: Tensor, rows: int = ROWS, columns: int = COLUMNS
) -> Iterator[Block]:
    """Yield the distance matrix block by block: all columns of some rows, then the next rows.

    Args:
        x: (M, D) float32.
        y: (N, D) float32, on the same device.
        rows: images of ``x`` at a time.
        columns: images of ``y`` at a time.
    """
    for i in range(0, len(x), rows):
        for j in range(0, len(y), columns):
            part, other = slice(i, i + rows), slice(j, j + columns)
            yield Block(part, other, _distances(x[part], y[other]))


class Smallest:
    """The k smallest distances of each row, and whose they are, kept up over blocks.

    Args:
        rows: M.
        k: how many.
        device: where the distances lie.
    """

    def __init__(self, rows: int, k: int, device: torch.device) -> None:
        self.distances = torch.full((rows, k), torch.inf, device=device)
        self.indices = torch.zeros(rows, k, dtype=torch.int64, device=device)

    def update(self, block: Block) -> None:
        """See another block of the rows; its distances may be changed by the caller before."""
        own = block.distances.topk(min(self.distances.shape[1], block.distances.shape[1]),
                                   dim=1, largest=False)  # fmt: skip
        distances = torch.cat([self.distances[block.rows], own.values], dim=1)
        indices = torch.cat([self.indices[block.rows], own.indices + block.columns.start], dim=1)
        distances, order = distances.sort(dim=1, stable=True)
        k = self.distances.shape[1]
        self.distances[block.rows] = distances[:, :k]
        self.indices[block.rows] = indices.gather(1, order)[:, :k]


def _without_own(block: Block) -> None:
    """Make distances of images of one index infinite, in place."""
    n = block.distances.shape
    first, start = block.rows.start, block.columns.start
    own = torch.arange(first, first + n[0], device=block.distances.device)
    here = (own >= start) & (own < start + n[1])
    block.distances[here.nonzero()[:, 0], own[here] - start] = torch.inf


def _exact(x: Tensor, y: Tensor, found: Smallest) -> Neighbours:
    """Take the distances of the pairs found anew, by differences in float64, and sort by them."""
    rows = max(1, _AT_ONCE // (found.indices.shape[1] * x.shape[1]))
    parts = zip(torch.split(x, rows), torch.split(found.indices, rows), strict=True)
    taken = [(a.double()[:, None] - y[i].double()).square().sum(2).sqrt() for a, i in parts]
    distances, order = torch.cat(taken).sort(dim=1, stable=True)
    return Neighbours(distances.float(), found.indices.gather(1, order))


def nearest(x: Tensor, y: Tensor, k: int = 1, *, skip_own: bool | None = None) -> Neighbours:
    """Return the k images of ``y`` nearest to each of ``x``.

    Which they are is found in float32; their distances are then taken exactly.

    Args:
        x: (M, D) features.
        y: (N, D) features on the same device.
        k: how many, up to N, or N - 1 with ``skip_own``.
        skip_own: image i of ``y`` is image i of ``x``, or its mirror image: no neighbour of it.
            None: if ``y`` is ``x`` itself.

    Raises:
        InputError: widths differ, numbers are not finite, or images are too few.
    """
    check_features(x, y)
    skip_own = x is y if skip_own is None else skip_own
    most = len(y) - skip_own
    if not 1 <= k <= most:
        raise InputError(f"{k} nearest images are wanted of {most}; wanted 1 to {most}")
    single = prepared(x, y)
    found = Smallest(len(x), k, x.device)
    for block in distance_blocks(*single):
        if skip_own:
            _without_own(block)
        found.update(block)
    return _exact(x, y, found)


def self_distances(x: Tensor, ranks: tuple[int, ...]) -> Tensor:
    """Return radii among prepared features: the smallest distances of each row by rank.

    Rank 0 is the smallest, usually the image's own; so rank k is the k-th neighbour's, as the
    metrics that are built on it count.

    Args:
        x: (N, D) float32.
        ranks: which; each up to N - 1.

    Returns:
        (len(ranks), N) float32.
    """
    found = Smallest(len(x), max(ranks) + 1, x.device)
    for block in distance_blocks(x, x):
        found.update(block)
    return found.distances[:, list(ranks)].T.contiguous()


def kth_distances(x: Tensor, k: int) -> Tensor:
    """Return each image's distance from its k-th nearest other image of the set, (N,) float32.

    Args:
        x: (N, D) features.
        k: 1 to N - 1.

    Raises:
        InputError: fewer than k + 1 images, or numbers that are not finite.
    """
    check_features(x, x, k + 1)
    return self_distances(prepared(x, x)[0], (k,))[0]


def count_within(x: Tensor, centres: Tensor, radii: Tensor) -> Tensor:
    """Return for each image of ``x`` how many balls hold it, (M,) int64.

    Args:
        x: (M, D) features.
        centres: (N, D), of the balls.
        radii: (N,), of the balls, such as :func:`kth_distances` of the centres.

    Raises:
        InputError: widths differ, numbers are not finite, or there are other radii than centres.
    """
    check_features(x, centres)
    if radii.shape != centres.shape[:1]:
        raise InputError(f"wanted {len(centres)} radii, one of each ball, not {tuple(radii.shape)}")
    counts = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    for block in distance_blocks(*prepared(x, centres)):
        counts[block.rows] += (block.distances <= radii[block.columns]).sum(1)
    return counts


def any_within(x: Tensor, centres: Tensor, radii: Tensor) -> Tensor:
    """Return for each image of ``x`` whether any ball holds it, (M,) bool.

    Arguments and errors as of :func:`count_within`.
    """
    return count_within(x, centres, radii) > 0
