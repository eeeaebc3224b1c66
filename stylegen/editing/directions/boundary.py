"""Linear boundaries in w: the hyperplane that best parts two groups, and its normal.

    logistic       minimise mean log(1 + exp(-y (x n + b))) + lambda/2 |n|^2
    least-squares  minimise mean (y - x n - b)^2 + lambda |n|^2

for y = +-1 and x = (w - mean) / scale, one scale for all coordinates, so that n is normal to the
boundary in w itself. The two groups count equally, however many are in each.

Source: Shen et al. 2020 (InterFaceGAN), section 2.2, with logistic regression for their SVM.

N samples, D width of w.
"""

from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.special
import torch
from torch import Tensor

from stylegen.editing.directions.config import DEFAULT_BOUNDARY, MIN_GROUP, BoundaryConfig
from stylegen.errors import InputError

_ITERATIONS = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class Boundary:
    """A hyperplane w n = offset.

    Attributes:
        normal: n, (D,) float64, of length 1; towards the samples that are True.
        offset: where it lies along n.
        accuracy: share of held-out samples on their own side, each group counting equally:
            0.5 is chance.
        fitted: number of samples it was fitted to.
        held_out: number of samples that it was tried on.
    """

    normal: Tensor
    offset: float
    accuracy: float
    fitted: int
    held_out: int


def _weights(labels: np.ndarray) -> np.ndarray:
    """Weigh samples so that both groups count equally and all weights sum to 1."""
    true = labels.mean()
    return np.asarray(np.where(labels, 0.5 / true, 0.5 / (1 - true)) / len(labels))


def _logistic(x: np.ndarray, labels: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Return the normal (D,) and the bias of logistic regression."""
    y, weights = np.where(labels, 1.0, -1.0), _weights(labels)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        n, b = parameters[:-1], parameters[-1]
        margin = y * (x @ n + b)
        value = weights @ np.logaddexp(0, -margin) + ridge / 2 * (n @ n)
        slope = -weights * y * scipy.special.expit(-margin)
        return float(value), np.append(slope @ x + ridge * n, slope.sum())

    start = np.zeros(x.shape[1] + 1)
    options = {"maxiter": _ITERATIONS}
    found = scipy.optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return found.x[:-1], float(found.x[-1])


def _least_squares(x: np.ndarray, labels: np.ndarray, ridge: float) -> tuple[np.ndarray, float]:
    """Return the normal (D,) and the bias of a ridge regression to +-1."""
    y, weights = np.where(labels, 1.0, -1.0), _weights(labels)
    mean = weights @ x
    centred = x - mean
    square = (centred * weights[:, None]).T @ centred + ridge * np.eye(x.shape[1])
    n = np.linalg.solve(square, centred.T @ (weights * y))
    return n, float(weights @ y - mean @ n)


def _parts(labels: np.ndarray, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return shuffled indices to fit and to try, with the same share of each group in both."""
    draws = np.random.default_rng(seed)
    fit, trial = [], []
    for value in (False, True):
        group = draws.permutation(np.flatnonzero(labels == value))
        count = max(1, round(held_out * len(group)))
        trial.append(group[:count])
        fit.append(group[count:])
    return np.concatenate(fit), np.concatenate(trial)


def _check(w: Tensor, labels: Tensor) -> None:
    if labels.dtype != torch.bool or labels.shape != w.shape[:1]:
        raise InputError(f"wanted {len(w)} labels, True or False, not {tuple(labels.shape)}")
    fewest = min(int(labels.sum()), int((~labels).sum()))
    if fewest < MIN_GROUP:
        raise InputError(
            f"a boundary needs at least {MIN_GROUP} samples on each side, but one side has "
            f"{fewest} of {len(labels)}"
        )


def fit_boundary(w: Tensor, labels: Tensor, config: BoundaryConfig = DEFAULT_BOUNDARY) -> Boundary:
    """Part labelled samples of w by a hyperplane.

    Args:
        w: (N, D).
        labels: (N,) bool.
        config: how.

    Raises:
        InputError: the shapes differ, or a side has fewer than 10 samples.
    """
    _check(w, labels)
    fit, trial = _parts(labels.numpy(), config.held_out, config.seed)
    x, y = w.double().numpy(), labels.numpy()
    mean, scale = x[fit].mean(0), x[fit].std(0)
    scale = np.sqrt(np.mean(scale**2)) or 1.0
    solve = _logistic if config.method == "logistic" else _least_squares
    n, bias = solve((x[fit] - mean) / scale, y[fit], config.ridge)
    length = np.linalg.norm(n)
    if not length > 0:
        raise InputError("the two groups have the same w: no direction leads from one to the other")
    normal, offset = n / length, float(mean @ n / length - bias * scale / length)
    right = (x[trial] @ normal > offset) == y[trial]
    accuracy = float(np.mean([right[y[trial] == side].mean() for side in (False, True)]))
    return Boundary(
        normal=torch.from_numpy(normal),
        offset=offset,
        accuracy=accuracy,
        fitted=len(fit),
        held_out=len(trial),
    )


def accuracy_along(
    w: Tensor, labels: Tensor, vector: Tensor, config: BoundaryConfig = DEFAULT_BOUNDARY
) -> float:
    """Return how well a given vector parts samples: its hyperplane's accuracy.

    Where the hyperplane lies is fitted to the same samples as in :func:`fit_boundary`, and tried on
    the others.

    Args:
        w: (N, D).
        labels: (N,) bool.
        vector: (D,), towards the samples that are True; below 0.5 is the accuracy of one that leads
            away from them.
        config: how.

    Raises:
        InputError: see :func:`fit_boundary`.
    """
    along = fit_boundary((w.double() @ vector.double())[:, None], labels, config)
    return along.accuracy if along.normal > 0 else 1 - along.accuracy
