"""Random numbers of one batch, one per sample, and what happens with probability p.

All numbers are drawn at once, and handed out in order: few operations on the device, and the same
seed gives the same transforms whatever p is.

N batch.
"""

import torch
from torch import Tensor

from stylegen.training.draws import Draws

_UNIFORMS, _NORMALS = 32, 16  # at least as many as all groups together take


class Chance:
    """Hands out random numbers (N,), and decides what is done to which sample.

    Args:
        draws: their source.
        samples: N.
        p: probability that an operation is done to a sample, a scalar on the device.
    """

    def __init__(self, draws: Draws, samples: int, p: Tensor) -> None:
        self.p = p
        self._uniforms = iter(draws.uniform(samples, _UNIFORMS).unbind(1))
        self._normals = iter(draws.normal(samples, _NORMALS).unbind(1))

    def occurs(self, p: float | Tensor | None = None) -> Tensor:
        """Decide with probability p, (N,) bool."""
        return next(self._uniforms) < (self.p if p is None else p)

    def maybe(self, value: Tensor, neutral: float, p: float | Tensor | None = None) -> Tensor:
        """Take a value with probability p, else the neutral one."""
        occurs = self.occurs(p)
        return torch.where(occurs.view(-1, *[1] * (value.ndim - 1)), value, neutral)

    def uniform(self, low: float, high: float) -> Tensor:
        """Draw from [low, high)."""
        return next(self._uniforms) * (high - low) + low

    def one_of(self, count: int) -> Tensor:
        """Draw from 0, 1, ... count - 1."""
        return (next(self._uniforms) * count).floor()

    def normal(self, std: float) -> Tensor:
        """Draw from the Gaussian of mean 0."""
        return next(self._normals) * std

    def lognormal(self, std: float) -> Tensor:
        """Draw from the distribution whose log2 is Gaussian of mean 0."""
        return self.normal(std).exp2()
