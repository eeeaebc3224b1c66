"""The random numbers of a step, the same however a batch is shared out.

Each process of a run draws the numbers of the whole batch from the same seed and takes the rows
that are its own. A run of W processes, or of A parts a step, therefore sees the latents, noise
and augmentations that a single pass over the whole batch would see.

Rows are dealt so that the groups of the minibatch deviations are those of the whole batch: sample
n of N is in group n mod (N / G), so part k of K takes the k-th block of columns of the (G, N / G)
table of samples.

N batch, G samples of a minibatch group, K parts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.networks.discriminator import minibatch_group


@dataclass(frozen=True, kw_only=True)
class Share:
    """One of K equal parts of a batch.

    Attributes:
        index: k, from 0.
        count: K.
        group: G, samples that must stay together; 1 deals contiguous blocks, None takes the
            whole batch for one group.
    """

    index: int = 0
    count: int = 1
    group: int | None = 1

    def rows(self, batch: int) -> Tensor:
        """Return the indices of this part's samples in a batch of N, (N / K,) int64.

        Raises:
            InputError: the batch cannot be shared out in whole groups.
        """
        group = batch if self.group is None else min(self.group, batch)
        if batch % (group * self.count):
            raise InputError(
                f"a batch of {batch} cannot be shared by {self.count} in groups of {group}; "
                f"take a multiple of {group * self.count}"
            )
        table = torch.arange(batch).view(group, self.count, -1)
        return table[:, self.index].flatten()

    def take(self, x: Tensor) -> Tensor:
        """Return this part's rows of a tensor whose first dimension is the whole batch."""
        return x if self.count == 1 else x[self.rows(len(x)).to(x.device)]


class Draws:
    """Random tensors for the samples of one part of a batch.

    Args:
        device: where the numbers are drawn, from its default generator.
        share: the part.
    """

    def __init__(self, device: torch.device, share: Share | None = None) -> None:
        self.device, self.share = device, share or Share()

    def normal(self, samples: int, *shape: int) -> Tensor:
        """Draw unit Gaussians for this many samples of the part, (samples, *shape) float32."""
        return self.share.take(torch.randn(samples * self.share.count, *shape, device=self.device))

    def integers(self, samples: int, high: int, group_size: int = 1) -> Tensor:
        """Draw from 0 to high - 1 for each sample of the part, (samples,) int64 on the CPU.

        The samples of a minibatch group of at most ``group_size`` get the same number.
        """
        batch = samples * self.share.count
        group = minibatch_group(batch, group_size)
        return self.share.take(torch.randint(high, (batch // group,)).repeat(group))

    def uniform(self, samples: int, *shape: int) -> Tensor:
        """Draw from [0, 1) for this many samples of the part, (samples, *shape) float32."""
        return self.share.take(torch.rand(samples * self.share.count, *shape, device=self.device))


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return the state of the default generators of the CPU and of the device."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Go back to a state of :func:`random_state`; a GPU's is ignored elsewhere."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
