"""Directions from labelled samples: by seed from a table, from classes, from the faces' factors.

N samples, L number of layers that take a w, D width of w.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from stylegen.editing.directions.boundary import fit_boundary
from stylegen.editing.directions.config import DEFAULT_BOUNDARY, BoundaryConfig
from stylegen.editing.directions.direction import Direction
from stylegen.editing.directions.reading import Factor, FactorReader
from stylegen.editing.directions.spread import Spread, measure_spread
from stylegen.editing.latents import network_digest
from stylegen.editing.sampling import draw, sample_w, seeds_to_ws
from stylegen.errors import InputError
from stylegen.latents import class_index
from stylegen.networks import Generator

_GROUP = 250  # images that are drawn and read at once


def read_labels(path: str | os.PathLike[str]) -> tuple[list[int], list[str]]:
    """Read a table of seeds and labels: lines such as ``85,smiling``; a heading is allowed.

    Returns:
        The seeds and their labels.

    Raises:
        InputError: the file is missing, or a line has another form, or there is none.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"{path} is no file; wanted a table of seed,label") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no table of seed,label in UTF-8: {error}") from error
    if rows and not rows[0][0].strip().isdecimal():
        rows = rows[1:]
    for number, row in enumerate(rows, 1):
        if len(row) != 2 or not row[0].strip().isdecimal() or not row[1].strip():
            raise InputError(f"{path}: entry {number} is {','.join(row)!r}; wanted seed,label")
    if not rows:
        raise InputError(f"{path} has no labels; wanted lines of seed,label")
    return [int(row[0]) for row in rows], [row[1].strip() for row in rows]


def _are_numbers(labels: Sequence[str]) -> bool:
    try:
        return all(abs(float(label)) < float("inf") for label in labels)
    except ValueError:
        return False


def outer_thirds(values: Tensor) -> tuple[Tensor, Tensor]:
    """Part numbers into the lowest and the highest third; those between are left out.

    Args:
        values: (N,).

    Returns:
        Indices of those that are kept, and whether each is high.
    """
    order, third = values.argsort(stable=True), len(values) // 3
    low, high = order[:third], order[len(order) - third :]
    if third and values[low[-1]] >= values[high[0]]:
        raise InputError("a third of the values or more are the same: they cannot be parted")
    return torch.cat([low, high]), torch.arange(2 * third) >= third


def part_labels(
    labels: Sequence[str], to: str | None = None, away: str | None = None
) -> tuple[Tensor, Tensor]:
    """Part labels into those a direction leads to and those it leads away from.

    Args:
        labels: N texts.
        to: label that it leads to; None: of two labels, the last in the alphabet (true, yes, 1),
            and with more labels that are numbers, the highest third of them.
        away: label that it leads away from; None: all others.

    Returns:
        Indices of the samples that are kept, and (bool) whether each is where it leads to.

    Raises:
        InputError: there is no such label, or it has to be named (the labels are listed).
    """
    known = sorted(set(labels))
    for name in (to, away):
        if name is not None and name not in known:
            raise InputError(f"there is no label {name!r}; the labels are: {', '.join(known)}")
    if to is None and away is None and len(known) > 2 and _are_numbers(labels):
        return outer_thirds(torch.tensor([float(label) for label in labels]))
    if to is None:
        others = [name for name in known if name != away]
        if len(known) != 2:
            raise InputError(
                f"name the label that the direction should lead to; the labels are: "
                f"{', '.join(known)}"
            )
        to = others[-1]
    if to == away:
        raise InputError(f"the direction cannot lead from {to!r} to itself")
    kept = [i for i, label in enumerate(labels) if away is None or label in (to, away)]
    return torch.tensor(kept), torch.tensor([labels[i] == to for i in kept])


def _direction(
    generator: Generator,
    w: Tensor,
    labels: Tensor,
    name: str,
    layers: Sequence[int] | None,
    config: BoundaryConfig,
    spread: Spread | None,
) -> Direction:
    boundary = fit_boundary(w, labels, config)
    spread = spread or measure_spread(generator)
    return Direction(
        vector=boundary.normal.float(),
        layers=tuple(range(generator.config.num_ws) if layers is None else layers),
        name=name,
        network=network_digest(generator),
        method=config.method,
        unit=spread.along(boundary.normal[None]),
        explained_variance=spread.share(boundary.normal),
        accuracy=boundary.accuracy,
    )


