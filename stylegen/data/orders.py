"""In which order images are shown: without end, a function of a seed and the position alone.

A run that goes on from a position, and processes that share a batch, therefore see the images that
one process would have seen from the start. Nothing but the current permutations is held.

N images, K classes that have images, G samples of a minibatch group.
"""

import hashlib
from typing import Protocol

import torch
from torch import Tensor

from stylegen.networks.discriminator import minibatch_group


class Order(Protocol):
    """An endless order of images."""

    def take(self, position: int, count: int) -> Tensor:
        """Return the indices of the images shown from a position on, (count,) int64."""
        ...


def seeded_permutation(size: int, *what: int) -> Tensor:
    """Return a permutation of (size,) int64 that depends on nothing but the numbers ``what``."""
    text = "/".join(map(str, what)).encode()
    seed = int.from_bytes(hashlib.sha256(text).digest()[:8], "little") >> 1
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed))


class EpochOrder:
    """Every image once in each epoch; epoch e is the permutation that seed (seed, e) draws.

    Args:
        size: N.
        seed: of the order, below 2^32.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self._drawn: tuple[int, Tensor] = (-1, torch.empty(0, dtype=torch.int64))

    def _epoch(self, epoch: int) -> Tensor:
        if self._drawn[0] != epoch:
            generator = torch.Generator().manual_seed((self.seed << 24) + epoch)
            self._drawn = epoch, torch.randperm(self.size, generator=generator)
        return self._drawn[1]

    def take(self, position: int, count: int) -> Tensor:
        """Return the indices of the images shown from a position on, (count,) int64."""
        parts = []
        while count > 0:
            epoch, offset = divmod(position, self.size)
            part = self._epoch(epoch)[offset : offset + count]
            parts.append(part)
            position, count = position + len(part), count - len(part)
        return torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64)


class BalancedOrder:
    """Every class as often as any other, and each class's images in turn.

    Position p lies in round b = p // K. A round is a random permutation of the K classes, so a
    class has been drawn b times before it: no counting from the start is needed. Its b-th draw is
    item b mod n of a permutation of its n images, the (b // n)-th of that class.

    Args:
        labels: class of each image, (N,) int64; classes without images are never drawn.
        seed: of the order.
    """

    def __init__(self, labels: Tensor, seed: int) -> None:
        self.seed = seed
        self.members = [torch.nonzero(labels == c)[:, 0] for c in torch.unique(labels)]
        self._drawn: dict[int, tuple[int, list[int]]] = {}

    def _permutation(self, size: int, *what: int) -> list[int]:
        drawn: list[int] = seeded_permutation(size, self.seed, *what).tolist()
        return drawn

    def _kept(self, which: int, turn: int, size: int) -> list[int]:
        """The permutation of a turn, kept until the next one is asked for; which -1: classes."""
        if which not in self._drawn or self._drawn[which][0] != turn:
            self._drawn[which] = turn, self._permutation(size, which, turn)
        return self._drawn[which][1]

    def _one(self, position: int) -> int:
        turn, place = divmod(position, len(self.members))
        which = self._kept(-1, turn, len(self.members))[place]
        images = self.members[which]
        epoch, item = divmod(turn, len(images))
        return int(images[self._kept(which, epoch, len(images))[item]])

    def take(self, position: int, count: int) -> Tensor:
        """Return the indices of the images shown from a position on, (count,) int64."""
        return torch.tensor([self._one(position + i) for i in range(count)], dtype=torch.int64)


class GroupedOrder:
    """Batches each of whose minibatch groups shows one class.

    The images of another order say which classes; those of a group are drawn from its class, each
    once, or again where the class has fewer. A batch depends on where it begins and on its size.

    Args:
        order: says how often each class is shown.
        labels: class of each image, (N,) int64.
        group_size: at most so many samples make a group: G.
        seed: of what is drawn.
    """

    def __init__(self, order: Order, labels: Tensor, group_size: int, seed: int) -> None:
        self.order, self.labels, self.group_size, self.seed = order, labels, group_size, seed
        self.members = {int(c): torch.nonzero(labels == c)[:, 0] for c in torch.unique(labels)}

    def _drawn(self, label: int, group: int, position: int, number: int) -> Tensor:
        images = self.members[label]
        chosen = seeded_permutation(len(images), self.seed, position, number)
        return images[chosen.repeat(-(-group // len(images)))[:group]]

    def take(self, position: int, count: int) -> Tensor:
        """Return the indices of the batch that begins at a position, (count,) int64."""
        group = minibatch_group(count, self.group_size) if count else 1
        classes = self.labels[self.order.take(position, count)[: count // group]].tolist()
        groups = [self._drawn(c, group, position, i) for i, c in enumerate(classes)]
        # group i is samples i, i + count / group, ..., as minibatch deviations take them
        return torch.stack(groups, dim=1).flatten() if groups else self.labels[:0]
