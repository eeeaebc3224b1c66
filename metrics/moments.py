"""Streaming first and second moments of features, in float64.

Raw sums are exact enough in float64 (1e-15 on features of this kind), and two of them can be
added: over batches, blocks, or processes. Kept in B blocks, they also give the moments of the set
with any block left out, by subtraction: what the jackknife needs, from the same pass.

N images, D feature width, B blocks.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.errors import InputError

BLOCKS = 10


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


@dataclass
class BlockMoments:
    """Sums over features seen so far, block by block: image i of the set is in block i mod B.

    Sums of several processes add up, tensor by tensor. Larger batches are cheaper: every update
    goes through all sums.

    Attributes:
        counts: (B,) int64, images in each block.
        sums: (B, D) float64, sums of x.
        outers: (B, D, D) float64, sums of x x^T.
    """

    counts: Tensor
    sums: Tensor
    outers: Tensor

    @classmethod
    def empty(
        cls, dim: int, blocks: int = BLOCKS, device: str | torch.device = "cpu"
    ) -> "BlockMoments":
        """Start with nothing seen of features of width ``dim``.

        Raises:
            InputError: fewer than two blocks.
        """
        if blocks < 2:
            raise InputError(f"moments are kept in 2 blocks or more, not {blocks}")
        sums = torch.zeros(blocks, dim, dtype=torch.float64, device=device)
        outers = torch.zeros(blocks, dim, dim, dtype=torch.float64, device=device)
        return cls(torch.zeros(blocks, dtype=torch.int64, device=device), sums, outers)

    @classmethod
    def of(cls, features: Tensor, blocks: int = BLOCKS) -> "BlockMoments":
        """Return the moments of features (N, D), a whole set in its order."""
        moments = cls.empty(features.shape[1], blocks, features.device)
        moments.update(features, 0)
        return moments

    def update(self, features: Tensor, start_index: int) -> None:
        """Add features (n, D) of consecutive images, the first with this index in the set."""
        x = features.to(self.sums)
        blocks = len(self.counts)
        for i in range(min(blocks, len(x))):
            part, b = x[i::blocks], (start_index + i) % blocks
            self.counts[b] += len(part)
            self.sums[b] += part.sum(0)
            self.outers[b].addmm_(part.T, part)

    def merged(self, other: "BlockMoments") -> "BlockMoments":
        """Return the moments of both sets together.

        Raises:
            InputError: they have other numbers of blocks or widths.
        """
        if self.sums.shape != other.sums.shape:
            raise InputError(
                f"moments (blocks, width) {tuple(self.sums.shape)} and {tuple(other.sums.shape)} "
                "cannot be merged; wanted two of one shape"
            )
        return BlockMoments(
            self.counts + other.counts, self.sums + other.sums, self.outers + other.outers
        )

    def block(self, b: int) -> Moments:
        """Return the moments of block ``b`` alone."""
        return Moments(int(self.counts[b]), self.sums[b], self.outers[b])

    def total(self) -> Moments:
        """Return the moments of the whole set."""
        return Moments(int(self.counts.sum()), self.sums.sum(0), self.outers.sum(0))

    def without(self, b: int, total: Moments | None = None) -> Moments:
        """Return the moments of the set without block ``b``; ``total``, if it is at hand."""
        whole, own = total or self.total(), self.block(b)
        return Moments(whole.count - own.count, whole.total - own.total, whole.outer - own.outer)
