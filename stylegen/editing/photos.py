"""Photos as latents: read to a network's size, projected, and kept beside the photo.

A projection takes minutes, so its latents are kept in ``photo.jpg.<network>.npz``: 12 digits of
the network's digest, and within it the photo's SHA-256 and the settings. A changed photo, network
or setting is projected anew.

N photos, C channels, H height, W width.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from stylegen import configs
from stylegen.devices import precision_name
from stylegen.editing.latents import SHOWN_DIGITS, SUFFIX, Latents, network_digest, read_notes
from stylegen.editing.projection import photos as projection
from stylegen.editing.projection.config import ProjectionConfig
from stylegen.editing.projection.distances import PIXEL_WEIGHT, Distance
from stylegen.editing.projection.opening import open_distance
from stylegen.editing.projection.projecting import Report, project
from stylegen.editing.sampling import group_size
from stylegen.errors import InputError
from stylegen.images import ImageReadError, read_size
from stylegen.latents import class_index
from stylegen.networks import Discriminator, Generator

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_NOTE = "projection"
_NO_MATTER = ("group", "traced")  # settings that leave latents as they are


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


def cache_path(photo: Path, digest: str) -> Path:
    """Return where the latents of a photo are kept, for the network of a digest."""
    return photo.with_name(f"{photo.name}.{digest[:SHOWN_DIGITS]}{SUFFIX}")


def _note(photo: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Say what a projection was made of."""
    return {"photo": hashlib.sha256(_reading(photo, photo.read_bytes)).hexdigest(), **settings}


def _find(photo: Path, digest: str, note: dict[str, Any]) -> Latents | None:
    """Return the latents kept of a photo, unless it, the network or the settings have changed."""
    path = cache_path(photo, digest)
    if not path.exists():
        return None
    try:
        if read_notes(path).get(_NOTE) != note:
            return None
        latents = Latents.load(path)
    except (InputError, OSError) as error:
        _log.warning("%s is projected anew: %s", photo, error)
        return None
    return latents if latents.network == digest else None


def _keep(photo: Path, digest: str, note: dict[str, Any], latents: Latents) -> None:
    """Keep latents beside their photo; where that is refused, say so and go on."""
    try:
        latents.save(cache_path(photo, digest), {_NOTE: note})
    except (InputError, OSError) as error:
        _log.warning(
            "the latents of %s are not kept, next time they are made anew: %s", photo, error
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Projector:
    """What :func:`photo_projector` returns; its arguments, and the way to open the distance."""

    generator: Generator
    config: ProjectionConfig
    open_distance: Callable[[], Distance]
    class_name: str | int | None
    progress: Report | None
    cache: bool

    def settings(self, distance: Distance) -> dict[str, Any]:
        """Return what the latents depend on beside the photo and the network."""
        network = self.generator
        config = {k: v for k, v in configs.to_dict(self.config).items() if k not in _NO_MATTER}
        dtype, low_resolutions = network.synthesis.precision
        return {
            "config": config,
            "precision": [precision_name(dtype), low_resolutions],
            "distance": [distance.name, distance.digest, PIXEL_WEIGHT],
            "class": class_index(self.class_name, network.config.c_dim, network.class_names),
        }

    def _told(self, part: int, parts: int) -> Report | None:
        """Return what is told of the progress of one part among several."""
        tell = self.progress
        if tell is None:
            return None
        return lambda done, total, loss: tell(part * total + done, parts * total, loss)

    def _project(
        self, names: Sequence[str], images: Tensor, distance: Distance, told: Report | None
    ) -> Latents:
        return project(
            self.generator, images, distance, self.config,
            sources=names, class_name=self.class_name, progress=told,
        ).latents  # fmt: skip

    def _new(self, paths: Sequence[Path], distance: Distance) -> Iterator[tuple[Path, Latents]]:
        """Project photos in groups, all of them read before; yield each when its group is done."""
        images = [read_photo(path, self.generator) for path in paths]
        size = group_size(next(self.generator.parameters()).device, "const")
        firsts = range(0, len(paths), size)
        for number, first in enumerate(firsts):
            part, told = paths[first : first + size], self._told(number, len(firsts))
            pixels = torch.stack(images[first : first + size])
            found = self._project([path.name for path in part], pixels, distance, told)
            yield from zip(part, found, strict=True)

    def __call__(self, paths: Sequence[Path]) -> Latents:
        """Return the latents of photos, in their order: kept ones, or new ones."""
        digest, distance = network_digest(self.generator), self.open_distance()
        settings = self.settings(distance)
        notes = {path: _note(path, settings) for path in paths}
        kept = {path: _find(path, digest, notes[path]) for path in notes} if self.cache else {}
        found = {path: latents for path, latents in kept.items() if latents is not None}
        missing = [path for path in notes if path not in found]
        for path, latents in self._new(missing, distance):
            found[path] = latents
            if self.cache:
                _keep(path, digest, notes[path], latents)
        return Latents.join([found[path] for path in paths])


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
