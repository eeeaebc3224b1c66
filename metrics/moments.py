"""Streaming first and second moments of features, in float64.

Raw sums are exact enough in float64 (1e-15 on features of this kind), and two of them can be
added: over batches, blocks, or processes.

N images, D feature width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.errors import InputError


@dataclass
class Moments:
    """Sums over features seen so far.

    Attributes:
        count: N.
        total: (D,) float64, sum of x.
        outer: (D, D) float64, sum of x x^T.
    """

    count: int
    total: Tensor
    outer: Tensor

    @classmethod
    def empty(cls, dim: int, device: str | torch.device = "cpu") -> "Moments":
        """Start with nothing seen of features of width ``dim``."""
        total = torch.zeros(dim, dtype=torch.float64, device=device)
        return cls(0, total, torch.zeros(dim, dim, dtype=torch.float64, device=device))

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """Return the moments of features (N, D) of any float type."""
        moments = cls.empty(features.shape[1], features.device)
        moments.update(features)
        return moments

    def update(self, features: Tensor) -> None:
        """Add features (N, D) of any float type."""
        x = features.to(self.total)
        self.count += len(x)
        self.total += x.sum(0)
        self.outer.addmm_(x.T, x)

    def merged(self, other: "Moments") -> "Moments":
        """Return the moments of both sets together."""
        return Moments(self.count + other.count, self.total + other.total, self.outer + other.outer)

    def _require(self, least: int) -> None:
        if self.count < least:
            raise InputError(
                f"a Frechet distance needs at least {least} images on each side, not {self.count}"
            )

    @property
    def mean(self) -> Tensor:
        """Mean, (D,) float64.

        Raises:
            InputError: nothing was seen.
        """
        self._require(1)
        return self.total / self.count

    @property
    def covariance(self) -> Tensor:
        """Sample covariance with divisor N - 1, (D, D) float64.

        Raises:
            InputError: fewer than two images were seen.
        """
        self._require(2)
        mean = self.mean
        return (self.outer - self.count * torch.outer(mean, mean)) / (self.count - 1)
