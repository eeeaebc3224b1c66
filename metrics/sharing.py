"""A set's images shared among the processes of a run, and what they found put together again.

Batch k of a set belongs to process k mod n. What each of n processes found is summed over all:
moments add up, and rows of features are placed where a single process would have them. After every
batch they ask each other whether to go on, so that none waits for another longer than a batch, and
all stop together.

N images of the set, F width of the features.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from stylegen.metrics.drawing import NotFiniteError
from stylegen.metrics.extraction import Extracted
from stylegen.metrics.moments import Moments

_ROWS = 4096  # of features exchanged at a time


class TookTooLongError(Exception):
    """The processes have stopped, as the time for a metric is over."""


class Processes(Protocol):
    """The processes that take a metric together; each does the same calls in the same order."""

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def mean_(self, tensors: Sequence[Tensor], /) -> None:
        """Replace each tensor, all of one type, by its mean over all processes."""
        ...


@dataclass(frozen=True)
class _Alone:
    rank: int = 0
    size: int = 1

    def mean_(self, tensors: Sequence[Tensor], /) -> None:
        """Leave the tensors as they are."""


ALONE: Processes = _Alone()


def total_(world: Processes, tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its sum over all processes."""
    if world.size > 1:
        world.mean_(tensors)
        for tensor in tensors:
            tensor *= world.size


def first_(world: Processes, values: Tensor) -> None:
    """Replace values by those of the first process."""
    if world.rank:
        values.zero_()
    total_(world, [values])


def own_rows(count: int, batch: int, world: Processes) -> list[int]:
    """Return which of a set's images are this process's: every n-th batch of them."""
    starts = range(world.rank * batch, count, world.size * batch)
    return [i for start in starts for i in range(start, min(start + batch, count))]


def rounds_of(count: int, batch: int, world: Processes) -> int:
    """Return how many batches the process with the most of them has."""
    return -(-count // (batch * world.size))


def together(
    own: Iterator[Tensor],
    rounds: int,
    world: Processes,
    device: torch.device,
    is_late: Callable[[], bool],
) -> Iterator[Tensor]:
    """Yield this process's batches for as long as all processes go on.

    Args:
        own: its batches; others may have one more.
        rounds: see :func:`rounds_of`.
        world: the processes; each of them runs through this.
        device: where the exchange takes place.
        is_late: whether the time is over; one process that says so stops all.

    Raises:
        NotFiniteError: a process draws images that are not finite.
        TookTooLongError: a process is late.
    """
    for _ in range(rounds):
        failed = False
        try:
            images = next(own, None)
        except NotFiniteError:
            images, failed = None, True
        if images is not None:
            yield images
        votes = torch.tensor([float(failed), float(is_late())], dtype=torch.float64, device=device)
        total_(world, [votes])
        if votes[0] > 0.5 / world.size:
            raise NotFiniteError("the network draws images with NaN or infinite pixels")
        if votes[1] > 0.5 / world.size:
            raise TookTooLongError


def _joined_moments(own: Moments, world: Processes) -> Moments:
    count = torch.tensor([float(own.count)], dtype=torch.float64, device=own.total.device)
    total, outer = own.total.clone(), own.outer.clone()
    total_(world, [count, total, outer])
    return Moments(round(float(count)), total, outer)


def _width(own: Tensor | None, world: Processes, device: torch.device) -> int:
    """Agree on F; a process that has no images does not know it."""
    known = [0.0, 0.0] if own is None else [float(own.shape[1]), 1.0]
    votes = torch.tensor(known, dtype=torch.float64, device=device)
    total_(world, [votes])
    return round(float(votes[0] / votes[1].clamp_min(1)))


def _joined_rows(
    own: Tensor | None, rows: list[int], count: int, world: Processes, device: torch.device
) -> Tensor | None:
    """Return the features that all processes have, in order of the set, on the CPU."""
    width = _width(own, world, device)
    if width == 0:
        return None
    placed = torch.zeros(count, width + 1)
    if own is not None:
        placed[rows, :width] = own
        placed[rows, width] = 1  # there is such an image: broken files leave gaps
    for part in torch.split(placed, _ROWS):
        exchanged = part.to(device, copy=True)
        total_(world, [exchanged])
        part.copy_(exchanged)
    return placed[placed[:, width] > 0.5, :width]


def joined(found: Extracted, rows: list[int], count: int, world: Processes) -> Extracted:
    """Return what all processes found of a set together: in each of them the same.

    Args:
        found: of this process's images.
        rows: which images of the set these were, in order.
        count: N, with those that could not be read.
        world: the processes.
    """
    if world.size == 1:
        return found
    device = found.moments.total.device
    return Extracted(
        sums=_joined_moments(found.moments, world),
        logits=_joined_rows(found.logits, rows, count, world, device),
        features=_joined_rows(found.features, rows, count, world, device),
    )
