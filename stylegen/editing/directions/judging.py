"""The report on directions: which factor each changes, how purely, and how fast images change.

    change of a factor    |mean over seeds of (reading at s - reading at -s)| / spread of the factor
    purity                the largest change / the sum of all factors' changes
    rate of a direction   E d(G(w), G(w + eps step)) / eps^2, step a strength of 1

The factors are those of the built-in faces; of other networks, only the rates and path lengths are
measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from stylegen import configs
from stylegen.editing.directions.applying import as_latents, step, strip
from stylegen.editing.directions.config import DEFAULT_REPORT, ReportConfig
from stylegen.editing.directions.direction import Direction
from stylegen.editing.directions.pathlength import (
    FeatureSpace,
    PathLengths,
    distances,
    path_lengths,
)
from stylegen.editing.directions.reading import Factor, FactorReader
from stylegen.editing.directions.spread import Spread, measure_spread
from stylegen.editing.latents import Latents, latents_digest
from stylegen.editing.sampling import draw_latents
from stylegen.editing.sources import PhotoProjector, Source
from stylegen.errors import InputError
from stylegen.networks import Generator

Progress = Callable[[int, int], None]

ODD = 3.0  # the demo has about 1.6, photos of other things 12, noise 10
_UNLIKE = (
    "This network's images are unlike the built-in faces (oddness {:.1f}; theirs is 1): what is "
    "said of factors means little."
)


@dataclass(frozen=True, kw_only=True)
class FactorChange:
    """What a direction does to one factor between -s and s.

    Attributes:
        factor: its name.
        change: in units of the factor's spread in the built-in set; not negative.
        toward: "more" or "less" of a number; the value that gains most otherwise.
        movement: mean size of the single seeds' changes, in the same units: above ``change`` where
            the direction changes the factor, but not the same way for all seeds.
    """

    factor: str
    change: float
    toward: str
    movement: float


@dataclass(frozen=True, kw_only=True)
class DirectionReport:
    """What was found of a direction.

    Attributes:
        name: the direction's.
        method: how it was found.
        layers: that it moves; empty: all.
        explained_variance: as the direction says.
        accuracy: likewise.
        rate: squared feature distance per squared strength, at strength 0.
        changes: of all factors, the largest first; none where factors cannot be read.
        purity: share of the largest change in all; None likewise.
    """

    name: str
    method: str
    layers: tuple[int, ...]
    explained_variance: float | None
    accuracy: float | None
    rate: float
    changes: tuple[FactorChange, ...] = ()
    purity: float | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found of a network's directions.

    Attributes:
        network: its digest.
        config: how it was measured.
        sources: names of the latents that were moved.
        directions: in the order given.
        path: the network's path lengths.
        qualities: (factor, share of its variance that is read right on held-out faces).
        oddness: how unlike the built-in faces the network's images are; theirs is 1.
        notes: sentences that a reader should know.
    """

    network: str
    config: ReportConfig
    sources: tuple[str, ...]
    directions: tuple[DirectionReport, ...]
    path: PathLengths
    qualities: tuple[tuple[str, float], ...] = ()
    oddness: float | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain values, for JSON."""
        return configs.to_dict(self)


def _toward(factor: Factor, change: Tensor) -> str:
    if factor.values:
        return factor.values[int(change.argmax())]
    return "more" if change > 0 else "less"


def factor_changes(
    low: Tensor, high: Tensor, factors: Sequence[Factor]
) -> tuple[FactorChange, ...]:
    """Compare readings at the two ends of a direction.

    Args:
        low: (N, P), the seeds' readings at -s.
        high: (N, P), the same seeds' at s.
        factors: what the columns are.

    Returns:
        One for each factor, the largest change first.
    """
    changes = []
    for factor in factors:
        moved = (high - low)[:, factor.columns] / factor.spread
        mean = moved.mean(0)
        changes.append(
            FactorChange(
                factor=factor.name,
                change=float(mean.norm()),
                toward=_toward(factor, mean),
                movement=float(moved.norm(dim=1).mean()),
            )
        )
    return tuple(sorted(changes, key=lambda c: -c.change))


def purity(changes: Sequence[FactorChange]) -> float | None:
    """Return the share of the largest change in all; None where nothing changes at all."""
    total = sum(change.change for change in changes)
    return max(change.change for change in changes) / total if total > 0 else None


@dataclass(kw_only=True, eq=False)
class _Judge:
    """What all directions of a report are judged with."""

    generator: Generator
    space: FeatureSpace
    reader: FactorReader | None
    config: ReportConfig
    latents: Latents
    spread: Spread

    def oddness(self) -> float | None:
        if self.reader is None:
            return None
        return self.reader.oddness(draw_latents(self.generator, self.latents))

    def _rate(self, direction: Direction) -> float:
        epsilon = self.config.epsilon
        one = step(self.generator, direction, self.spread)
        moved = (self.latents.w.double() + epsilon * one).float()
        found = distances(self.generator, self.space, self.latents.w, moved)
        return float(found.mean()) / epsilon**2

    def _changes(self, direction: Direction) -> tuple[FactorChange, ...]:
        if self.reader is None:
            return ()
        s = self.config.strength
        images = strip(self.generator, self.latents, direction, [-s, s], spread=self.spread)
        low, high = (self.reader(images[:, i]) for i in (0, 1))
        return factor_changes(low, high, self.reader.factors)

    def __call__(self, direction: Direction) -> DirectionReport:
        changes = self._changes(direction)
        return DirectionReport(
            name=direction.name,
            method=direction.method,
            layers=direction.layers,
            explained_variance=direction.explained_variance,
            accuracy=direction.accuracy,
            rate=self._rate(direction),
            changes=changes,
            purity=purity(changes),
        )

    def summary(self, found: Sequence[DirectionReport], path: PathLengths) -> Report:
        oddness = self.oddness()
        factors = () if self.reader is None else self.reader.factors
        return Report(
            network=latents_digest(self.generator),
            config=self.config,
            sources=self.latents.sources,
            directions=tuple(found),
            path=path,
            qualities=tuple((factor.name, factor.quality) for factor in factors),
            oddness=oddness,
            notes=_notes(oddness),
        )


def _notes(oddness: float | None) -> tuple[str, ...]:
    if oddness is None:
        return ("Factors were not read: that takes the demo network, and RGB images.",)
    return (_UNLIKE.format(oddness),) if oddness > ODD else ()


def _check(
    generator: Generator, directions: Sequence[Direction], reader: FactorReader | None
) -> None:
    if not directions:
        raise InputError("there is no direction to report on; wanted at least one")
    for direction in directions:
        direction.check(generator)
    if reader is not None:
        reader.check_channels(generator.config.img_channels)


def report_directions(
    generator: Generator,
    directions: Sequence[Direction],
    space: FeatureSpace,
    *,
    sources: Source | Sequence[Source] | None = None,
    reader: FactorReader | None = None,
    config: ReportConfig = DEFAULT_REPORT,
    class_name: str | int | None = None,
    photos: PhotoProjector | None = None,
    progress: Progress | None = None,
) -> Report:
    """Judge directions of a network.

    Args:
        generator: from :func:`stylegen.load`.
        directions: at least one, of this network's shape.
        space: what the path lengths and rates are measured in.
        sources: seeds, files or latents that are moved; None: the seeds from 0, as many as the
            configuration says.
        reader: reads the built-in faces' factors; None: they are left out.
        config: strength, numbers of samples, step, seed.
        class_name: class of seeds and paths; see :func:`~stylegen.editing.sampling.generate`.
        photos: projects photos; see :func:`~stylegen.editing.sources.photo_projector`.
        progress: called with (directions done, directions in all).

    Raises:
        InputError: there is no direction, one or a source does not fit, or factors are to be read
            off images that are not RGB.
    """
    _check(generator, directions, reader)
    judge = _Judge(
        generator=generator,
        space=space,
        reader=reader,
        config=config,
        latents=as_latents(
            generator, range(config.samples) if sources is None else sources, photos, class_name
        ),
        spread=measure_spread(generator),
    )
    found = []
    for direction in directions:
        found.append(judge(direction))
        if progress is not None:
            progress(len(found), len(directions))
    return judge.summary(found, path_lengths(generator, space, config, class_name))
