"""Directions that leave other things alone: orthogonal to the others' boundaries.

What a boundary of normal a parts changes by a n while w moves by n. Of all steps n that leave
others as they are, a_j n = 0, the one is taken that changes a n most among steps that w is equally
likely to take, n^T S^-1 n = 1 with S the covariance of w:

    n = S (a - sum_j c_j a_j),   c such that a_j n = 0 for all j

Source: Shen et al. 2020 (InterFaceGAN), section 2.3, conditional manipulation, where S is I.

N samples, K other boundaries, P columns of readings, D width of w.
"""

import torch
from torch import Tensor

from stylegen.editing.directions.spread import Spread
from stylegen.errors import InputError

_NOTHING = 1e-6  # of a length, below which it is rounding


def _root(matrix: Tensor) -> Tensor:
    """Return the symmetric square root of a positive semidefinite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors * values.clamp_min(0).sqrt() @ vectors.T
    return root


def orthogonal(normal: Tensor, others: Tensor, spread: Spread) -> Tensor:
    """Turn a boundary's normal into the step that crosses it and leaves others as they are.

    Args:
        normal: a, (D,).
        others: a_j, (K, D), of any lengths but zero; they may depend on each other.
        spread: of w.

    Returns:
        n, (D,) float64 of length 1.

    Raises:
        InputError: whatever crosses this boundary changes the others.
    """
    root = _root(spread.covariance)
    rows = others.double() / others.double().norm(dim=1, keepdim=True)
    _, sizes, axes = torch.linalg.svd(rows @ root, full_matrices=False)
    axes = axes[sizes > _NOTHING * sizes[0]]
    whole = root @ normal.double()
    left = whole - axes.T @ (axes @ whole)
    if not left.norm() > _NOTHING * whole.norm():
        raise InputError("no direction is left that changes this and leaves all the others alone")
    step: Tensor = root @ left / (root @ left).norm()
    return step


def slopes(w: Tensor, readings: Tensor, ridge: float) -> Tensor:
    """Return how readings change with w: the normals of a ridge regression.

    Args:
        w: (N, D).
        readings: (N, P).
        ridge: weight of the squared length, for w scaled as in
            :mod:`stylegen.editing.directions.boundary`.

    Returns:
        (P, D) float64; rows of readings that never change are left out.
    """
    x, y = w.double() - w.double().mean(0), readings.double() - readings.double().mean(0)
    y = y[:, y.any(dim=0)]
    square = x.T @ x / len(x)
    square += ridge * square.diagonal().mean() * torch.eye(len(square))
    normals: Tensor = torch.linalg.solve(square, x.T @ y / len(x)).T
    return normals
