"""Directions of the built-in faces' factors, which are read off a network's own samples.

N samples, P columns of all factors together, K values of a factor, D width of w.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from stylegen.data import FACTORS
from stylegen.editing.directions.config import DEFAULT_BOUNDARY, BoundaryConfig
from stylegen.editing.directions.direction import Direction
from stylegen.editing.directions.labelled import between
from stylegen.editing.directions.labels import outer_thirds
from stylegen.editing.directions.orthogonal import slopes
from stylegen.editing.directions.reading import Factor, FactorReader
from stylegen.editing.directions.spread import Spread
from stylegen.editing.sampling import draw, sample_w
from stylegen.errors import InputError
from stylegen.networks import Generator

Progress = Callable[[int, int], None]
_GROUP = 250  # images that are drawn and read at once


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
    value = check_value(factor, value)
    if not factor.values:
        return outer_thirds(readings[:, 0])
    chosen = readings.argmax(dim=1) == factor.values.index(value)
    return torch.arange(len(readings)), chosen


def check_value(factor: Factor, value: str | None) -> str:
    """Return the value of a factor that a direction leads to; empty for numbers.

    Raises:
        InputError: there is no such value, or it has to be named.
    """
    if not factor.values and value is not None:
        raise InputError(f"the factor {factor.name} is a number: it has no value {value!r}")
    if value is None and len(factor.values) in (0, 2):
        return factor.values[-1] if factor.values else ""
    if value not in factor.values:
        raise InputError(
            f"the factor {factor.name} has no value {value!r}; its values are: "
            f"{', '.join(factor.values)}"
        )
    return value


def check_known(name: str, value: str | None = None) -> None:
    """Make sure, before anything is fitted, that the built-in faces have a factor and a value.

    Raises:
        InputError: they do not; the known ones are listed.
    """
    known = {factor["name"]: factor for factor in FACTORS}
    if name not in known:
        raise InputError(f"there is no factor {name!r}; the factors are: {', '.join(known)}")
    is_number = known[name]["kind"] == "continuous"
    values = () if is_number else tuple(str(v) for v in known[name]["values"])
    check_value(Factor(name=name, values=values, first=0, spread=1.0), value)


def _readings(
    generator: Generator, reader: FactorReader, w: Tensor, progress: Progress | None
) -> Tensor:
    """Draw (N, D) and return what is read of the images, (N, P)."""
    device, num_ws = next(generator.parameters()).device, generator.config.num_ws
    parts: list[Tensor] = []
    for part in torch.split(w, _GROUP):
        ws = part[:, None].expand(-1, num_ws, -1).to(device)
        parts.append(reader(draw(generator, ws)))
        if progress is not None:
            progress(sum(map(len, parts)), len(w))
    return torch.cat(parts)


def from_factor(
    generator: Generator,
    reader: FactorReader,
    name: str,
    value: str | None = None,
    *,
    purify: bool = False,
    class_name: str | int | None = None,
    layers: Sequence[int] | None = None,
    orthogonal_to: Sequence[Direction] = (),
    config: BoundaryConfig = DEFAULT_BOUNDARY,
    spread: Spread | None = None,
    progress: Progress | None = None,
) -> Direction:
    """Find the direction of a factor of the built-in faces, read off a network's own samples.

    Args:
        generator: a network that draws such faces.
        reader: reads the factors.
        name: of the factor.
        value: that the direction leads to, for factors that are no numbers.
        purify: leave all other factors that can be read as they are, as far as they change
            linearly with w; see :mod:`stylegen.editing.directions.orthogonal`.
        class_name: as the rest but progress, see :func:`~stylegen.editing.directions.from_labels`.
        layers: likewise.
        orthogonal_to: likewise.
        config: likewise.
        spread: likewise.
        progress: called with (samples drawn and read, samples in all).

    Raises:
        InputError: there is no such factor or value, too few samples have it, or nothing is left
            that changes it alone.
    """
    reader.check_channels(generator.config.img_channels)
    factor = reader.find(name)
    check_value(factor, value)
    w = sample_w(generator, config.samples, config.seed, class_name)
    readings = _readings(generator, reader, w, progress)
    kept, is_high = part_readings(readings[:, factor.columns], factor, value)
    others = [readings[:, f.columns] for f in reader.factors if purify and f.name != name]
    normals = [slopes(w, columns, config.ridge) for columns in others]
    return between(
        generator, w[kept], is_high, name if value is None else f"{name}-{value}",
        layers=layers, orthogonal_to=orthogonal_to, normals=normals, config=config, spread=spread,
    )  # fmt: skip
