"""Photos as latents: read to a network's size, projected, and kept beside the photo.

What is kept is shared with ``stylegen project``: see :mod:`stylegen.editing.projection.keeping`.

N photos, C channels, H height, W width.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from stylegen.editing.latents import Latents
from stylegen.editing.projection import photos as projection
from stylegen.editing.projection.config import ProjectionConfig
from stylegen.editing.projection.distances import Distance
from stylegen.editing.projection.keeping import about_latents, find_kept, keep
from stylegen.editing.projection.opening import open_distance
from stylegen.editing.projection.projecting import Report, project
from stylegen.editing.projection.states import Known
from stylegen.editing.sampling import group_size
from stylegen.errors import InputError
from stylegen.images import ImageReadError, read_size
from stylegen.latents import class_index
from stylegen.networks import Discriminator, Generator

_T = TypeVar("_T")


def check_photo(path: Path) -> None:
    """Make sure that a file begins as an image does.

    Raises:
        InputError: it is missing, or no image.
    """
    _reading(path, lambda: read_size(path))


def _reading(path: Path, read: Callable[[], _T]) -> _T:
    """Read, and name the file in what goes wrong."""
    try:
        return read()
    except ImageReadError as error:
        raise InputError(f"{path} cannot be read as a picture: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}") from error


def read_photo(path: str | Path, generator: Generator) -> Tensor:
    """Read a photo as a network draws: upright, centre-cropped, resized, in its channels.

    Args:
        path: an image file.
        generator: whose height, width and channels to take.

    Returns:
        (C, H, W) uint8.

    Raises:
        InputError: the file is missing or no image, or the network draws no pictures (more than
            four channels).
    """
    channels = generator.config.img_channels
    if channels > 4:
        raise InputError(f"{path}: photos have 1 to 4 channels, but this network draws {channels}")
    return projection.read_photo(path, generator.config).target


@dataclass(frozen=True, kw_only=True, eq=False)
class _Projector:
    """What :func:`photo_projector` returns; its arguments, and the way to open the distance."""

    generator: Generator
    config: ProjectionConfig
    open_distance: Callable[[], Distance]
    class_name: str | int | None
    progress: Report | None
    cache: bool

    def _told(self, part: int, parts: int) -> Report | None:
        """Return what is told of the progress of one part among several."""
        tell = self.progress
        if tell is None:
            return None
        return lambda done, total, loss: tell(part * total + done, parts * total, loss)

    def _new(
        self, targets: Mapping[Path, Tensor], distance: Distance
    ) -> Iterator[tuple[Path, Known]]:
        """Project photos in groups; yield each when its group is done."""
        size = group_size(next(self.generator.parameters()).device, "const")
        paths, firsts = list(targets), range(0, len(targets), size)
        for number, first in enumerate(firsts):
            part = paths[first : first + size]
            found = project(
                self.generator, torch.stack([targets[path] for path in part]), distance,
                self.config, sources=[path.name for path in part], class_name=self.class_name,
                progress=self._told(number, len(firsts)),
            )  # fmt: skip
            for i, path in enumerate(part):
                yield path, found.as_known(i)

    def _about(self, distance: Distance) -> dict[str, Any]:
        network = self.generator
        chosen = class_index(self.class_name, network.config.c_dim, network.class_names)
        return about_latents(network, distance, self.config, chosen)

    def __call__(self, paths: Sequence[Path]) -> Latents:
        """Return the latents of photos, in their order: kept ones, or new ones."""
        distance = self.open_distance()
        about = self._about(distance)
        targets = {path: read_photo(path, self.generator) for path in paths}
        found = {}
        if self.cache:
            kept = {path: find_kept(path, target, about) for path, target in targets.items()}
            found = {path: known for path, known in kept.items() if known is not None}
        missing = {path: target for path, target in targets.items() if path not in found}
        for path, known in self._new(missing, distance):
            found[path] = known
            if self.cache:
                keep(path, targets[path], about, known)
        return Latents.join([found[path].latents for path in paths])


def photo_projector(
    generator: Generator,
    discriminator: Discriminator | None = None,
    *,
    config: ProjectionConfig | None = None,
    distance: str = "discriminator",
    weights: str | Path | None = None,
    class_name: str | int | None = None,
    progress: Report | None = None,
    cache: bool = True,
) -> Callable[[Sequence[Path]], Latents]:
    """Return what turns photos into latents for :func:`stylegen.editing.sources.resolve`.

    Args:
        generator: the network.
        discriminator: of the same snapshot, if the distance is its own.
        config: how to project; None: as by default, without maps of noise, which latents do not
            hold.
        distance: see :func:`stylegen.editing.projection.open_distance`.
        weights: the distance's weights file, if it has one.
        class_name: the photos' class, for conditional networks.
        progress: handed to :func:`stylegen.editing.projection.project`.
        cache: keep latents beside the photos, and take those kept there.

    Returns:
        A callable that takes paths and returns their latents in that order. Each photo is
        kept as soon as it is projected. Its InputError says which file is no image.
    """
    device = next(generator.parameters()).device
    return _Projector(
        generator=generator,
        config=config or ProjectionConfig(noise_maps="stored"),
        open_distance=lambda: open_distance(
            distance, discriminator=discriminator, weights=weights, device=device
        ),
        class_name=class_name,
        progress=progress,
        cache=cache,
    )
