"""Sides that are drawn: by a snapshot's generator, or by a function.

N images, C channels, H height, W width in pixels.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from stylegen.checkpoints import load, read_info
from stylegen.errors import InputError
from stylegen.images import to_uint8
from stylegen.latents import one_hot, seeds_to_z
from stylegen.metrics.drawing import device_of, draw, draw_images, drawn_classes
from stylegen.metrics.sides import SHOWN, Shown, size_as_written
from stylegen.networks import Generator
from stylegen.perceptual.weights import file_digest


class Drawing(NamedTuple):
    """How a snapshot's images are drawn.

    Attributes:
        samples: N.
        batch: images at a time.
        seed: of latents, classes and layer noise.
        psi: truncation.
        noise: layer noise, drawn anew or the stored one.
        labels: (M,) int64, classes to draw from; None: all alike.
    """

    samples: int
    batch: int
    seed: int
    psi: float
    noise: Literal["random", "const"]
    labels: Tensor | None = None


class SnapshotSide:
    """Images drawn from a snapshot's generator.

    Args:
        path: of the snapshot.
        drawing: how they are drawn.
        device: where.
    """

    def __init__(self, path: str, drawing: Drawing, device: torch.device) -> None:
        self.path = path
        self.drawing = drawing
        self.info = read_info(path)
        self.generator: Generator = load(path, device)
        drawn = self.generator.config
        self.size = drawn.width, drawn.height
        self.channels = drawn.img_channels
        self.count = drawing.samples
        known = self.info.class_names or tuple(str(i) for i in range(drawn.c_dim))
        self.class_names = known if drawn.c_dim else ()

    def at(self, psi: float, samples: int) -> "SnapshotSide":
        """Return the same network's side at another truncation, of so many samples."""
        other = copy.copy(self)
        other.drawing = self.drawing._replace(psi=psi, samples=samples)
        other.count = samples
        return other

    def batches(self) -> Iterator[Tensor]:
        """Draw the samples."""
        return self._drawn()

    def _drawn(self, only: frozenset[int] | None = None) -> Iterator[Tensor]:
        how = self.drawing
        return draw_images(
            self.generator, how.samples, how.batch, how.seed, how.psi, how.noise,
            labels=how.labels, only=only,
        )  # fmt: skip

    def names(self) -> list[str]:
        """Number the samples."""
        return [f"sample {i}" for i in range(self.count)]

    def labels(self) -> Tensor | None:
        """Return the class that each sample was drawn in."""
        how = self.drawing
        if not self.class_names:
            return None
        return drawn_classes(self.generator, how.samples, how.batch, how.seed, how.labels)

    def picked(self, indices: Sequence[int]) -> Tensor:
        """Draw the batches again that these samples are in."""
        size = self.drawing.batch
        numbers = sorted({i // size for i in indices})
        found = dict(zip(numbers, self._drawn(frozenset(numbers)), strict=True))
        return torch.stack([found[i // size][i % size].cpu() for i in indices])

    def seeds(self, classes: Tensor, count: int, psi: float) -> Tensor:
        """Draw seeds 0, 1, ... in given classes (count,), with the stored noise; on the CPU."""
        z = seeds_to_z(range(count), self.generator.config.z_dim)
        size = self.drawing.batch
        images = [
            draw(self.generator, z[i : i + size], classes[i : i + size], psi, "const").cpu()
            for i in range(0, count, size)
        ]
        return torch.cat(images)

    @torch.inference_mode()
    def walk(self, first: int, last: int, steps: int) -> Tensor:
        """Draw a straight walk in w from one seed to another, with the stored noise; on the CPU."""
        config = self.generator.config
        z = seeds_to_z([first, last], config.z_dim).to(device_of(self.generator))
        c = one_hot(torch.zeros(2, dtype=torch.int64), config.c_dim)
        w = self.generator.mapping(z, None if c is None else c.to(z.device))
        parts = torch.linspace(0, 1, steps, device=w.device)[:, None, None]
        return to_uint8(
            self.generator.synthesis(torch.lerp(w[:1], w[1:], parts), noise="const")
        ).cpu()

    def shown(self) -> Shown:
        """Draw seeds 0 to 31, classes in turn, with the stored noise: the same in all reports."""
        classes = torch.arange(SHOWN) % max(self.generator.config.c_dim, 1)
        names, psi = self.class_names, self.drawing.psi
        labels = [f"seed {i}" for i in range(SHOWN)]
        if names:
            labels = [f"seed {i}, {names[c]}" for i, c in enumerate(classes.tolist())]
        about = f"Seeds 0 to {SHOWN - 1} at psi {psi:g} with the stored noise; not selected."
        return Shown(self.seeds(classes, SHOWN, psi), labels, about)

    def facts(self) -> dict[str, Any]:
        """Return the snapshot's digest and what it says of itself."""
        return {
            "kind": "snapshot",
            "path": self.path,
            "sha256": file_digest(self.path),
            "resolution_px": size_as_written(self.size),
            "channels": self.channels,
            "classes": self.generator.config.c_dim,
            "kimg": self.info.kimg,
            "provenance": self.info.provenance,
        }


class FunctionSide:
    """Images that a function draws: given the number of the first and how many, uint8.

    Args:
        function: of (first, count); the same images for the same numbers, (count, C, H, W).
        count: N.
        batch: images at a time.

    Raises:
        InputError: it draws something else.
    """

    class_names: tuple[str, ...] = ()

    def __init__(self, function: Callable[[int, int], Tensor], count: int, batch: int) -> None:
        self.function, self.count, self.batch = function, count, batch
        first = self._draw(0, 1)
        self.channels = first.shape[1]
        self.size = first.shape[3], first.shape[2]

    def _draw(self, first: int, count: int) -> Tensor:
        images = self.function(first, count)
        if (
            not isinstance(images, Tensor)
            or images.dtype != torch.uint8
            or images.ndim != 4
            or len(images) != count
        ):
            found = (
                f"{images.dtype} of shape {tuple(images.shape)}"
                if isinstance(images, Tensor)
                else f"a {type(images).__name__}"
            )
            raise InputError(
                f"a function that draws the images {first} to {first + count - 1} should return "
                f"a uint8 tensor ({count}, C, H, W), not {found}"
            )
        return images

    def batches(self) -> Iterator[Tensor]:
        """Call the function for all images."""
        for i in range(0, self.count, self.batch):
            yield self._draw(i, min(self.batch, self.count - i))

    def names(self) -> list[str]:
        """Number the images."""
        return [f"image {i}" for i in range(self.count)]

    def labels(self) -> Tensor | None:
        """Know no classes."""
        return None

    def picked(self, indices: Sequence[int]) -> Tensor:
        """Draw these images again."""
        return torch.cat([self._draw(i, 1).cpu() for i in indices])

    def shown(self) -> Shown:
        """Return the first images."""
        n = min(SHOWN, self.count)
        return Shown(self._draw(0, n).cpu(), self.names()[:n], f"The first {n} images.")

    def facts(self) -> dict[str, Any]:
        """Return the function's name."""
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return {
            "kind": "function",
            "path": name,
            "resolution_px": size_as_written(self.size),
            "channels": self.channels,
        }
