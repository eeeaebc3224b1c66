"""Directions from labelled samples: of labels that someone gave, or of classes.

N samples, L number of layers that take a w, D width of w.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylegen.editing.directions.boundary import accuracy_along, fit_boundary
from stylegen.editing.directions.config import DEFAULT_BOUNDARY, BoundaryConfig
from stylegen.editing.directions.direction import ORTHOGONAL, Direction
from stylegen.editing.directions.labels import part_labels
from stylegen.editing.directions.orthogonal import orthogonal
from stylegen.editing.directions.spread import Spread, measure_spread
from stylegen.editing.latents import latents_digest
from stylegen.editing.sampling import sample_w
from stylegen.editing.sources import PhotoProjector, Source, resolve_groups
from stylegen.errors import InputError
from stylegen.latents import class_index
from stylegen.networks import Generator


def between(
    generator: Generator,
    w: Tensor,
    labels: Tensor,
    name: str,
    *,
    layers: Sequence[int] | None,
    orthogonal_to: Sequence[Direction],
    config: BoundaryConfig,
    spread: Spread | None,
    normals: Sequence[Tensor] = (),
) -> Direction:
    """Return the direction from samples whose label is False to those whose label is True.

    Args:
        generator: the network.
        w: (N, D).
        labels: (N,) bool.
        name: the direction's.
        layers: as the rest but normals, see :func:`from_labels`.
        orthogonal_to: likewise.
        config: likewise.
        spread: likewise.
        normals: matrices (K, D) of more that the direction is orthogonal to.

    Raises:
        InputError: see :func:`from_labels`.
    """
    num_ws, method = generator.config.num_ws, str(config.method)
    for other in orthogonal_to:
        other.check(generator)
    others = [other.normals(num_ws) for other in orthogonal_to] + [*normals]
    boundary = fit_boundary(w, labels, config)
    spread = spread or measure_spread(generator)
    vector, accuracy, normal = boundary.normal, boundary.accuracy, None
    if others:
        vector, method = orthogonal(vector, torch.cat(others), spread), method + ORTHOGONAL
        accuracy, normal = accuracy_along(w, labels, vector, config), boundary.normal.float()
    return Direction(
        vector=vector.float(),
        layers=tuple(range(num_ws) if layers is None else layers),
        name=name,
        network=latents_digest(generator),
        method=method,
        unit=spread.along(vector[None]),
        explained_variance=spread.share(vector),
        accuracy=accuracy,
        normal=normal,
    )


def from_labels(
    generator: Generator,
    sources: Sequence[Source],
    labels: Sequence[str],
    *,
    to: str | None = None,
    away: str | None = None,
    class_name: str | int | None = None,
    layers: Sequence[int] | None = None,
    orthogonal_to: Sequence[Direction] = (),
    config: BoundaryConfig = DEFAULT_BOUNDARY,
    spread: Spread | None = None,
    photos: PhotoProjector | None = None,
) -> Direction:
    """Find the direction that parts images by labels that someone gave them.

    Of latents that differ from layer to layer, the mean over the layers that the direction moves
    counts.

    Args:
        generator: from :func:`stylegen.load`.
        sources: N seeds, files or latents; all that a file holds has its label.
        labels: N; see :func:`~stylegen.editing.directions.labels.part_labels` for how they are
            parted.
        to: label that the direction leads to.
        away: label that it leads away from; None: all others.
        class_name: class of all seeds; None: for conditional networks, each seed modulo the
            number of classes.
        layers: that the direction moves; None: all.
        orthogonal_to: directions of this network's shape to leave alone: w does not move along
            them, or for those that are orthogonal to others themselves, along the normal of their
            boundary; see :mod:`stylegen.editing.directions.orthogonal`.
        config: how the boundary is found.
        spread: of w, for the unit; None: measured.
        photos: projects photos; see :func:`~stylegen.editing.sources.photo_projector`.

    Raises:
        InputError: labels cannot be parted, a source or a direction does not fit the network, one
            side has fewer than 10 samples, nothing is left that is orthogonal to all directions, or
            one of these comes from an older file without its boundary's normal.
    """
    if len(sources) != len(labels):
        raise InputError(f"{len(sources)} sources have {len(labels)} labels; wanted one each")
    kept, is_high = part_labels(labels, to, away)
    groups = resolve_groups(
        generator, [sources[i] for i in kept.tolist()], class_name=class_name, photos=photos
    )
    w = torch.cat([group.w for group in groups]).double()
    w = w[:, list(range(w.shape[1]) if layers is None else layers)].mean(1)
    is_high = is_high.repeat_interleave(torch.tensor([len(group) for group in groups]))
    return between(
        generator, w, is_high, to or "labels",
        layers=layers, orthogonal_to=orthogonal_to, config=config, spread=spread,
    )  # fmt: skip


def from_classes(
    generator: Generator,
    to: str | int,
    away: str | int | None = None,
    *,
    layers: Sequence[int] | None = None,
    orthogonal_to: Sequence[Direction] = (),
    config: BoundaryConfig = DEFAULT_BOUNDARY,
    spread: Spread | None = None,
) -> Direction:
    """Find the direction from one class of a conditional network to another.

    Args:
        generator: a conditional network.
        to: class that it leads to, by name or number.
        away: class that it leads away from; None: all others.
        layers: as the rest, see :func:`from_labels`.
        orthogonal_to: likewise.
        config: likewise.
        spread: likewise.

    Raises:
        InputError: the network has no classes, or no such class.
    """
    c_dim, names = generator.config.c_dim, generator.class_names
    high = class_index(to, c_dim, names)
    low = class_index(away, c_dim, names)
    if low == high:
        raise InputError(f"the direction cannot lead from class {to!r} to itself")
    others = [i for i in range(c_dim) if i != high] if low is None else [low]
    if not others:
        raise InputError("this network has one class: no direction leads to it from others")
    count = config.samples // 2
    towards = sample_w(generator, count, config.seed, high)
    each = -(-count // len(others))
    parts = [sample_w(generator, each, config.seed + 1 + i, c) for i, c in enumerate(others)]
    w = torch.cat([towards, *parts])
    labels = torch.arange(len(w)) < count
    return between(
        generator, w, labels, str(to),
        layers=layers, orthogonal_to=orthogonal_to, config=config, spread=spread,
    )  # fmt: skip
