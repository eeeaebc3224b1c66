"""A report as one self-contained HTML page: inline style, pictures within, no network.

Everything that comes from outside goes through :func:`html.escape`.
"""

import base64
import io
from collections.abc import Iterable, Mapping
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from stylegen.images import to_pil
from stylegen.metrics.report import Metric, Report
from stylegen.metrics.sides import Shown

_LARGEST_PX = 256
_SMALL_PX = 96
_GALLERY = {"snapshot": "Samples of", "images": "Images of"}
_SIDE_NAMES = {"a": "Evaluated side", "against": "Compared with"}


def _resource(name: str) -> str:
    return resources.files("stylegen.metrics").joinpath(name).read_text(encoding="utf-8")


def _data_uri(image: Image.Image) -> str:
    memory = io.BytesIO()
    image.save(memory, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode("ascii")


def _number(value: float) -> str:
    """Write a headline number with four to five digits that mean something."""
    if value != 0 and (abs(value) < 0.001 or abs(value) >= 1e7):
        return f"{value:.3e}"
    decimals = 4 if abs(value) < 1 else 3 if abs(value) < 10 else 2
    return f"{value:,.{decimals}f}"


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, list | tuple):
        return "; ".join(_plain(v) for v in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{_label(str(k))} {_plain(v)}" for k, v in value.items()) or "none"
    return str(value)


def _label(key: str) -> str:
    words = key.replace("_px", " (px)").replace("_sec", " (s)").replace("_", " ")
    words = words.replace("sha256", "SHA-256").replace("tf32", "TF32")
    return words[:1].upper() + words[1:]


def _entry(key: str, value: Any) -> str:
    kind = ' class="digest"' if key.endswith("sha256") else ""
    return f"<dt>{escape(_label(key))}</dt><dd{kind}>{escape(_plain(value))}</dd>"


def _listing(values: Mapping[str, Any]) -> str:
    return f"<dl>{''.join(_entry(k, v) for k, v in values.items())}</dl>"


def _wide(values: Mapping[str, Any]) -> str:
    return f'<div class="panel wide">{_listing(values)}</div>'


def _card(metric: Metric) -> str:
    images = " against ".join(f"{n:,}" for n in metric.images.values())
    deviation = f' <span class="std">± {escape(_number(metric.std))}</span>' if metric.std else ""
    over = f", ± over {escape(metric.std_over)}" if metric.std and metric.std_over else ""
    return (
        f'<article class="card"><p class="name">{escape(metric.name)}'
        f'<span class="better">{escape(metric.better)} is better</span></p>'
        f'<p class="value">{escape(_number(metric.value))}{deviation}</p>'
        f'<p class="detail">{images} images{over}</p>'
        f'<p class="detail">{escape(metric.unit)}</p></article>'
    )


def _notes(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<section class="notes"><h2>Before you cite this</h2><ul>{items}</ul></section>'


def _thumbnail(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((_LARGEST_PX, _LARGEST_PX), Image.Resampling.LANCZOS)
    return small


def _gallery(title: str, shown: Shown) -> str:
    kind = ' class="small"' if shown.images.shape[-1] <= _SMALL_PX else ""
    items = "".join(
        f'<li><img{kind} src="{_data_uri(_thumbnail(to_pil(image)))}" '
        f'alt="{escape(label)}" title="{escape(label)}"></li>'
        for image, label in zip(shown.images, shown.labels, strict=True)
    )
    return (
        f'<section><h2>{escape(title)}</h2><p class="about">{escape(shown.about)}</p>'
        f'<ul class="gallery">{items}</ul></section>'
    )


def _side_panel(name: str, facts: Mapping[str, Any]) -> str:
    return f'<div class="panel"><h3>{_SIDE_NAMES[name]}</h3>{_listing(facts)}</div>'


def _provenance(report: Report) -> str:
    panels = "".join(_side_panel(name, facts) for name, facts in report.sides.items())
    features = f'<div class="panel"><h3>Feature network</h3>{_listing(report.features)}</div>'
    return f'<div class="columns">{panels}{features}</div>'


def _side_title(facts: Mapping[str, Any]) -> str:
    kimg = f" at {facts['kimg']:g} kimg" if facts.get("kimg") else ""
    return f"{Path(facts['path']).name or facts['path']}{kimg}"


def render(report: Report) -> str:
    """Return a report as a page."""
    titles = {name: _side_title(facts) for name, facts in report.sides.items()}
    galleries = "".join(
        _gallery(f"{_GALLERY[report.sides[name]['kind']]} {titles[name]}", shown)
        for name, shown in report.shown.items()
    )
    seconds = {f"{stage}_sec": f"{value:.1f}" for stage, value in report.seconds.items()}
    return Template(_resource("report.html")).substitute(
        title=escape(f"{titles['a']} against {titles['against']} - stylegen evaluation"),
        style=_resource("report.css"),
        heading=escape(titles["a"]),
        against=escape(titles["against"]),
        cards="".join(_card(metric) for metric in report.metrics.values()),
        notes=_notes(report.notes) if report.notes else "",
        galleries=galleries,
        protocol=_wide(report.protocol),
        provenance=_provenance(report),
        environment=_wide({**report.environment, **seconds}),
        footer=f"Written by stylegen {escape(str(report.environment['stylegen']))} on "
        f"{escape(report.created.replace('T', ' '))}. The exact numbers are in report.json.",
    )
