"""A report as one self-contained HTML page: inline style and charts, pictures within, no network.

The sections' order is that of questions: how good, is it certain, does training help, what does it
look like, does it copy, what does it miss, and can all of this be trusted.
"""

import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from stylegen.metrics.page_curves import against_n, psi_sweep, snapshots, spectrum_and_colour
from stylegen.metrics.page_headline import cite, headline, hero, notes, protocols
from stylegen.metrics.page_parts import resource
from stylegen.metrics.page_pictures import (
    best_worst,
    label_grid,
    missed,
    neighbours,
    path_length,
    shown_gallery,
)
from stylegen.metrics.page_tables import classes, left_out, protocol, provenance, sanity
from stylegen.metrics.report import Report

_SECTION = re.compile(r'<section id="([\w-]+)" aria-labelledby="[\w-]+"><h2 [^>]*>([^<]*)</h2>')


def side_title(facts: dict[str, Any]) -> str:
    """Return what a side is called in headings."""
    kimg = f" at {facts['kimg']:,g} kimg" if facts.get("kimg") else ""
    path = str(facts.get("path", "?"))
    return f"{Path(path).name or path}{kimg}"


def _galleries(report: Report) -> str:
    parts = []
    for name, shown in report.shown.items():
        facts = report.sides[name]
        drawn = facts.get("kind") == "snapshot"
        title = (
            "Samples" if drawn else "Images evaluated" if name == "a" else "Images compared with"
        )
        parts.append(shown_gallery(f"shown-{name}", title, side_title(facts), shown))
    return "".join(parts)


def _optional(part: Any, drawn: Callable[[Any], str]) -> str:
    return "" if part is None else drawn(part)


def _body(report: Report) -> str:
    found = report.sections
    return "".join(
        (
            protocol(report),
            protocols(report),
            against_n(report),
            snapshots(report),
            psi_sweep(report),
            _galleries(report),
            _optional(found.label_grid, label_grid),
            _optional(found.neighbours, neighbours),
            _optional(found.best_worst, best_worst),
            _optional(found.missed, missed),
            classes(report),
            _optional(found.path_length, path_length),
            spectrum_and_colour(report),
            sanity(report),
            provenance(report),
            left_out(report),
        )
    )


def contents(body: str) -> str:
    """Return links to all sections of a page."""
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in
                    _SECTION.findall(body))  # fmt: skip
    return f'<nav aria-label="Sections"><ul>{links}</ul></nav>'


def render(report: Report) -> str:
    """Return a report as a page."""
    titles = {name: side_title(facts) for name, facts in report.sides.items()}
    body = _body(report)
    written = report.created.replace("T", " ")
    return Template(resource("report.html")).substitute(
        title=escape(f"{titles['a']} against {titles['against']} - stylegen evaluation"),
        style=resource("report.css") + resource("plots.css"),
        kicker="stylegen evaluation",
        heading=escape(titles["a"]),
        against=f"against <strong>{escape(titles['against'])}</strong>",
        top=f'<div class="top"><div>{hero(report)}</div>{cite(report)}</div>',
        contents=contents(body),
        body=headline(report) + notes(report.notes) + body,
        footer=f"Written by stylegen {escape(str(report.environment.get('stylegen')))} on "
        f"{escape(written)}. The exact numbers are in report.json.",
    )
