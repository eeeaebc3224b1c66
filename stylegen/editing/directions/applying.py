"""Move latents along directions and draw them: strips, planes, frames of a walk.

    w_l <- w_l + s unit d_l   on each layer l that the direction moves

N latents, S strengths, L number of layers that take a w, D width of w, C channels, H height,
W width.
"""

import dataclasses
import math
import re
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from stylegen.editing.directions.direction import Direction
from stylegen.editing.directions.spread import Spread, measure_spread
from stylegen.editing.latents import Latents
from stylegen.editing.sampling import draw, noise_seeds
from stylegen.editing.sources import PhotoProjector, Source, resolve
from stylegen.errors import InputError
from stylegen.images import make_grid
from stylegen.networks import Generator, Noise

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"


def parse_strengths(text: str) -> tuple[float, float]:
    """Read "-3..3" as (-3, 3), and "2" as (2, 2).

    Raises:
        InputError: the text has another form.
    """
    match = re.fullmatch(rf"\s*({_NUMBER})\s*(?:\.\.\s*({_NUMBER}))?\s*", text)
    if match is None:
        raise InputError(f"strength is {text!r}; wanted a range such as -3..3, or a number")
    return float(match[1]), float(match[2] or match[1])


def strengths(low: float, high: float, steps: int) -> list[float]:
    """Return equally spaced strengths, both ends exact; the middle of -s..s is exactly 0.

    Raises:
        InputError: steps is below 1, or 1 for a range.
    """
    if steps < 1 or (steps == 1 and low != high):
        raise InputError(f"{steps} steps from {low:g} to {high:g}; wanted at least 2")
    if low == high:
        return [low]
    shares = [i / (steps - 1) for i in range(steps)]
    return [low * (1 - share) + high * share for share in shares]


def with_units(
    generator: Generator, directions: Sequence[Direction], spread: Spread | None = None
) -> list[Direction]:
    """Return directions whose units are known, so that many moves measure w's spread but once.

    Args:
        generator: the network.
        directions: of its shape.
        spread: see :func:`step`.

    Raises:
        InputError: see :func:`step`.
    """
    ready, num_ws = [], generator.config.num_ws
    for direction in directions:
        direction.check(generator)
        if direction.unit is None:
            spread = spread or measure_spread(generator)
            direction = dataclasses.replace(direction, unit=spread.along(direction.rows(num_ws)))
        ready.append(direction)
    return ready


def step(generator: Generator, direction: Direction, spread: Spread | None = None) -> Tensor:
    """Return what a strength of 1 adds to w, (L, D) float64.

    Args:
        generator: the network.
        direction: of its shape.
        spread: of w, for a direction whose unit is not known; None: measured then.

    Raises:
        InputError: the direction does not fit the network, or w does not vary along it.
    """
    [known] = with_units(generator, [direction], spread)
    assert known.unit is not None
    return known.unit * known.rows(generator.config.num_ws)


def _moved(w: Tensor, steps: Sequence[Tensor], amounts: Sequence[Sequence[float]]) -> Tensor:
    """Return (N, S, L, D) float32: w moved by each set of amounts, one amount for each step."""
    table = torch.tensor(amounts, dtype=torch.float64)
    shifts = torch.einsum("sk,kld->sld", table, torch.stack(list(steps)))
    return (w.double()[:, None] + shifts).float()


def as_latents(
    generator: Generator,
    sources: Source | Sequence[Source],
    photos: PhotoProjector | None,
    class_name: str | int | None = None,
) -> Latents:
    """Return the latents of sources; latents stay as they are, once it is clear that they fit."""
    if not isinstance(sources, Latents):
        return resolve(generator, sources, class_name=class_name, photos=photos)
    sources.check(generator)
    return sources


def move(
    generator: Generator,
    sources: Source | Sequence[Source],
    direction: Direction,
    amount: float,
    *,
    spread: Spread | None = None,
    photos: PhotoProjector | None = None,
) -> Latents:
    """Return latents moved along a direction.

    Args:
        generator: from :func:`stylegen.load`.
        sources: N seeds, files or latents; see :func:`~stylegen.editing.sources.resolve`.
        direction: of this network's shape; its layers are those that move.
        amount: the strength, in standard deviations of w along the direction.
        spread: see :func:`step`.
        photos: projects photos; see :func:`~stylegen.editing.sources.photo_projector`.

    Raises:
        InputError: the sources or the direction do not fit the network.
    """
    latents = as_latents(generator, sources, photos)
    moved = _moved(latents.w, [step(generator, direction, spread)], [[amount]])[:, 0]
    names = tuple(f"{source} {direction.name}{amount:+g}" for source in latents.sources)
    return Latents(w=moved, sources=names, network=latents.network)


