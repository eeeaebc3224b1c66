"""Sections of the page that are tables: classes, files, protocol, provenance, what was left out."""

from collections.abc import Mapping
from html import escape
from typing import Any

from stylegen.files import size_words
from stylegen.metrics.page_charts import metric_name
from stylegen.metrics.page_numbers import in_words, percent
from stylegen.metrics.page_parts import label_of, listing, panel, section, table
from stylegen.metrics.report import Report
from stylegen.metrics.report_sections import Classes, ClassRow, Floor, SideSanity

SIDE_NAMES = {"a": "Evaluated side", "against": "Compared with"}
_ABSENT = {"reals": "all", "resize": "the network's own"}  # what null means in a protocol
_MOST_CLASSES = 60
_MOST_BROKEN = 10
_TITLES = {
    "protocols": "Other protocols",
    "fid_against_n": "Distance against the number of samples",
    "snapshots": "Snapshots over training",
    "psi_sweep": "Truncation",
    "label_grid": "Label grid",
    "neighbours": "Nearest training images",
    "best_worst": "Best and worst samples",
    "missed": "Missed modes",
    "classes": "Classes",
    "spectrum": "Spectrum",
    "colour": "Colour",
    "sanity": "The files themselves",
    "path_length": "Perceptual path length",
    "provenance": "Provenance",
}


def _share_cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _class_row(row: ClassRow, widest: float) -> list[str]:
    small = ' <span class="tag">few images</span>' if row.small else ""
    share = 100 * (row.distance or 0) / widest
    bar = f'<span class="bar" style="width:{share:.1f}%"></span>'
    return [
        escape(row.name) + small,
        f'<span class="over">{in_words(row.distance, row.error)}</span>{bar}',
        _share_cell(row.precision),
        _share_cell(row.recall),
        f"{row.images.get('a', 0):,}",
        f"{row.images.get('against', 0):,}",
    ]


def _chosen(found: Classes) -> tuple[list[ClassRow], str]:
    rows = list(found.rows)
    if len(rows) <= _MOST_CLASSES:
        return rows, found.about
    rows.sort(key=lambda row: row.distance or 0.0, reverse=True)
    more = f"The {_MOST_CLASSES} farthest of {len(rows):,} classes; all are in report.json."
    return rows[:_MOST_CLASSES], f"{more} {found.about}"


def classes(report: Report) -> str:
    """Return each class by itself."""
    found = report.sections.classes
    if found is None:
        return ""
    rows, about = _chosen(found)
    widest = max((row.distance or 0.0 for row in rows), default=0.0) or 1.0
    head = ["Class", found.metric, "Precision", "Recall", "Evaluated", "Compared with"]
    listed = table("Each class by itself", head, [_class_row(row, widest) for row in rows])
    return section(
        "classes",
        "Classes",
        "Which classes are drawn well: distances grow as images get fewer, so compare classes "
        "of about as many images only.",
        f'{listed}<p class="about below">{escape(about)}</p>',
    )


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in found.items())


def _side_sanity(name: str, found: SideSanity, alone: bool) -> str:
    broken = [f"{b.name}: {b.reason}" for b in found.broken[:_MOST_BROKEN]]
    if len(found.broken) > _MOST_BROKEN:
        broken.append(f"and {len(found.broken) - _MOST_BROKEN:,} more, in report.json")
    facts: dict[str, Any] = {
        "Files": found.files,
        "Exact duplicates": found.duplicates,
        "Near duplicates": found.near_duplicates,
        "Sizes": _counts(found.sizes) or None,
        "Formats": _counts(found.codecs) or None,
        "Colour modes": _counts(found.modes) or None,
        "Without colour": None if found.grey_share is None else percent(found.grey_share),
        "Seem resized by": found.resize_filter,
    }
    known = {key: value for key, value in facts.items() if value is not None}
    return panel(SIDE_NAMES.get(name, name), {**known, "Unreadable": broken or "none"}, alone)


def _floor(found: Floor, name: str, report: Report) -> str:
    value = in_words(found.value, found.error)
    own = report.metrics.get(found.metric)
    compared = "" if own is None else f" This report's {name} is {in_words(own.value, own.error)}."
    return (
        f'<p class="verdict">Two random halves of the real images, {found.images:,} each, are '
        f"{escape(name)} {escape(value)} apart: that is noise of {found.images:,} against "
        f"{found.images:,} images, and values of larger numbers may lie below it."
        f"{escape(compared)}</p>"
    )


def sanity(report: Report) -> str:
    """Return what the files of each side are, and the floor of the distance."""
    found = report.sections.sanity
    if found is None:
        return ""
    floor = found.floor
    said = "" if floor is None else _floor(floor, metric_name(report.metrics, floor.metric), report)
    alone = len(found.sides) == 1
    panels = "".join(_side_sanity(name, side, alone) for name, side in found.sides.items())
    return section(
        "sanity",
        "The files themselves",
        "Faults of the data that would pass for faults of the generator: doubled, grey, broken or "
        "differently resized images.",
        said + (panels if alone else f'<div class="columns">{panels}</div>'),
    )


def protocol(report: Report) -> str:
    """Return how the numbers were taken."""
    said = {k: _ABSENT.get(k) if v is None else v for k, v in report.protocol.items()}
    return section(
        "protocol",
        "Protocol",
        "Numbers can be compared only where all of this agrees.",
        panel("", said) + panel("Feature network", report.features, wide=True),
    )


def _origin(report: Report) -> dict[str, Any]:
    found = report.sections.provenance
    if found is None:
        return {}
    values = {k: v for k, v in vars(found).items() if v is not None and not k.endswith("bytes")}
    if found.peak_memory_bytes is not None:
        values["peak_memory"] = size_words(found.peak_memory_bytes)
    if found.peak_gpu_memory_bytes is not None:
        values["peak_GPU_memory"] = size_words(found.peak_gpu_memory_bytes)
    return values


def provenance(report: Report) -> str:
    """Return where images and programs come from, what was run, and how long it took."""
    sides = "".join(panel(SIDE_NAMES[name], facts) for name, facts in report.sides.items())
    origin = _origin(report)
    run = panel("This evaluation", origin) if origin else ""
    seconds = {stage: f"{value:,.1f} s" for stage, value in report.seconds.items()}
    times = panel("Wall time", {**seconds, "In all": f"{sum(report.seconds.values()):,.1f} s"})
    return section(
        "provenance",
        "Provenance",
        "What was measured, by what: enough to take the numbers again.",
        f'<div class="packed">{sides}{run}{times}{panel("Environment", report.environment)}</div>',
    )


def left_out(report: Report) -> str:
    """Return what was not taken, and why."""
    reasons = {_TITLES.get(k, label_of(k)): why for k, why in report.sections.not_taken.items()}
    if not reasons:
        return ""
    return section(
        "left-out",
        "Not in this report",
        "",
        f'<div class="panel">{listing(reasons)}</div>',
    )
