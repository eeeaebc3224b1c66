"""The charts of a report: each an SVG and one sentence, by the name of its file."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from stylegen.metrics.page_numbers import in_words
from stylegen.metrics.plots import Line, Mark, chart, line_axes
from stylegen.metrics.plots_axes import Axis, axis_for, number
from stylegen.metrics.plots_histogram import histogram_chart
from stylegen.metrics.report import Metric, Report
from stylegen.metrics.report_sections import (
    Estimate,
    FidAgainstN,
    PsiPoint,
    PsiSweep,
    SnapshotPoint,
    Snapshots,
    Spectrum,
)

_NORMAL_95 = 1.96  # standard errors on either side that hold 95 % of a normal distribution
_NAMES = {"precision": "Precision", "recall": "Recall", "density": "Density",
          "coverage": "Coverage", "fid": "FID", "kid": "KID", "is": "IS"}  # fmt: skip
_TICK_GAP = 0.2  # of an axis's length
SIDES = {"a": "evaluated", "against": "compared with"}


class Chart(NamedTuple):
    """A chart and what it says.

    Attributes:
        svg: an svg element.
        caption: one sentence.
    """

    svg: str
    caption: str


Charts = dict[str, Chart]
_T = TypeVar("_T")
_Point = SnapshotPoint | PsiPoint


def metric_name(metrics: Mapping[str, Metric], key: str) -> str:
    """Return what a metric is called for people."""
    return metrics[key].name if key in metrics else _NAMES.get(key, key)


def _is_finite(estimate: Estimate | None) -> bool:
    return estimate is not None and math.isfinite(estimate.value)


def _widths(estimates: Sequence[Estimate]) -> list[float | None]:
    return [
        None if e.error is None or not math.isfinite(e.error) else _NORMAL_95 * e.error
        for e in estimates
    ]


def _count_ticks(counts: Sequence[int]) -> list[tuple[float, str]]:
    """Return ticks in 1/N, from infinitely many on, far enough from each other to be read."""
    ticks = [(0.0, "∞")]
    for count in sorted(counts, reverse=True):
        if 1 / count - ticks[-1][0] > _TICK_GAP / min(counts):
            ticks.append((1 / count, f"{count:,}"))
    return ticks


def against_n_chart(found: FidAgainstN, name: str) -> Chart:
    """Draw the distance against the number of samples, with its line."""
    points = [(1 / n, v) for n, v in zip(found.counts, found.values, strict=True)]
    last = 1.03 * max(x for x, _ in points)
    line = [(0.0, found.intercept), (last, found.intercept + found.slope * last)]
    whole = in_words(found.intercept, found.error)
    lines = [
        Line(label="subsets", points=points, joined=False,
             names=[f"{n:,} samples: {number(v)}" for n, v in
                    zip(found.counts, found.values, strict=True)]),
        Line(label="line in 1/N", points=line, colour=1, marked=False, dashed=True),
    ]  # fmt: skip
    if found.error is not None:
        error = [_NORMAL_95 * found.error]
        lines.append(Line(label="", points=[line[0]], colour=1, errors=error, joined=False))
    ticks = _count_ticks(found.counts)
    x = Axis(label="Samples N, on a scale of 1/N", low=-0.04 * last, high=last, ticks=ticks)
    y = line_axes("", "", lines)[1]
    y = Axis(label=name, low=y.low, high=y.high)
    words = f"{name} against the number of samples: {whole} for infinitely many."
    return Chart(
        chart(x, y, lines, words),
        f"{name} of {min(found.counts):,} to {max(found.counts):,} samples. The line meets the "
        f"left edge at {whole}: the value for infinitely many samples.",
    )


def _kept(points: Sequence[_Point], key: str) -> list[tuple[int, Estimate]]:
    """Return the places and values of the points that have a metric."""
    found = [(i, point.values.get(key)) for i, point in enumerate(points)]
    return [(i, e) for i, e in found if e is not None and _is_finite(e)]


def _keys(points: Sequence[_Point]) -> list[str]:
    """Return the keys of all metrics that any point has a value of, in order."""
    return list(dict.fromkeys(k for p in points for k, e in p.values.items() if _is_finite(e)))


def _curve(
    places: Sequence[float], kept: list[tuple[int, Estimate]], label: str, colour: int
) -> Line:
    estimates = [e for _, e in kept]
    return Line(
        label=label,
        points=[(places[i], e.value) for i, e in kept],
        colour=colour,
        errors=_widths(estimates),
        dashed=colour % 2 == 1,
        names=[f"{places[i]:,g}: {in_words(*e)}" for i, e in kept],
    )


def _learning_curve(found: Snapshots, key: str, name: str) -> Chart:
    line = _curve([p.kimg for p in found.points], _kept(found.points, key), name, 0)
    marks = []
    best = found.points[found.best]
    value = best.values.get(key)
    if key == found.metric and value is not None and math.isfinite(value.value):
        marks.append(Mark(x=best.kimg, y=value.value, text=f"best: {best.kimg:,g}"))
    x, y = line_axes("Training (kimg)", name, [line])
    last = in_words(*_kept(found.points, key)[-1][1])
    words = f"{name} over training, {len(line.points)} snapshots; the last one {last}."
    banded = any(e is not None for e in line.errors or ())
    band = " The band is the 95 % interval of each." if banded else ""
    return Chart(chart(x, y, [line], words, marks), f"{name} of each snapshot.{band}")


def _scatter(found: Snapshots) -> Chart | None:
    """Draw precision against recall, in order of training."""
    both = [
        (p, p.values["recall"], p.values["precision"])
        for p in found.points
        if _is_finite(p.values.get("recall")) and _is_finite(p.values.get("precision"))
    ]
    if not both:
        return None
    points = [(r.value, p.value) for _, r, p in both]
    names = [f"{s.kimg:,g} kimg: recall {r.value:.3f}, precision {p.value:.3f}" for s, r, p in both]
    line = Line(label="", points=points, names=names)
    best = found.points[found.best]
    pointed = {both[0][0].kimg, best.kimg, both[-1][0].kimg}
    marks = [
        Mark(x=r.value, y=p.value, text=f"{s.kimg:,g}{' best' if s is best else ''}")
        for s, r, p in both
        if s.kimg in pointed
    ]
    x, y = axis_for("Recall", [x for x, _ in points]), axis_for("Precision", [y for _, y in points])
    words = "Precision against recall over training. " + "; ".join(names)
    caption = (
        "Precision (do samples look real) against recall (are all kinds of real images drawn), in "
        "order of training; numbers are kimg. Up and to the right is better."
    )
    return Chart(chart(x, y, [line], words, marks), caption)


def snapshot_charts(found: Snapshots, metrics: Mapping[str, Metric]) -> Charts:
    """Draw every metric over the snapshots, the deciding one first; and precision and recall."""
    keys = sorted(_keys(found.points), key=lambda key: key != found.metric)
    charts = {
        f"snapshots_{key}": _learning_curve(found, key, metric_name(metrics, key)) for key in keys
    }
    scatter = _scatter(found)
    return charts if scatter is None else {**charts, "precision_recall": scatter}


def _psi_chart(found: PsiSweep, keys: Sequence[str], names: Sequence[str]) -> str:
    places = [point.psi for point in found.points]
    lines = [
        _curve(places, _kept(found.points, key), name, i)
        for i, (key, name) in enumerate(zip(keys, names, strict=True))
    ]
    x, y = line_axes("Truncation psi", " and ".join(names), lines)
    words = f"{' and '.join(names)} against truncation, {found.samples:,} samples at each psi."
    return chart(x, y, lines, words)


def psi_charts(found: PsiSweep, metrics: Mapping[str, Metric]) -> Charts:
    """Draw the distance, and precision and recall together, against truncation."""
    keys = _keys(found.points)
    charts = {}
    if found.metric in keys:
        name = metric_name(metrics, found.metric)
        caption = f"{name} at each psi; psi 1 is no truncation."
        charts["psi_distance"] = Chart(_psi_chart(found, [found.metric], [name]), caption)
    both = [key for key in ("precision", "recall") if key in keys]
    if both:
        svg = _psi_chart(found, both, [metric_name(metrics, key) for key in both])
        caption = "Truncation buys precision with recall: better single images, less variety."
        charts["psi_precision_recall"] = Chart(svg, caption)
    return charts


def _by_side(values: Mapping[str, _T]) -> list[tuple[str, _T]]:
    """Return the values of both sides, the judged one first."""
    return sorted(values.items(), key=lambda item: item[0] != "a")


def spectrum_charts(found: Spectrum) -> Charts:
    """Draw both sides' spectra, and their ratio."""
    frequencies = found.frequency_cycles_per_px
    lines = [
        Line(
            label=SIDES.get(side, side),
            points=[(f, p) for f, p in zip(frequencies, power, strict=True) if p > 0],
            colour=i,
            marked=False,
            dashed=i == 1,
        )
        for i, (side, power) in enumerate(_by_side(found.power))
    ]
    label = "Frequency (cycles per pixel)"
    x, y = line_axes(label, "Mean power, logarithmic", lines, log_y=True)
    svg = chart(x, y, lines, "Radial power spectra of both sides, logarithmic.")
    charts = {"spectrum": Chart(svg, "Mean power at each spatial frequency.")}
    if {"a", "against"} <= set(found.power):
        pairs = zip(frequencies, found.power["a"], found.power["against"], strict=True)
        ratio = [(f, 10 * math.log10(a / b)) for f, a, b in pairs if a > 0 and b > 0]
        level = Line(label="", points=[(ratio[0][0], 0.0), (ratio[-1][0], 0.0)], colour=3,
                     marked=False, dashed=True)  # fmt: skip
        lines = [Line(label="", points=ratio, marked=False), level]
        x, y = line_axes(label, "Evaluated over compared with (dB)", lines)
        svg = chart(x, y, lines, "Ratio of the evaluated side's spectrum to the other's, in dB.")
        caption = "0 dB: as in the real images. Peaks at high frequencies are a grid's artefacts."
        charts["spectrum_ratio"] = Chart(svg, caption)
    return charts


def brightness_charts(report: Report) -> Charts:
    """Draw the brightness of both sides' images."""
    colour = report.sections.colour or {}
    sides = enumerate(_by_side(colour))
    found = [(i, s.brightness) for i, (_, s) in sides if s.brightness is not None]
    if not found:
        return {}
    svg = histogram_chart(
        [h for _, h in found],
        "Mean brightness of an image (0 to 255)",
        "Histogram of the images' mean brightness on both sides.",
        colours=[i for i, _ in found],
    )
    return {"brightness": Chart(svg, "Mean brightness of the images.")}
