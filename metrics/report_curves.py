"""Sections of a report that are curves: values against samples, training, truncation, frequency.

Plain numbers and tuples, filled by the evaluation and read by the page. Numbers that are infinite
or undefined may stand anywhere: report.json has null there, and says where and why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stylegen.metrics.sides import Shown


class Estimate(NamedTuple):
    """A value and its standard error.

    Attributes:
        value: of the metric.
        error: its standard error; None: not known.
    """

    value: float
    error: float | None = None


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How often values fall between edges.

    Attributes:
        label: what was counted, for the legend.
        edges: B + 1 of them, ascending.
        counts: B of them; what lies outside counts in the outermost bins.
        values: in all.
    """

    label: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    values: int


def count_between(label: str, values: Sequence[float], edges: Sequence[float]) -> Histogram:
    """Return a histogram of values, which must be finite; ``edges`` are ascending."""
    inside = np.clip(np.asarray(values, dtype=np.float64), edges[0], edges[-1])
    counts, _ = np.histogram(inside, np.asarray(edges, dtype=np.float64))
    return Histogram(
        label=label,
        edges=tuple(float(edge) for edge in edges),
        counts=tuple(int(count) for count in counts),
        values=len(values),
    )


def shared_edges(*values: Sequence[float], bins: int = 40) -> tuple[float, ...]:
    """Return edges of equal bins from the least to the greatest of all values."""
    every = np.concatenate([np.asarray(v, dtype=np.float64) for v in values])
    return tuple(float(edge) for edge in np.linspace(every.min(), every.max(), bins + 1))


@dataclass(frozen=True, kw_only=True)
class ProtocolValue:
    """A metric as another protocol takes it, from the same images.

    Attributes:
        name: of the protocol.
        metric: key of the metric.
        value: under this protocol.
        error: its standard error.
        differences: sentences that say how it differs from the report's own protocol; none: it is
            the report's own.
    """

    name: str
    metric: str
    value: float
    error: float | None = None
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FidAgainstN:
    """The Frechet distance of nested subsets of the samples, and a line through it in 1/N.

    Attributes:
        metric: key of the metric: "fid".
        counts: N of each subset, ascending.
        values: the distance of each.
        slope: of the line, against 1/N.
        intercept: of the line, at 1/N = 0: the distance of infinitely many samples.
        error: standard error of the intercept.
        seed: of the subsets.
    """

    metric: str
    counts: tuple[int, ...]
    values: tuple[float, ...]
    slope: float
    intercept: float
    error: float | None = None
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class SnapshotPoint:
    """One snapshot of a run.

    Attributes:
        kimg: thousands of real images that it was trained on.
        file: its name.
        values: by the metric's key; "precision" and "recall" among them make a scatter.
        z_from_best: how much worse it is than the best, in standard errors of the difference.
        z_from_previous: how much it differs from the one before, in the same way.
    """

    kimg: float
    file: str
    values: Mapping[str, Estimate]
    z_from_best: float | None = None
    z_from_previous: float | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshots:
    """All snapshots of a run, with the same latents, and which is the best.

    Attributes:
        metric: key of the metric that decides.
        points: in order of kimg.
        best: index of the best one.
        tied: indices of those that cannot be told apart from the best, without the best; None:
            whether others differ from it by more than noise was not tested.
        paired: differences are taken block by block on the same latents.
    """

    metric: str
    points: tuple[SnapshotPoint, ...]
    best: int
    tied: tuple[int, ...] | None = ()
    paired: bool = True


@dataclass(frozen=True, kw_only=True)
class PsiPoint:
    """Metrics at one truncation: by key; "precision" and "recall" are drawn together."""

    psi: float
    values: Mapping[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class PsiSweep:
    """Metrics against truncation.

    Attributes:
        metric: key of the distance that is drawn: "fid".
        points: in order of psi.
        samples: images at each psi.
        shown: the same seeds at some of these psi, one row each; its ``about`` names the psi.
    """

    metric: str
    points: tuple[PsiPoint, ...]
    samples: int
    shown: tuple[Shown, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Mean radial power spectra of both sides.

    Attributes:
        frequency_cycles_per_px: ascending, 0 to at most 0.71 (the corner); 0.5 is the finest
            horizontal detail.
        power: by side ("a", "against"), mean over images, > 0; one value a frequency.
    """

    frequency_cycles_per_px: tuple[float, ...]
    power: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class ColourStatistics:
    """One side's pixel values, on the scale of 0 to 255.

    Attributes:
        channels: "red", "green", "blue"; or "grey".
        mean: of each channel, 0 to 255.
        sd: of each channel, over all pixels of all images; in the same units.
        brightness: histogram of the images' mean brightness.
    """

    channels: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    brightness: Histogram | None = None
