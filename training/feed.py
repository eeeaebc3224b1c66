"""Real images for the steps: shuffled without end, as floats on the device.

The order is a function of the seed and the position alone, whoever takes which rows of a batch. A
resumed run therefore goes on where it stopped. Small sets are decoded once and kept; large ones are
decoded by worker processes ahead of the step.

N batch, n rows of it, C channels, H rows of pixels, W columns.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import torch
from torch import Tensor

from stylegen.data import ImageSet, load_decoded
from stylegen.data.decoded import MEMORY_BYTES
from stylegen.data.orders import BalancedOrder, EpochOrder, GroupedOrder, Order
from stylegen.data.streaming import Stream
from stylegen.data.threads import Progress
from stylegen.images import from_uint8

Plan = Callable[[int], tuple[int, Tensor | None]]
"""From the number of images shown to the batch N of the step that begins there, and the indices in
it, (n,) int64, that this process takes; None: all. It depends on nothing else, and is asked ahead
of time."""

_Batches = Iterator[tuple[Tensor, Tensor]]


def own_indices(order: Order, plan: Plan, position: int) -> Iterator[list[int]]:
    """Yield, step after step from a position on, the indices of the images that are this one's.

    Raises:
        ValueError: the plan gives a batch of less than one image.
    """
    while True:
        batch, rows = plan(position)
        if batch < 1:
            raise ValueError(f"the batch at {position} images is {batch}; wanted at least 1")
        indices = order.take(position, batch)
        yield (indices if rows is None else indices[rows.cpu()]).tolist()
        position += batch


def _gathered(pixels: Tensor, labels: Tensor, batches: Iterator[list[int]]) -> _Batches:
    for indices in batches:
        chosen = torch.tensor(indices, dtype=torch.int64)
        yield pixels[chosen], labels[chosen]


def _gathered_ahead(pixels: Tensor, labels: Tensor, batches: Iterator[list[int]]) -> _Batches:
    """Gather the next batch into page-locked memory, in a thread, while the step computes."""

    def gather(indices: list[int]) -> tuple[Tensor, Tensor]:
        chosen = torch.tensor(indices, dtype=torch.int64)
        return pixels[chosen].pin_memory(), labels[chosen].pin_memory()

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(gather, next(batches))
        while True:
            ready, coming = coming, pool.submit(gather, next(batches))
            yield ready.result()


class Feed:
    """Endless batches of real images and their classes.

    Args:
        images: the set; broken files are dropped from it here, or noted in it as they are met.
        plan: how large each step's batch is, and which part of it is wanted.
        seed: of the order.
        start: images already shown.
        device: where the batches go.
        balanced: show every class as often as any other, instead of every image.
        class_group: samples of a minibatch group that show one class; 1: whatever comes.
        progress: told (files decoded, files in all) while a small set is read.

    Attributes:
        position: images shown so far, of the whole batches.
        wait_sec: time spent waiting for images, their way to the device included, since it was
            last set to 0.
        labels: class of every image, int64.

    Raises:
        InputError: no image can be used.
    """

    def __init__(
        self,
        images: ImageSet,
        plan: Plan,
        seed: int,
        start: int,
        device: torch.device,
        balanced: bool = False,
        class_group: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self._images, self._plan, self._device = images, plan, device
        self.position, self.wait_sec = start, 0.0
        loaded = load_decoded(images, progress) if images.num_bytes <= MEMORY_BYTES else None
        self.labels = images.labels
        order: Order = (
            BalancedOrder(self.labels, seed) if balanced else EpochOrder(len(images), seed)
        )
        if class_group > 1:
            order = GroupedOrder(order, self.labels, class_group, seed)
        indices, on_gpu = own_indices(order, plan, start), device.type == "cuda"
        self._stream = None if loaded else Stream(images, indices, on_gpu)
        gathered = _gathered_ahead if on_gpu else _gathered
        self._batches = gathered(*loaded, indices) if loaded else iter(self._stream or ())

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """Name and reason of each file found broken so far, by any process of this feed."""
        return self._images.skipped

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        """Return the own rows, (n, C, H, W) float32 in [-1, 1] and (n,) int64, on the device.

        Raises:
            InputError: no image can be read any more.
            StopIteration: the feed is closed.
        """
        begin = time.perf_counter()
        pixels, labels = next(self._batches)
        on_device = from_uint8(pixels.to(self._device, non_blocking=True))
        labels = labels.to(self._device, non_blocking=True)
        self.position += self._plan(self.position)[0]
        self.wait_sec += time.perf_counter() - begin
        return on_device, labels

    def close(self) -> None:
        """End what works ahead, and wait until it is gone; nothing can be taken any more."""
        if self._stream is not None:
            self._stream.close()
        self._batches = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
