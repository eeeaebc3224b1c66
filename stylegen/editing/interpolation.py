"""Walks through latents: smooth ways from one to the next, to be drawn as the frames of a video.

A walk passes through its points exactly: the frame of a seed is the image that ``generate`` draws
for it. The noise is the same in all frames, so that nothing flickers.

K points, F frames, C channels, H height, W width, L number of layers that take a w, D width of w.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.editing import paths
from stylegen.editing.latents import Latents
from stylegen.editing.routes import Route, route_in_w, route_in_z
from stylegen.editing.sampling import GROUP, draw
from stylegen.editing.sources import PhotoProjector, Source, flatten, resolve
from stylegen.editing.speed import ImageDistance, Progress, piece_lengths
from stylegen.editing.walk_config import StillNoise, WalkConfig
from stylegen.errors import InputError
from stylegen.images import make_grid
from stylegen.networks import Generator

_SAMPLES_OF_A_FRAME = 2  # images that lengths are measured with
_FEWEST_SAMPLES = 16  # of a segment


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """The frames of a walk, as latents.

    Attributes:
        ws: (F, L, D) float32, on the CPU.
        keys: the frames that are the points themselves.
        sources: K texts for people: what each point is.
    """

    ws: Tensor
    keys: tuple[int, ...]
    sources: tuple[str, ...]


def _walk(
    generator: Generator,
    route: Route,
    config: WalkConfig,
    distance: ImageDistance | None,
    noise: StillNoise,
    progress: Progress | None,
) -> Walk:
    """Lay the frames on a route."""
    closed, pieces = config.is_closed, None
    segments = len(route.sources) - (0 if closed else 1)
    if config.constant_speed and distance is not None:
        samples = max(_FEWEST_SAMPLES, -(-_SAMPLES_OF_A_FRAME * config.frames // segments))
        pieces = piece_lengths(generator, route.at, segments, samples, distance, noise, progress)
    lengths = [1.0] * segments if pieces is None else pieces.sum(dim=1).tolist()
    steps = paths.share_steps(lengths, config.frames if closed else config.frames - 1)
    return Walk(
        ws=route.at(paths.frame_times(steps, closed, pieces)),
        keys=paths.key_frames(steps, closed),
        sources=route.sources,
    )


def only_seeds(through: Source | Sequence[Source]) -> list[int]:
    """Return sources that must all be seeds, as walks in z need them.

    Raises:
        InputError: one is a file or a latent.
    """
    seeds = []
    for source in flatten(through):
        if not isinstance(source, int):
            name = ", ".join(source.sources[:3]) if isinstance(source, Latents) else source
            raise InputError(
                f"a walk in z goes from seed to seed, but {name} has only a w: take space w"
            )
        seeds.append(source)
    return seeds


def interpolate(
    generator: Generator,
    through: Source | Sequence[Source],
    config: WalkConfig | None = None,
    *,
    psi: float = 1.0,
    cutoff: int | None = None,
    class_name: str | int | None = None,
    photos: PhotoProjector | None = None,
    distance: ImageDistance | None = None,
    noise: StillNoise = "const",
    progress: Progress | None = None,
) -> list[Walk]:
    """Walk through latents.

    Args:
        generator: from :func:`stylegen.load`.
        through: the points: seeds, latent files, photos, latents; see
            :func:`~stylegen.editing.sources.resolve`. In z, seeds.
        config: how; None: the defaults of :class:`WalkConfig`.
        psi: truncation of all points, before any sweep.
        cutoff: number of layers that it acts on, from the first; None: all.
        class_name: class of all seeds; None: for conditional networks, seed modulo the number of
            classes, and in z the walk passes from class to class.
        photos: projects photos; see :func:`~stylegen.editing.sources.photo_projector`.
        distance: between images, for constant speed.
        noise: of the images, for constant speed.
        progress: is told (images measured, in all) of each walk, for constant speed.

    Returns:
        The walks; one, unless the configuration asks for more.

    Raises:
        InputError: there are too few points or frames, a point, class or layer is not as named,
            or a distance is missing.
    """
    config = WalkConfig() if config is None else config
    if config.constant_speed and distance is None:
        raise InputError("constant speed needs a distance between images, but there is none")
    points: Latents | list[int]
    if config.space == "z":
        points = only_seeds(through)
    else:
        points = resolve(
            generator, through, psi=psi, cutoff=cutoff, class_name=class_name, photos=photos
        )
    each, routes = config.points_of_each(len(points)), []
    for i in range(0, len(points), each):
        part = points[i : i + each]
        if isinstance(part, Latents):
            routes.append(route_in_w(generator, part, config))
        else:
            routes.append(route_in_z(generator, part, config, psi, cutoff, class_name))
    return [_walk(generator, route, config, distance, noise, progress) for route in routes]


def walk_frames(
    generator: Generator,
    walks: Sequence[Walk],
    columns: int = 1,
    noise: StillNoise = "const",
) -> Iterator[Tensor]:
    """Draw the frames of walks, those of several side by side.

    Args:
        generator: as for :func:`interpolate`.
        walks: of equally many frames.
        columns: walks in a row.
        noise: the stored noise, or none.

    Yields:
        (C, H', W') uint8 on the CPU; one walk's images as ``generate`` draws them.
    """
    device = next(generator.parameters()).device
    for first in range(0, len(walks[0].ws), GROUP):
        drawn = [draw(generator, w.ws[first : first + GROUP].to(device), noise) for w in walks]
        for images in torch.stack(drawn, dim=1):
            yield make_grid(images, columns) if len(walks) > 1 else images[0]
