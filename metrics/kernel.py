"""Kernel distance (KID with Inception's features): the unbiased estimate of squared MMD.

    k(x, y) = (x . y / D + 1)^3
    MMD^2 = mean over i != j of k(x_i, x_j) + the same of y - 2 mean over i, j of k(x_i, y_j)

Unbiased at any number of images, unlike the Frechet distance; below 0 by chance where two sets are
nearly alike. Taken on whole sets, or as usual on 100 subsets of 1000.
Source: Binkowski et al. 2018, arXiv:1801.01401, section 4; Gretton et al. 2012, equation 3.

M and N images of the two sets, D feature width, S subsets.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.errors import InputError
from stylegen.metrics.checks import check_features

SUBSETS = 100
SUBSET_SIZE = 1000
SUBSET_SEED = 2020
_BLOCK = 2048  # rows and columns of the kernel matrix held at a time


class SubsetDistance(NamedTuple):
    """A kernel distance over subsets.

    Attributes:
        mean: over the subsets.
        std: population deviation over the subsets, as torch-fidelity gives it.
        error: standard error of the mean: how far it would move with other subsets of the same
            images. Other images move it further; :func:`kernel_distance` tells how far.
    """

    mean: float
    std: float
    error: float


class KernelDistance(NamedTuple):
    """A kernel distance of whole sets.

    Attributes:
        value: the estimate.
        error: its standard error, by the jackknife: how far it would move with other images.
    """

    value: float
    error: float


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return k of every pair, (M, N) float64; the products are taken in the features' type."""
    product: Tensor = (x @ y.T).double() / x.shape[1] + 1
    return product**3


def _off_diagonal(kernel: Tensor) -> Tensor:
    return kernel.sum() - kernel.diagonal().sum()


def _unbiased(x: Tensor, y: Tensor) -> Tensor:
    m, n = len(x), len(y)
    within_x = _off_diagonal(_kernel(x, x)) / (m * (m - 1))
    within_y = _off_diagonal(_kernel(y, y)) / (n * (n - 1))
    return within_x + within_y - 2 * _kernel(x, y).mean()


def subset_size(m: int, n: int, size: int = SUBSET_SIZE) -> int:
    """Return how many images a subset has: ``size``, or as many as the smaller set has."""
    return min(size, m, n)


def _choices(m: int, n: int, subsets: int, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the indices of each subset, without repetition within it."""
    stream = np.random.RandomState(seed)
    for _ in range(subsets):
        first = stream.choice(m, size, replace=False)
        yield torch.from_numpy(first), torch.from_numpy(stream.choice(n, size, replace=False))


@torch.no_grad()
@full_float32()
def subset_distances(
    x: Tensor,
    y: Tensor,
    subsets: int = SUBSETS,
    size: int = SUBSET_SIZE,
    seed: int = SUBSET_SEED,
    *,
    device: torch.device | None = None,
    share: tuple[int, int] = (0, 1),
) -> Tensor:
    """Return the squared MMD of each subset.

    Args:
        x: (M, D) features of one set; the products are taken in their type, sums in float64.
        y: (N, D) features of the other.
        subsets: S.
        size: images of each side in a subset; fewer where a set has fewer.
        seed: of the choice of subsets, numpy's RandomState; the default is torch-fidelity's.
        device: where to compute; None: where the features lie.
        share: (r, n): compute the subsets r, r + n, r + 2n, ... only, and leave the others 0.

    Returns:
        (S,) float64 on the CPU.

    Raises:
        InputError: shapes do not agree, fewer than two images, numbers that are not finite, or
            no subset is wanted.
    """
    check_features(x, y, 2, "a kernel distance")
    if subsets < 1 or size < 2:
        raise InputError(f"{subsets} subsets of {size} images; wanted at least 1 of at least 2")
    place = device or x.device
    values = torch.zeros(subsets, dtype=torch.float64)
    chosen = _choices(len(x), len(y), subsets, subset_size(len(x), len(y), size), seed)
    for i, (first, second) in enumerate(chosen):
        if i % share[1] == share[0]:
            own = x[first.to(x.device)].to(place), y[second.to(y.device)].to(place)
            values[i] = _unbiased(*own)
    return values


def summary(values: Tensor) -> SubsetDistance:
    """Return mean, deviation and standard error of subsets' distances, (S,)."""
    std = values.std(correction=0)
    error = values.std() / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return SubsetDistance(float(values.mean()), float(std), float(error))


def subset_distance(
    x: Tensor,
    y: Tensor,
    subsets: int = SUBSETS,
    size: int = SUBSET_SIZE,
    seed: int = SUBSET_SEED,
    *,
    device: torch.device | None = None,
) -> SubsetDistance:
    """Return the kernel distance as it is usually given: over subsets.

    See :func:`subset_distances` for arguments and errors.
    """
    return summary(subset_distances(x, y, subsets, size, seed, device=device))


def _row_sums(x: Tensor, y: Tensor, block: int) -> tuple[Tensor, Tensor]:
    """Return the sums of the kernel matrix over its columns, (M,), and over its rows, (N,)."""
    rows, columns = (torch.zeros(len(s), dtype=torch.float64, device=x.device) for s in (x, y))
    for i in range(0, len(x), block):
        for j in range(0, len(y), block):
            kernel = _kernel(x[i : i + block], y[j : j + block])
            rows[i : i + block] += kernel.sum(1)
            columns[j : j + block] += kernel.sum(0)
    return rows, columns


def _others(x: Tensor, block: int) -> Tensor:
    """Return for each row the sum of its kernel with all other rows, (M,)."""
    # The diagonal is taken from the same products as the sums, so that its rounding cancels.
    own = torch.cat([_kernel(part, part).diagonal() for part in torch.split(x, block)])
    return _row_sums(x, x, block)[0] - own


def _jackknife(left_out: Tensor) -> Tensor:
    """Return the variance of an estimate from its values with each of M images left out."""
    m = len(left_out)
    return (m - 1) / m * (left_out - left_out.mean()).square().sum()


@torch.no_grad()
@full_float32()
def kernel_distance(x: Tensor, y: Tensor, block: int = _BLOCK) -> KernelDistance:
    """Return the kernel distance of two whole sets, and its standard error.

    Args:
        x: (M, D) features of one set; the products are taken in their type, sums in float64.
        y: (N, D) features of the other, on the same device.
        block: rows and columns of the kernel matrix held at a time.

    Raises:
        InputError: shapes do not agree, fewer than three images, or numbers that are not finite.
    """
    check_features(x, y, 3, "a kernel distance")
    m, n = len(x), len(y)
    a, b = _others(x, block), _others(y, block)
    rows, columns = _row_sums(x, y, block)
    within_x, within_y, between = a.sum(), b.sum(), rows.sum()
    value = within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * between / (m * n)
    without_x = (within_x - 2 * a) / ((m - 1) * (m - 2)) - 2 * (between - rows) / ((m - 1) * n)
    without_y = (within_y - 2 * b) / ((n - 1) * (n - 2)) - 2 * (between - columns) / (m * (n - 1))
    error = (_jackknife(without_x) + _jackknife(without_y)).sqrt()
    return KernelDistance(float(value), float(error))
