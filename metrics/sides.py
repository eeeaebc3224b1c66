"""The sides of an evaluation: a snapshot, a folder or a zip, each as a stream of uint8 batches.

N images, C channels, H height, W width in pixels.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from stylegen.checkpoints import SUFFIX, load, read_info
from stylegen.data import DataConfig, ImageSet, open_images
from stylegen.data.sizes import Resolution, resolution_of, size_of, size_text
from stylegen.data.threads import in_chunks
from stylegen.errors import InputError
from stylegen.images import ImageReadError
from stylegen.latents import seeds_to_z
from stylegen.metrics.config import EvaluateConfig
from stylegen.metrics.drawing import draw, draw_images
from stylegen.networks import Generator
from stylegen.perceptual.weights import file_digest

log = logging.getLogger(__name__)

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


def _as_written(size: tuple[int, int]) -> int | str:
    """Return a square's side, or a size as users write it."""
    width, height = size
    return width if width == height else size_text(width, height)


class Side(Protocol):
    """One side of an evaluation.

    Attributes:
        size: (W, H).
        channels: C.
        count: N, as far as is known before reading.
    """

    size: tuple[int, int]
    channels: int
    count: int

    def batches(self) -> Iterator[Tensor]:
        """Yield uint8 batches (n, C, H, W), the same ones each time."""
        ...

    def shown(self) -> Shown:
        """Return some images, not chosen by their looks."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return where the images come from, as plain values."""
        ...


class SnapshotSide:
    """Images drawn from a snapshot's generator."""

    def __init__(self, path: str, config: EvaluateConfig, device: torch.device) -> None:
        self.path = path
        self.config = config
        self.info = read_info(path)
        self.generator: Generator = load(path, device)
        drawn = self.generator.config
        self.size = drawn.width, drawn.height
        self.channels = drawn.img_channels
        self.count = config.samples

    def batches(self) -> Iterator[Tensor]:
        """Draw the samples."""
        config = self.config
        return draw_images(
            self.generator, self.count, config.batch, config.seed, config.psi, config.noise
        )

    def shown(self) -> Shown:
        """Draw seeds 0 to 31, classes in turn, with the stored noise: the same in all reports."""
        z = seeds_to_z(range(SHOWN), self.generator.config.z_dim)
        classes = torch.arange(SHOWN) % max(self.generator.config.c_dim, 1)
        names = self.info.class_names
        labels = [f"seed {i}" for i in range(SHOWN)]
        if names:
            labels = [f"seed {i}, {names[c]}" for i, c in enumerate(classes.tolist())]
        size = self.config.batch
        images = [
            draw(self.generator, z[i : i + size], classes[i : i + size], self.config.psi, "const")
            for i in range(0, SHOWN, size)
        ]
        psi = self.config.psi
        about = f"Seeds 0 to {SHOWN - 1} at psi {psi:g} with the stored noise; not selected."
        return Shown(torch.cat(images).cpu(), labels, about)

    def facts(self) -> dict[str, Any]:
        """Return the snapshot's digest and what it says of itself."""
        return {
            "kind": "snapshot",
            "path": self.path,
            "sha256": file_digest(self.path),
            "resolution_px": _as_written(self.size),
            "channels": self.channels,
            "classes": self.generator.config.c_dim,
            "kimg": self.info.kimg,
            "provenance": self.info.provenance,
        }


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


class ImagesSide:
    """Images of a folder or zip, at most so many of them."""

    def __init__(self, images: ImageSet, config: EvaluateConfig) -> None:
        self.images = images
        self.config = config
        self.size = images.width, images.height
        self.channels = images.channels
        self.names = chosen_names(images.names, config.max_images, config.seed)
        self.count = len(self.names)
        self.available = len(images.names)

    def batches(self) -> Iterator[Tensor]:
        """Decode the images in threads, in order; broken ones are left out and noted."""
        return decoded_batches(self.images, self.names, self.config.batch)

    def shown(self) -> Shown:
        """Return images evenly spaced through those not known to be broken."""
        broken = {name for name, _ in self.images.skipped}
        usable = [name for name in self.names if name not in broken]
        n = min(SHOWN, len(usable))
        names = [usable[i * len(usable) // n] for i in range(n)]
        images = torch.stack([self.images.decode(name) for name in names])
        about = f"{n} of {len(usable):,} images, evenly spaced in order of name."
        return Shown(images, names, about)

    def facts(self) -> dict[str, Any]:
        """Return the set's digest, how it was read, and what could not be."""
        read = self.images.config
        return {
            "kind": "images",
            "path": read.path,
            "sha256": self.images.digest,
            "images_in_set": self.available,
            "skipped": [{"name": n, "reason": r} for n, r in self.images.skipped],
            "resolution_px": _as_written(self.size),
            "channels": self.channels,
            "resize": _resize_words(read),
            "background": read.background,
        }


def _resize_words(read: DataConfig) -> str:
    if read.resolution is None:
        return "none: the images have this size"
    return f"centre crop and {read.filter}, where the size differs"


def is_snapshot(path: str) -> bool:
    """Tell whether a path names a snapshot rather than a folder or zip of images."""
    return Path(path).suffix == SUFFIX and not Path(path).is_dir()


def _open_set(
    path: str, config: EvaluateConfig, resolution: Resolution | None, channels: int
) -> ImagesSide:
    images = open_images(
        DataConfig(
            path=path,
            resolution=resolution,
            channels=channels,
            background=config.background,
            filter=config.filter,
        )
    )
    return ImagesSide(images, config)


def _open_snapshots(
    paths: list[str], config: EvaluateConfig, device: torch.device
) -> dict[str, SnapshotSide]:
    sides = {p: SnapshotSide(p, config, device) for p in paths if is_snapshot(p)}
    for path, side in sides.items():
        if config.resolution is not None and size_of(config.resolution) != side.size:
            raise InputError(
                f"{path} draws {size_text(*side.size)} px, not "
                f"{size_text(*size_of(config.resolution))}: leave out --resolution, and the other "
                "side is read at the snapshot's size"
            )
        if side.channels not in (1, 3):
            raise InputError(
                f"{path} draws {side.channels} channels; feature networks take 1 or 3, "
                "so save its samples composited on a background and evaluate that folder"
            )
    return sides


def open_sides(config: EvaluateConfig, device: torch.device) -> tuple[Side, Side]:
    """Open both sides; a folder or zip is read at a snapshot's size and channels.

    Args:
        config: names the sides.
        device: where snapshots draw.

    Raises:
        InputError: a side cannot be opened, or they differ in size and no size is named.
    """
    paths = [config.a, config.against]
    sides: dict[str, Side] = dict(_open_snapshots(paths, config, device))
    drawn = list(sides.values())
    resolution = resolution_of(*drawn[0].size) if drawn else config.resolution
    channels = drawn[0].channels if drawn else 3
    for path in paths:
        if path not in sides:
            sides[path] = _open_set(path, config, resolution, channels)
    a, against = sides[config.a], sides[config.against]
    if a.size != against.size:
        raise InputError(
            f"{config.a} has {size_text(*a.size)} px and {config.against} "
            f"{size_text(*against.size)}: images of different sizes cannot be compared; name one "
            "for folders and zips with --resolution"
        )
    return a, against
