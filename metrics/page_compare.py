"""A comparison of reports as one self-contained page, in the dress of a report's own page."""

from collections.abc import Iterator, Mapping
from html import escape
from string import Template
from typing import Any

from stylegen.metrics.compare import Comparison, Row, Verdict
from stylegen.metrics.compare_text import letter, moved, outcome, title
from stylegen.metrics.page import contents
from stylegen.metrics.page_headline import notes
from stylegen.metrics.page_numbers import in_words
from stylegen.metrics.page_parts import figure, label_of, plain, resource, section, table
from stylegen.metrics.page_tables import SIDE_NAMES
from stylegen.metrics.plots_forest import FARTHEST, Lying, forest

_TAGS = {"better": " best", "worse": " worse"}
_SIDE_FIELDS = (
    "path", "sha256", "data_sha256", "kimg", "images", "resolution_px", "resize", "channels",
    "background",
)  # fmt: skip
_SERIES = 4  # as many as the chart can tell apart


def _summary(comparison: Comparison) -> str:
    """Return a sentence for each report but the first, on the first metric that tells."""
    sentences = []
    for i in range(1, len(comparison.reports)):
        row = next((r for r in comparison.rows if r.verdicts[i - 1] is not None), None)
        verdict = row.verdicts[i - 1] if row is not None else None
        if row is None or verdict is None:
            sentences.append(f"{letter(i)} and A have no metric in common.")
            continue
        difference = moved(verdict)
        said = f": {difference}" if difference else ""
        sentences.append(f"{row.name} of {letter(i)} against A{said}; {outcome(verdict)}.")
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<div class="cite"><h2>In short</h2><ul class="why">{items}</ul></div>'


def _legend(comparison: Comparison) -> str:
    items = "".join(
        f"<li><b>{letter(i)}</b> {escape(title(comparison, i))}</li>"
        for i in range(len(comparison.reports))
    )
    return f'<ul class="reports">{items}</ul>'


def _verdict_cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return "-"
    tag = f'<span class="tag{_TAGS.get(verdict.outcome, "")}">{escape(outcome(verdict))}</span>'
    return f"<div>{escape(moved(verdict))}</div>{tag}"


def _metrics(comparison: Comparison) -> str:
    count = len(comparison.reports)
    head = ["Metric", *(letter(i) for i in range(count))]
    head += [f"{letter(i)} less A" for i in range(1, count)]
    rows = [
        [
            f"<b>{escape(row.name)}</b> <small>{escape(row.better)} is better</small>",
            *(escape(in_words(*value)) for value in row.values),
            *(_verdict_cell(verdict) for verdict in row.verdicts),
        ]
        for row in comparison.rows
    ]
    return section(
        "metrics",
        "Metrics",
        "Values with standard errors, and how each report differs from A: a difference within "
        "the noise is no reason to prefer either.",
        table("Metrics of all reports", head, rows, range(1, count + 1)),
    )


def _lying(row: Row) -> Iterator[Lying]:
    for i, verdict in enumerate(row.verdicts[:_SERIES], 1):
        if verdict is not None and verdict.z is not None:
            z = verdict.z if row.better == "higher" else -verdict.z
            yield Lying(z, i - 1, escape(f"{letter(i)}: {moved(verdict)}, {outcome(verdict)}"))


def _chart(comparison: Comparison) -> str:
    rows = [(row.name, list(_lying(row))) for row in comparison.rows]
    rows = [(name, lying) for name, lying in rows if lying]
    if not rows:
        return ""
    present = sorted({one.series for _, lying in rows for one in lying})
    names = {series: letter(series + 1) for series in present}
    words = "; ".join(f"{name}: {one.words}" for name, lying in rows for one in lying)
    svg = forest(rows, names, "Difference from A in standard errors", words)
    caption = (
        "Each mark is a metric; within the grey band the difference is noise. Those beyond "
        f"{FARTHEST:g} standard errors lie at the edge."
    )
    drawn = f'<div class="one">{figure(svg, caption)}</div>'
    return section("differences", "Differences", "All metrics on one scale.", drawn)


def _why(comparison: Comparison) -> str:
    parts = []
    for i, found in enumerate(comparison.obstacles, 1):
        if not found:
            continue
        items = "".join(f"<dt>{escape(o.field)}</dt><dd>{escape(o.why)}</dd>" for o in found)
        name = f'A ("here") and {letter(i)} ("there")'
        parts.append(f'<div class="panel"><h3>{escape(name)}</h3><dl>{items}</dl></div>')
    if not parts:
        return ""
    return section(
        "obstacles",
        "What keeps numbers from being compared",
        "Fields that differ, and why that matters: metrics that depend on them get no verdict.",
        "".join(parts),
    )


def _notes(comparison: Comparison) -> str:
    """Return what is not known of the reports, and may matter."""
    return notes(
        f"A and {letter(i)}: {note}"
        for i, found in enumerate(comparison.notes, 1)
        for note in found
    )


def _fields(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report's protocol, features and what identifies its sides, flat and in words."""
    parts = {"Protocol": report.get("protocol", {}), "Features": report.get("features", {})}
    for side, facts in report.get("sides", {}).items():
        known = {k: facts[k] for k in _SIDE_FIELDS if k in facts}
        parts[SIDE_NAMES.get(side, side)] = known
    flat = {
        f"{part}: {label_of(k)}": v for part, fields in parts.items() for k, v in fields.items()
    }
    return {**flat, "Draws": report.get("draws"), "Created": report.get("created")}


def _settings(comparison: Comparison) -> str:
    flat = [_fields(report) for report in comparison.reports]
    rows = []
    for name in dict.fromkeys(key for fields in flat for key in fields):
        values = [plain(fields.get(name)) for fields in flat]
        differs = ' <span class="tag worse">differs</span>' if len(set(values)) > 1 else ""
        rows.append([escape(name) + differs, *(escape(value) for value in values)])
    head = ["Setting", *(letter(i) for i in range(len(flat)))]
    return section(
        "settings", "Settings", "How each was taken, on what.",
        f'<div class="settings">{table("Settings of all reports", head, rows, ())}</div>',
    )  # fmt: skip


def render(comparison: Comparison) -> str:
    """Return a comparison as a page."""
    count = len(comparison.reports)
    body = "".join(
        (
            _metrics(comparison),
            _notes(comparison),
            _chart(comparison),
            _why(comparison),
            _settings(comparison),
        )
    )
    return Template(resource("report.html")).substitute(
        title=f"{count} reports compared - stylegen",
        style=resource("report.css") + resource("plots.css"),
        kicker="stylegen comparison",
        heading=f"{count} reports side by side",
        against=_legend(comparison),
        top=f'<div class="top one">{_summary(comparison)}</div>',
        contents=contents(body),
        body=body,
        footer="Written by stylegen compare. Read from report.json alone; no code was run.",
    )
