"""How a network is updated: in parts, by several processes, and by finite gradients only.

A batch may be computed in parts that follow each other, and shared by several processes: random
numbers, minibatch groups and means are those of the whole (:mod:`stylegen.training.draws`). A
network whose gradients are not finite is left as it was, and the update counted.

N batch of this process.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.networks import Discriminator, Generator
from stylegen.training.config import LossConfig, OptimizerConfig
from stylegen.training.draws import Draws, Share, random_state, set_random_state
from stylegen.training.optimizers import gradient_norm, lazy_adam, update_if_finite
from stylegen.training.world import World

Stats = dict[str, Tensor]


def _means(stats: list[Stats]) -> Stats:
    return {k: torch.stack([s[k] for s in stats]).mean() for k in stats[0]}


def shares_of(world: World, parts: int, group: int | None) -> list[Share]:
    """Return the shares of a batch that a process computes, one after the other."""
    first, count = world.rank * parts, world.size * parts
    return [Share(index=first + i, count=count, group=group) for i in range(parts)]


def rows_of(world: World, batch: int, parts: int, group: int | None) -> Tensor | None:
    """Return which rows of the whole batch a process takes, part by part; None: all, as they are.

    Raises:
        InputError: the batch cannot be shared out in whole minibatch groups.
    """
    shares = shares_of(world, parts, group)
    return None if shares[0].count == 1 else torch.cat([s.rows(batch) for s in shares])


def parts_of(world: World, batch: int, batch_per_device: int | None, group: int | None = 1) -> int:
    """Return in how many parts each process computes its share of a batch.

    Args:
        world: the processes.
        batch: of all of them.
        batch_per_device: images that one computes at once; None: all its share.
        group: samples of a minibatch group, which stay together; None: the batch.

    Raises:
        InputError: the batch cannot be shared so.
    """
    own, rest = divmod(batch, world.size)
    if rest:
        raise InputError(
            f"a batch of {batch} cannot be shared equally by {world.size} processes; take a "
            "multiple"
        )
    if batch_per_device is None or own <= batch_per_device:
        return 1
    whole = own if group is None else min(group, own)
    for k in range(1, own + 1):
        if own % k == 0 and own // k <= batch_per_device and own // k % whole == 0:
            return k
    raise InputError(
        f"{own} images of a device cannot come in parts of at most {batch_per_device} that hold "
        f"whole minibatch groups of {whole}; take another --batch-per-device or "
        "--mbstd-group-size"
    )


class Updater:
    """Both networks with their optimisers, and this process's share of each batch.

    Args:
        generator: trained in place; parameters that require no gradient stay as they are.
        discriminator: the same.
        loss: losses and regularisers.
        optimizer: Adam's numbers.
        world: the processes that share each batch; None: this one alone.
        parts: how many parts of its batch this process computes one after the other.
        uses_r1: whether the R1 penalty is ever taken; None: if its weight is above 0 now.

    Attributes:
        bad_updates: by phase, updates left out in a row, for gradients that were not finite;
            scalars.
        skipped: updates left out in all; a scalar.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        loss: LossConfig,
        optimizer: OptimizerConfig,
        world: World | None,
        parts: int,
        uses_r1: bool | None = None,
    ) -> None:
        self.generator, self.discriminator = generator.train(), discriminator.train()
        self.loss, self.parts = loss, parts
        self.device = next(generator.parameters()).device
        self.world = world or World(device=self.device)
        self._learned = {
            id(network): [p for p in network.parameters() if p.requires_grad]
            for network in (generator, discriminator)
        }
        self.generator_optimizer = lazy_adam(
            self._learned[id(generator)],
            optimizer.generator_lr,
            optimizer,
            loss.pl_interval if loss.pl_weight else None,
        )
        self.discriminator_optimizer = lazy_adam(
            self._learned[id(discriminator)],
            optimizer.discriminator_lr,
            optimizer,
            loss.r1_interval if (loss.r1_gamma > 0 if uses_r1 is None else uses_r1) else None,
        )
        self.bad_updates: Stats = {}
        self.skipped = torch.zeros([], device=self.device)
        self._w_means: list[Tensor] = []

    @property
    def _group(self) -> int | None:
        return self.discriminator.config.mbstd_group_size

    def set_learning_rates(self, generator: float, discriminator: float) -> None:
        """Set both learning rates, as they are before the correction for lazy regularisation."""
        for optimizer, lr in (
            (self.generator_optimizer, generator),
            (self.discriminator_optimizer, discriminator),
        ):
            for group in optimizer.param_groups:
                group["lr"] = lr * group["lazy_correction"]

    def _draws(self, parts: int, group: int | None) -> Iterator[Draws]:
        """Yield each part's random numbers; all parts begin from the same state."""
        state = random_state(self.device) if parts > 1 else None
        for share in shares_of(self.world, parts, group):
            if state is not None:
                set_random_state(state, self.device)
            yield Draws(self.device, share)

    def _track_w(self, mean: Tensor) -> None:
        """Move the running mean of w, once a phase."""
        mapping = self.generator.mapping
        moved = mean.lerp(mapping.w_avg, mapping.w_avg_beta)
        mapping.w_avg.copy_(torch.where(moved.isfinite(), moved, mapping.w_avg))

    def _take_step(self, optimizer: torch.optim.Adam, norm: Tensor) -> Tensor:
        return update_if_finite(optimizer, norm)

    def _update(
        self, network: nn.Module, parts: int, losses: Iterable[tuple[Tensor, Stats]], name: str
    ) -> Stats:
        """Take the mean of the losses' gradients over parts and processes, and a step by it."""
        is_generator = network is self.generator
        optimizer = self.generator_optimizer if is_generator else self.discriminator_optimizer
        optimizer.zero_grad(set_to_none=True)
        self._w_means.clear()
        stats = []
        for loss, values in losses:  # one part's graph at a time
            (loss / parts).backward()  # type: ignore[no-untyped-call]
            stats.append(values)
        gradients = [p.grad for p in self._learned[id(network)] if p.grad is not None]
        w_mean = [torch.stack(self._w_means).mean(0)] if self._w_means else []
        self.world.mean_([*gradients, *w_mean])
        for mean in w_mean:
            self._track_w(mean)
        norm = gradient_norm(gradients)
        is_bad = self._take_step(optimizer, norm)
        self.bad_updates[name] = (self.bad_updates.get(name, is_bad * 0) + is_bad) * is_bad
        self.skipped = self.skipped + is_bad
        return {**_means(stats), f"grad_norm_{name}": norm}

    @property
    def most_bad_updates(self) -> int:
        """Updates of one phase left out in a row, of the phase with the most; asks the device."""
        if not self.bad_updates:
            return 0
        return int(torch.stack(list(self.bad_updates.values())).max())

    def train_both(self) -> None:
        """Let both networks have gradients again, but for what was frozen from the start."""
        for learned in self._learned.values():
            for p in learned:
                p.requires_grad_(True)

    def _train_only(self, network: nn.Module) -> None:
        for other in (self.generator, self.discriminator):
            other.requires_grad_(False)
        for p in self._learned[id(network)]:
            p.requires_grad_(True)
