"""The processes of a run, and what they tell each other.

torchrun starts them and says in the environment who each is (RANK, LOCAL_RANK, WORLD_SIZE). Each
holds all weights, draws the random numbers of the whole batch, and computes its own rows of it
(see :mod:`stylegen.training.draws`); gradients are averaged in one sum over all of them. That is
what DistributedDataParallel does, without its hooks, which do not see gradients taken by
torch.autograd.grad, as both regularisers take theirs.
"""

import atexit
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from stylegen.devices import choose_device
from stylegen.errors import InputError

_log = logging.getLogger(__name__)
_PATIENCE = timedelta(minutes=10)  # with a silent process


@contextmanager
def _together() -> Iterator[None]:
    """Say in words that an exchange failed: gloo and NCCL speak of sockets."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise ConnectionError(
            "another process of the run has died or fallen silent; what it said last tells why. "
            f"The run can go on from its last save with --resume ({reason})"
        ) from error


@dataclass(frozen=True, kw_only=True)
class World:
    """Who this process is among those of the run.

    Attributes:
        rank: its number.
        size: how many there are.
        device: where it computes.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @classmethod
    def alone(cls, device: str) -> "World":
        """Return the world of a run of one process.

        Raises:
            InputError: there is no such device here.
        """
        return cls(device=choose_device(device))

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run's files."""
        return self.rank == 0

    def mean_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, in one exchange.

        Raises:
            ConnectionError: another process has died or fallen silent.
        """
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([t.detach().reshape(-1) for t in tensors])
        with _together():
            dist.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [t.numel() for t in tensors])
        for t, part in zip(tensors, parts, strict=True):
            t.detach().copy_(part.view(t.shape))

    def most(self, value: float) -> float:
        """Return the largest of all processes' numbers; waits for all.

        Raises:
            ConnectionError: another process has died or fallen silent.
        """
        if self.size == 1:
            return value
        told = torch.tensor(float(value), device=self.device)
        with _together():
            dist.all_reduce(told, dist.ReduceOp.MAX)
            return float(told.item())

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process; waits for all."""
        return bool(self.most(flag))

    def first_says(self, value: str) -> str:
        """Return the text of the first process in all of them."""
        if self.size == 1:
            return value
        box = [value]
        with _together():
            dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    if not text.isdecimal():
        raise InputError(f"{name} is {text!r} in the environment; torchrun sets it to a number")
    return int(text)


def _own_device(device: str, local_rank: int) -> torch.device:
    chosen = choose_device(device)
    if chosen.type != "cuda":
        return chosen
    if chosen.index not in (None, 0) or ":" in device:
        raise InputError(f"device is {device!r}, but torchrun gives each process its own; say cuda")
    if local_rank >= torch.cuda.device_count():
        raise InputError(
            f"process {local_rank} of this machine has no GPU: there are "
            f"{torch.cuda.device_count()}; start no more processes than that"
        )
    return torch.device("cuda", local_rank)


def _join(own: torch.device) -> None:
    """Join the other processes, once and until this one ends."""
    if missing := [name for name in ("MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]:
        raise InputError(f"{missing[0]} is not set in the environment; start this with torchrun")
    if own.type == "cuda":
        torch.cuda.set_device(own)
    backend = "nccl" if own.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=_PATIENCE)
    atexit.register(dist.destroy_process_group)
    _log.info("process %d of %d on %s, by %s", dist.get_rank(), dist.get_world_size(), own, backend)


@contextmanager
def world_of(device: str) -> Iterator[World]:
    """Join the processes that torchrun started; without torchrun, be alone.

    Args:
        device: auto, cpu, cuda or cuda:N.

    Yields:
        Who this process is.

    Raises:
        InputError: the environment or the device cannot be used.
    """
    if "WORLD_SIZE" not in os.environ or _number("WORLD_SIZE") == 1:
        yield World.alone(device)
        return
    own = _own_device(device, _number("LOCAL_RANK"))
    if not dist.is_initialized():
        _join(own)
    yield World(device=own, rank=_number("RANK"), size=_number("WORLD_SIZE"))
