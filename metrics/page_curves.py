"""Sections of the page that are curves: against samples, training, truncation and frequency."""

from collections.abc import Mapping
from html import escape

from stylegen.metrics.page_charts import (
    Charts,
    against_n_chart,
    brightness_charts,
    metric_name,
    psi_charts,
    snapshot_charts,
    spectrum_charts,
)
from stylegen.metrics.page_numbers import in_words
from stylegen.metrics.page_parts import figure, figures, section, table
from stylegen.metrics.page_pictures import psi_strips
from stylegen.metrics.report import Metric, Report
from stylegen.metrics.report_sections import ColourStatistics, Snapshots

_Metrics = Mapping[str, Metric]
_MOST_COUNTS = 7  # rows of a table


def _drawn(charts: Charts) -> str:
    return figures(*(figure(chart.svg, chart.caption) for chart in charts.values()))


def against_n(report: Report) -> str:
    """Return the distance against the number of samples."""
    found = report.sections.fid_against_n
    if found is None:
        return ""
    name = metric_name(report.metrics, found.metric)
    pairs = sorted(zip(found.counts, found.values, strict=True), reverse=True)
    rows = [[f"{n:,}", in_words(v)] for n, v in pairs[:: -(-len(pairs) // _MOST_COUNTS)]]
    whole = ["<strong>infinitely many</strong>", in_words(found.intercept, found.error)]
    listed = table(f"{name} by number of samples", ["Samples", name], [whole, *rows])
    return section(
        "against-n",
        f"{name} against the number of samples",
        f"{name} falls as more samples are taken; compare it only at equal numbers, or at the "
        "intercept.",
        figures(figure(*against_n_chart(found, name)), listed),
    )


def _z(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1f}"


def _state(found: Snapshots, i: int) -> str:
    if i == found.best:
        return ' <span class="tag best">best</span>'
    return ' <span class="tag">not told apart</span>' if i in (found.tied or ()) else ""


def _best_words(found: Snapshots, name: str) -> str:
    best = found.points[found.best]
    value = best.values.get(found.metric)
    known = f" with {name} {in_words(*value)}" if value is not None else ""
    if len(found.points) == 1:
        return f"{best.file} is the only snapshot{known}."
    return f"{best.file} is the best snapshot{known}. {_told_apart(found, name)}"


def _told_apart(found: Snapshots, name: str) -> str:
    """Say which snapshots may be the best as well."""
    if found.tied is None:
        return f"Whether others differ in {name} by more than noise was not tested."
    if not found.tied:
        return "All others are worse by more than the noise."
    others = ", ".join(f"{found.points[i].kimg:,g}" for i in found.tied)
    return f"It cannot be told apart from {others} kimg: any of them may be the best."


def _how_to_read(found: Snapshots) -> str:
    if len(found.points) == 1 or found.tied is None:
        return "Metrics of each snapshot, by the same measure."
    draws = "block by block on the same latents" if found.paired else "of independent samples"
    return (
        f"Whether training still helps: z counts standard errors of the difference, {draws}; "
        "below 2 it is noise."
    )


def _snapshot_table(found: Snapshots, metrics: _Metrics) -> str:
    keys = list(dict.fromkeys(key for point in found.points for key in point.values))
    names = [metric_name(metrics, key) for key in keys]
    rows = []
    for i, point in enumerate(found.points):
        values = (point.values.get(key) for key in keys)
        cells = ["-" if value is None else in_words(*value) for value in values]
        first = f'<span title="{escape(point.file)}">{point.kimg:,g}</span>{_state(found, i)}'
        rows.append([first, *cells, _z(point.z_from_best), _z(point.z_from_previous)])
    head = ["kimg", *names, "z from best", "z from previous"]
    return table("All snapshots", head, rows)


def snapshots(report: Report) -> str:
    """Return the snapshots of a run, and which of them is the best."""
    found = report.sections.snapshots
    if found is None:
        return ""
    name = metric_name(report.metrics, found.metric)
    return section(
        "snapshots",
        "Snapshots over training",
        _how_to_read(found),
        f'<p class="verdict">{escape(_best_words(found, name))}</p>'
        f"{_drawn(snapshot_charts(found, report.metrics))}"
        f"{_snapshot_table(found, report.metrics)}",
    )


def psi_sweep(report: Report) -> str:
    """Return metrics against truncation."""
    found = report.sections.psi_sweep
    if found is None:
        return ""
    return section(
        "psi",
        "Truncation",
        "What pulling latents towards their mean does: psi 1 draws as trained, 0 the mean image; "
        "published numbers are taken at psi 1.",
        _drawn(psi_charts(found, report.metrics)) + psi_strips(found),
    )


def _colour_table(colour: Mapping[str, ColourStatistics]) -> str:
    a, against = colour.get("a"), colour.get("against")
    one = a or against
    if one is None:
        return ""
    rows = []
    for i, channel in enumerate(one.channels):
        cells = [
            f"{side.mean[i]:.1f} ± {side.sd[i]:.1f}" if side and i < len(side.mean) else "-"
            for side in (a, against)
        ]
        moved = f"{a.mean[i] - against.mean[i]:+.1f}" if a and against else "-"
        rows.append([escape(channel.capitalize()), *cells, moved])
    head = ["Channel", "Evaluated", "Compared with", "Shift"]
    words = "Mean ± standard deviation of pixel values, 0 to 255"
    return f"<figure>{table(words, head, rows)}<figcaption>{words}.</figcaption></figure>"


def spectrum_and_colour(report: Report) -> str:
    """Return spectra, brightness and colours of both sides."""
    found, colour = report.sections.spectrum, report.sections.colour
    charts = spectrum_charts(found) if found is not None else {}
    charts |= brightness_charts(report)
    if not charts and not colour:
        return ""
    listed = _colour_table(colour) if colour else ""
    drawn = [figure(chart.svg, chart.caption) for chart in charts.values()]
    return section(
        "spectrum",
        "Spectrum and colour",
        "Whether both sides have the same sharpness, brightness and colours: the curves should "
        "lie on each other.",
        figures(*drawn, listed),
    )