def from_labels(
    generator: Generator,
    seeds: Sequence[int],
    labels: Sequence[str],
    *,
    to: str | None = None,
    away: str | None = None,
    class_name: str | int | None = None,
    layers: Sequence[int] | None = None,
    config: BoundaryConfig = DEFAULT_BOUNDARY,
    spread: Spread | None = None,
) -> Direction:
    """Find the direction that parts seeds by labels that someone gave their images.

    Args:
        generator: from :func:`stylegen.load`.
        seeds: N.
        labels: N; see :func:`part_labels` for how they are parted.
        to: label that the direction leads to.
        away: label that it leads away from; None: all others.
        class_name: class of all seeds; None: for conditional networks, each seed modulo the
            number of classes.
        layers: that the direction moves; None: all.
        config: how the boundary is found.
        spread: of w, for the unit; None: measured.

    Raises:
        InputError: labels cannot be parted, or one side has fewer than 10 samples.
    """
    if len(seeds) != len(labels):
        raise InputError(f"{len(seeds)} seeds have {len(labels)} labels; wanted one each")
    kept, is_high = part_labels(labels, to, away)
    chosen = [seeds[i] for i in kept.tolist()]
    w = seeds_to_ws(generator, chosen, class_name=class_name)[:, 0].cpu()
    return _direction(generator, w, is_high, to or "labels", layers, config, spread)


def from_classes(
    generator: Generator,
    to: str | int,
    away: str | int | None = None,
    *,
    layers: Sequence[int] | None = None,
    config: BoundaryConfig = DEFAULT_BOUNDARY,
    spread: Spread | None = None,
) -> Direction:
    """Find the direction from one class of a conditional network to another.

    Args:
        generator: a conditional network.
        to: class that it leads to, by name or number.
        away: class that it leads away from; None: all others.
        layers: as the rest, see :func:`from_labels`.
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
    return _direction(generator, w, labels, str(to), layers, config, spread)


def part_readings(readings: Tensor, factor: Factor, value: str | None) -> tuple[Tensor, Tensor]:
    """Part readings of a factor: as values, or as the outer thirds of numbers.

    Args:
        readings: (N, K), or (N, 1) for numbers.
        factor: what they are.
        value: that the direction leads to; None: of two values, the last.

    Returns:
        Indices of those that are kept, and whether each is where the direction leads to.

    Raises:
        InputError: there is no such value, or it has to be named.
    """
    if not factor.values:
        if value is not None:
            raise InputError(f"the factor {factor.name} is a number: it has no value {value!r}")
        return outer_thirds(readings[:, 0])
    if value is None and len(factor.values) == 2:
        value = factor.values[-1]
    if value not in factor.values:
        raise InputError(
            f"the factor {factor.name} has no value {value!r}; its values are: "
            f"{', '.join(factor.values)}"
        )
    chosen = readings.argmax(dim=1) == factor.values.index(value)
    return torch.arange(len(readings)), chosen


def from_factor(
    generator: Generator,
    reader: FactorReader,
    name: str,
    value: str | None = None,
    *,
    class_name: str | int | None = None,
    layers: Sequence[int] | None = None,
    config: BoundaryConfig = DEFAULT_BOUNDARY,
    spread: Spread | None = None,
) -> Direction:
    """Find the direction of a factor of the built-in faces, read off a network's own samples.

    Args:
        generator: a network that draws such faces.
        reader: reads the factors.
        name: of the factor.
        value: that the direction leads to, for factors that are no numbers.
        class_name: as the rest, see :func:`from_labels`.
        layers: likewise.
        config: likewise.
        spread: likewise.

    Raises:
        InputError: there is no such factor or value, or too few samples have it.
    """
    reader.check_channels(generator.config.img_channels)
    factor = reader.find(name)
    w = sample_w(generator, config.samples, config.seed, class_name)
    device, num_ws = next(generator.parameters()).device, generator.config.num_ws
    readings = []
    for part in torch.split(w, _GROUP):
        ws = part[:, None].expand(-1, num_ws, -1).to(device)
        readings.append(reader(draw(generator, ws))[:, factor.columns])
    kept, is_high = part_readings(torch.cat(readings), factor, value)
    label = name if value is None else f"{name}-{value}"
    return _direction(generator, w[kept], is_high, label, layers, config, spread)
