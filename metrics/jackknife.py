"""How far a Frechet distance may be off: the block jackknife.

With F the value of all N images, F_b that without block b of m_b images, and h_b = N / m_b:

    pseudo-values  p_b = h_b F - (h_b - 1) F_b
    corrected      c = B F - sum_b (1 - m_b / N) F_b
    error^2        = 1/B sum_b (p_b - c)^2 / (h_b - 1)

With equal blocks that is the usual jackknife: c is the mean of the pseudo-values, and error^2 is
their variance over B. c lacks the bias of order 1/N that makes a Frechet distance of few images too
large. The interval takes Student's t with B - 1 degrees of freedom around c.

All of it is about the images drawn: the reference is taken as it stands.

Source: Quenouille 1956; Tukey 1958; unequal blocks: Busing, Meijer and van der Leeden 1999,
"Delete-m jackknife for unequal m".

N images, D feature width, B blocks.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from scipy.special import stdtrit
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.frechet import Gaussian, gaussian_distance
from stylegen.metrics.moments import BlockMoments

LEVEL = 0.95  # of intervals
_FEW = 4  # images a dimension


@dataclass(frozen=True, kw_only=True)
class FrechetEstimate:
    """A Frechet distance, and how far it may be off.

    Attributes:
        value: of all images, as everyone computes it.
        error: its standard error.
        corrected: without the bias of order 1/N; below 0 by chance where the sides are alike.
        low: lower end of the 95 % interval around ``corrected``.
        high: upper end.
        count: N.
        few: whether there are fewer than four images a dimension. The bias is then not of order
            1/N alone: ``corrected`` is too small, and the interval too narrow.
        pseudo_values: one of each block, for differences.
    """

    value: float
    error: float
    corrected: float
    low: float
    high: float
    count: int
    few: bool
    pseudo_values: tuple[float, ...]


class Difference(NamedTuple):
    """By how much one distance exceeds another.

    Attributes:
        value: second less first, both corrected.
        error: its standard error.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    value: float
    error: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0: the difference is larger than the noise."""
        return not self.low <= 0 <= self.high


def interval(centre: float, error: float, freedom: float) -> tuple[float, float]:
    """Return the 95 % interval of Student's t with so many degrees of freedom."""
    reach = float(stdtrit(freedom, 0.5 + LEVEL / 2)) * error
    return centre - reach, centre + reach


def _left_out(blocks: BlockMoments, reference: Gaussian) -> tuple[float, Tensor]:
    """Return the distance of all, and those without each block, (B,)."""
    _ = reference.root  # found once, for all
    total = blocks.total()
    value = gaussian_distance(Gaussian.fitted(total), reference)
    without = [
        gaussian_distance(Gaussian.fitted(blocks.without(b, total)), reference)
        for b in range(len(blocks.counts))
    ]
    return value, torch.tensor(without, dtype=torch.float64)


def _check(blocks: BlockMoments) -> None:
    b, n = len(blocks.counts), int(blocks.counts.sum())
    if n < 2 * b or int(blocks.counts.min()) == 0:
        raise InputError(
            f"a jackknife over {b} blocks needs at least {2 * b} images, some in every block, "
            f"not {n}; give more images or fewer blocks"
        )


@torch.no_grad()
def frechet_jackknife(blocks: BlockMoments, reference: Gaussian) -> FrechetEstimate:
    """Return the Frechet distance of a set from a reference, with its error and less its bias.

    Costs B + 1 distances; the reference's factor is computed once, or taken if it is at hand.

    Args:
        blocks: moments of the images' features.
        reference: the other side, taken as exact.

    Raises:
        InputError: widths differ, or there are fewer than two images for each block.
    """
    _check(blocks)
    value, without = _left_out(blocks, reference)
    m, b = blocks.counts.cpu().double(), len(without)
    n = float(m.sum())
    h = n / m
    pseudo = h * value - (h - 1) * without
    corrected = float(b * value - ((1 - m / n) * without).sum())
    error = math.sqrt(float(((pseudo - corrected).square() / (h - 1)).mean()))
    low, high = interval(corrected, error, b - 1)
    return FrechetEstimate(
        value=value, error=error, corrected=corrected, low=low, high=high, count=int(n),
        few=n < _FEW * reference.dim, pseudo_values=tuple(pseudo.tolist()),
    )  # fmt: skip


def _paired_error(first: FrechetEstimate, second: FrechetEstimate) -> float:
    a, b = (torch.tensor(x.pseudo_values, dtype=torch.float64) for x in (first, second))
    if len(a) != len(b) or first.count != second.count:
        raise InputError(
            f"paired estimates have as many images and blocks each, not {first.count} in {len(a)} "
            f"and {second.count} in {len(b)}: compare them unpaired"
        )
    return float((b - a).std() / math.sqrt(len(a)))


def frechet_difference(
    first: FrechetEstimate, second: FrechetEstimate, *, paired: bool
) -> Difference:
    """Return by how much the second distance exceeds the first.

    Args:
        first: an estimate, against the same reference as the second.
        second: another.
        paired: image i of both was drawn from the same latent. What the latents have in common
            then cancels, block by block.

    Raises:
        InputError: paired estimates of other numbers of images or blocks.
    """
    value = second.corrected - first.corrected
    freedom = len(first.pseudo_values) - 1
    if paired:
        error = _paired_error(first, second)
    else:
        error = math.hypot(first.error, second.error)
        freedom += len(second.pseudo_values) - 1
    return Difference(value, error, *interval(value, error, freedom))


def difference_error(first: FrechetEstimate, second: FrechetEstimate, *, paired: bool) -> float:
    """Return the standard error of the difference of two distances; see `frechet_difference`."""
    return frechet_difference(first, second, paired=paired).error
