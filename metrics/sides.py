"""The sides of an evaluation, each as a stream of uint8 batches; folders and zips of images.

What is streamed is known image by image afterwards: its name, its class, and the image itself, for
galleries. Sides that are drawn stand in :mod:`stylegen.metrics.sides_drawn`.

N images, C channels, H height, W width in pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from stylegen.data import DataConfig, ImageSet
from stylegen.data.sizes import size_text
from stylegen.data.threads import in_chunks
from stylegen.images import ImageReadError
from stylegen.metrics.reading import Reading

SHOWN = 32


class Shown(NamedTuple):
    """Images of a side for a report's reader.

    Attributes:
        images: (n, C, H, W) uint8, on the CPU.
        labels: what each is: a seed or a file's name.
        about: how they were chosen.
    """

    images: Tensor
    labels: list[str]
    about: str


def size_as_written(size: tuple[int, int]) -> int | str:
    """Return a square's side, or a size as users write it."""
    width, height = size
    return width if width == height else size_text(width, height)


class Side(Protocol):
    """One side of an evaluation.

    Attributes:
        size: (W, H).
        channels: C.
        count: N, as far as is known before reading.
        class_names: of its classes; () where there are none.
    """

    size: tuple[int, int]
    channels: int
    count: int
    class_names: tuple[str, ...]

    def batches(self) -> Iterator[Tensor]:
        """Yield uint8 batches (n, C, H, W), the same ones each time."""
        ...

    def names(self) -> list[str]:
        """Return what each streamed image is; known once all have been streamed."""
        ...

    def labels(self) -> Tensor | None:
        """Return the class of each streamed image, (N,) int64; None: there are no classes."""
        ...

    def picked(self, indices: Sequence[int]) -> Tensor:
        """Return some of the streamed images again, (n, C, H, W) uint8 on the CPU."""
        ...

    def shown(self) -> Shown:
        """Return some images, not chosen by their looks."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return where the images come from, as plain values."""
        ...


def chosen_names(names: tuple[str, ...], most: int | None, seed: int) -> tuple[str, ...]:
    """Return at most so many of a set's names, chosen by a seed, in their order."""
    if most is None or most >= len(names):
        return names
    order = np.random.RandomState(seed).permutation(len(names))[:most]
    return tuple(names[i] for i in sorted(order))


def _decoded(images: ImageSet, names: tuple[str, ...]) -> list[Tensor]:
    decoded = []
    for name in names:
        try:
            decoded.append(images.decode(name))
        except ImageReadError as error:
            images.skip(name, str(error))
    return decoded


def decoded_batches(images: ImageSet, names: tuple[str, ...], size: int) -> Iterator[Tensor]:
    """Decode files in threads, in order; broken ones are left out and noted in the set.

    Yields:
        uint8 (n, C, H, W), n of ``size`` but for the last.
    """
    waiting: list[Tensor] = []
    for chunk in in_chunks(lambda r: _decoded(images, names[r.start : r.stop]), len(names)):
        waiting += chunk
        while len(waiting) >= size:
            yield torch.stack(waiting[:size])
            waiting = waiting[size:]
    if waiting:
        yield torch.stack(waiting)


def reading_of_side(side: Side) -> Reading:
    """Return how a side's images are read."""
    width, height = side.size
    drawn = Reading(width=width, height=height, channels=side.channels)
    if not isinstance(side, ImagesSide):
        return drawn
    read = side.images.config
    filter = None if read.resolution is None else read.filter
    return replace(drawn, filter=filter, background=read.background)


class ImagesSide:
    """Images of a folder or zip, at most so many of them.

    Args:
        images: the set.
        batch: images at a time.
        most: take at most so many; None: all.
        seed: of the choice.
    """

    def __init__(self, images: ImageSet, batch: int, most: int | None = None, seed: int = 0):
        self.images = images
        self.batch = batch
        self.size = images.width, images.height
        self.channels = images.channels
        self.chosen = chosen_names(images.names, most, seed)
        self.count = len(self.chosen)
        self.available = len(images.names)
        self.class_names = images.class_names

    def batches(self) -> Iterator[Tensor]:
        """Decode the images in threads, in order; broken ones are left out and noted."""
        return decoded_batches(self.images, self.chosen, self.batch)

    def names(self) -> list[str]:
        """Return the names of the files that are not broken."""
        broken = {name for name, _ in self.images.skipped}
        return [name for name in self.chosen if name not in broken]

    def labels(self) -> Tensor | None:
        """Return the class of each file that is not broken."""
        if not self.class_names:
            return None
        known = dict(zip(self.images.names, self.images.labels.tolist(), strict=True))
        return torch.tensor([known[name] for name in self.names()], dtype=torch.int64)

    def picked(self, indices: Sequence[int]) -> Tensor:
        """Decode these images again."""
        names = self.names()
        return torch.stack([self.images.decode(names[i]) for i in indices])

    def shown(self) -> Shown:
        """Return images evenly spaced through those not known to be broken."""
        usable = self.names()
        n = min(SHOWN, len(usable))
        chosen = [i * len(usable) // n for i in range(n)]
        about = f"{n} of {len(usable):,} images, evenly spaced in order of name."
        return Shown(self.picked(chosen), [usable[i] for i in chosen], about)

    def facts(self) -> dict[str, Any]:
        """Return the set's digest, how it was read, and what could not be."""
        read = self.images.config
        return {
            "kind": "images",
            "path": read.path,
            "sha256": self.images.digest,
            "images_in_set": self.available,
            "skipped": [{"name": n, "reason": r} for n, r in self.images.skipped],
            "resolution_px": size_as_written(self.size),
            "channels": self.channels,
            "resize": _resize_words(read),
            "background": read.background,
        }


def _resize_words(read: DataConfig) -> str:
    if read.resolution is None:
        return "none: the images have this size"
    return f"centre crop and {read.filter}, where the size differs"