def _draw(generator: Generator, latents: Latents, ws: Tensor, noise: Noise) -> Tensor:
    """Draw (N, S, L, D) as (N, S, C, H, W) uint8; random noise is that of the N latents."""
    device = next(generator.parameters()).device
    seeds = [seed for seed in noise_seeds(latents) for _ in range(ws.shape[1])]
    images = draw(generator, ws.flatten(0, 1).to(device), noise, seeds)
    return images.reshape(*ws.shape[:2], *images.shape[1:])


def strip(
    generator: Generator,
    sources: Source | Sequence[Source],
    direction: Direction,
    amounts: Sequence[float],
    *,
    noise: Noise = "const",
    spread: Spread | None = None,
    photos: PhotoProjector | None = None,
) -> Tensor:
    """Draw latents moved along a direction.

    Args:
        generator: from :func:`stylegen.load`.
        sources: N; see :func:`move`.
        direction: of this network's shape; its layers are those that move.
        amounts: S strengths, in standard deviations of w along the direction; 0 is the latent
            itself, bit for bit.
        noise: see :func:`~stylegen.editing.sampling.draw`; each latent keeps its own.
        spread: see :func:`step`.
        photos: see :func:`move`.

    Returns:
        (N, S, C, H, W) uint8 on the CPU.

    Raises:
        InputError: the sources or the direction do not fit the network.
    """
    latents = as_latents(generator, sources, photos)
    one = step(generator, direction, spread)
    return _draw(generator, latents, _moved(latents.w, [one], [[s] for s in amounts]), noise)


def plane(
    generator: Generator,
    sources: Source | Sequence[Source],
    across: Direction,
    down: Direction,
    amounts: Sequence[float],
    *,
    noise: Noise = "const",
    spread: Spread | None = None,
    photos: PhotoProjector | None = None,
) -> Tensor:
    """Draw latents moved along two directions at once.

    Args:
        generator: from :func:`stylegen.load`.
        sources: N; see :func:`move`.
        across: the direction that columns follow.
        down: the direction that rows follow.
        amounts: S strengths of each.
        noise: see :func:`strip`.
        spread: see :func:`step`.
        photos: see :func:`move`.

    Returns:
        (N, S, S, C, H, W) uint8 on the CPU: [n, i, j] has strength i of ``down``, j of ``across``.

    Raises:
        InputError: the sources or a direction do not fit the network.
    """
    latents = as_latents(generator, sources, photos)
    steps = [step(generator, d) for d in with_units(generator, (across, down), spread)]
    pairs = [(x, y) for y in amounts for x in amounts]
    images = _draw(generator, latents, _moved(latents.w, steps, pairs), noise)
    return images.reshape(len(latents), len(amounts), len(amounts), *images.shape[2:])


def sheet(
    generator: Generator,
    sources: Source | Sequence[Source],
    directions: Sequence[Direction],
    amounts: Sequence[float],
    *,
    spread: Spread | None = None,
    photos: PhotoProjector | None = None,
) -> Tensor:
    """Draw one picture of several directions: for each of them, a row for each source.

    Args:
        generator: from :func:`stylegen.load`.
        sources: N; see :func:`move`.
        directions: at least one, of this network's shape.
        amounts: S strengths, a column each.
        spread: see :func:`step`.
        photos: see :func:`move`.

    Returns:
        (C, H', W') uint8 on the CPU.

    Raises:
        InputError: there is no direction, or the sources or one do not fit the network.
    """
    if not directions:
        raise InputError("there is no direction to draw; wanted at least one")
    latents = as_latents(generator, sources, photos)
    known = with_units(generator, directions, spread)
    rows = [strip(generator, latents, d, amounts) for d in known]
    return make_grid(torch.cat(rows).flatten(0, 1), len(amounts))


def frames(
    generator: Generator,
    sources: Source | Sequence[Source],
    direction: Direction,
    low: float,
    high: float,
    count: int,
    *,
    noise: Noise = "const",
    spread: Spread | None = None,
    photos: PhotoProjector | None = None,
) -> Iterator[Tensor]:
    """Yield a loop from one strength to another and back, slowing down at the ends.

    Args:
        generator: from :func:`stylegen.load`.
        sources: N, all of them in every frame, side by side; see :func:`move`.
        direction: see :func:`strip`.
        low: strength of the first frame.
        high: strength half-way; reached exactly where ``count`` is even.
        count: number of frames.
        noise: see :func:`strip`.
        spread: see :func:`step`.
        photos: see :func:`move`.

    Yields:
        (C, H', W') uint8.

    Raises:
        InputError: the sources or the direction do not fit the network.
    """
    latents = as_latents(generator, sources, photos)
    one = step(generator, direction, spread)
    columns = math.ceil(math.sqrt(len(latents)))
    for i in range(count):
        share = (1 - math.cos(2 * math.pi * i / count)) / 2
        amount = low * (1 - share) + high * share
        images = _draw(generator, latents, _moved(latents.w, [one], [[amount]]), noise)
        yield make_grid(images[:, 0], columns)
