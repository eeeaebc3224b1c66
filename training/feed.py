"""Real images for the steps: shuffled without end, mirrored, as floats on the device.

The order is a function of the seed and the position alone: epoch e is the permutation that seed
(seed, e) draws. A resumed run therefore goes on where it stopped. Small sets are decoded once and
kept in memory as bytes; large ones are decoded by worker processes ahead of the step.

N batch, C channels, R resolution.
"""

import os
import signal
import time
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from stylegen.data import ImageSet
from stylegen.data.threads import Progress
from stylegen.images import from_uint8

MEMORY_BYTES = 4 * 2**30  # sets up to this size are kept in memory


class EndlessShuffle(Sampler[int]):
    """Indices of a set, epoch after epoch, from a position on.

    Args:
        size: images in the set.
        seed: of the order.
        start: indices already taken.
    """

    def __init__(self, size: int, seed: int, start: int = 0) -> None:
        self.size, self.seed, self.start = size, seed, start

    def _epoch(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed((self.seed << 24) + epoch)
        order: list[int] = torch.randperm(self.size, generator=generator).tolist()
        return order

    def __iter__(self) -> Iterator[int]:
        epoch, offset = divmod(self.start, self.size)
        while True:
            yield from self._epoch(epoch)[offset:]
            epoch, offset = epoch + 1, 0


def mirror_half(images: Tensor) -> Tensor:
    """Mirror each image left to right with probability 1/2; (N, C, R, R)."""
    chosen = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(chosen.to(images.device), images.flip(3), images)


def _leave_interrupts_to_the_parent(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Feed:
    """Endless batches of real images and their classes.

    Args:
        images: the set; broken files are dropped from it here.
        batch: N.
        seed: of the order.
        start: images already taken.
        xflip: mirror half of the images.
        device: where the batches go.
        progress: told (files decoded, files in all) while a small set is read.

    Attributes:
        wait_sec: time spent waiting for images since it was last set to 0.
        labels: class of every image, int64.
    """

    def __init__(
        self,
        images: ImageSet,
        batch: int,
        seed: int,
        start: int,
        xflip: bool,
        device: torch.device,
        progress: Progress | None = None,
    ) -> None:
        self.batch, self.xflip, self.device, self.wait_sec = batch, xflip, device, 0.0
        in_memory = images.num_bytes <= MEMORY_BYTES
        loaded = images.load_all(progress) if in_memory else None
        self.labels = images.labels
        order = EndlessShuffle(len(images), seed, start)
        self._batches = (
            self._from_memory(*loaded, order) if loaded else iter(self._loader(images, order))
        )

    def _from_memory(
        self, images: Tensor, labels: Tensor, order: EndlessShuffle
    ) -> Iterator[tuple[Tensor, Tensor]]:
        indices = iter(order)
        while True:
            chosen = torch.tensor([next(indices) for _ in range(self.batch)])
            yield images[chosen], labels[chosen]

    def _loader(self, images: ImageSet, order: EndlessShuffle) -> DataLoader[tuple[Tensor, Tensor]]:
        workers = min(os.cpu_count() or 1, 8)
        return DataLoader(
            images,  # type: ignore[arg-type]
            sampler=order,
            batch_size=self.batch,
            num_workers=workers,
            worker_init_fn=_leave_interrupts_to_the_parent,
            generator=torch.Generator(),
            pin_memory=self.device.type == "cuda",
        )

    def __next__(self) -> tuple[Tensor, Tensor]:
        """Return (N, C, R, R) float32 in [-1, 1] and (N,) int64, on the device."""
        begin = time.perf_counter()
        pixels, labels = next(self._batches)
        self.wait_sec += time.perf_counter() - begin
        images = from_uint8(pixels.to(self.device, non_blocking=True))
        return mirror_half(images) if self.xflip else images, labels.to(self.device)
