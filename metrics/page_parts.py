"""What pages are put together from: numbers, tables, listings, figures, sections, pictures.

Everything that comes from outside goes through :func:`html.escape`; what is HTML is said to be.
"""

import base64
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from PIL import Image
from torch import Tensor

from stylegen.images import to_pil

_SMALL_PX = 96  # images up to this are shown with their pixels sharp


def resource(name: str) -> str:
    """Return a text file that belongs to this package."""
    return resources.files("stylegen.metrics").joinpath(name).read_text(encoding="utf-8")


def label_of(key: str) -> str:
    """Write a key of report.json in words."""
    words = key.replace("_px", " (px)").replace("_sec", " (s)").replace("_", " ")
    words = words.replace("sha256", "SHA-256").replace("tf32", "TF32")
    words = "EMA" if words == "ema" else words
    return words[:1].upper() + words[1:]


def plain(value: Any) -> str:
    """Write any plain value for people."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return "; ".join(plain(v) for v in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{label_of(str(k))} {plain(v)}" for k, v in value.items()) or "none"
    return str(value)


def listing(values: Mapping[str, Any]) -> str:
    """Return keys and values as a list of terms."""
    items = []
    for key, value in values.items():
        kind = ' class="digest"' if key.endswith(("sha256", "digest", "commit", "command")) else ""
        items.append(f"<dt>{escape(label_of(key))}</dt><dd{kind}>{escape(plain(value))}</dd>")
    return f"<dl>{''.join(items)}</dl>"


def panel(title: str, values: Mapping[str, Any], wide: bool = False) -> str:
    """Return a list of terms with a title, or without one; wide ones have two columns."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    kind = " wide" if wide or not title else ""
    return f'<div class="panel{kind}">{heading}{listing(values)}</div>'


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Collection[int] | None = None,
) -> str:
    """Return a table that scrolls by itself where it is too wide.

    Args:
        caption: what it holds; read by screen readers, not shown.
        head: names of the columns.
        rows: cells in HTML; the first of each row names it.
        numbers: which columns hold numbers; None: all but the first.
    """
    right = range(1, len(head)) if numbers is None else numbers
    kinds = [' class="num"' if i in right else "" for i in range(len(head))]
    names = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(head, kinds, strict=True)
    )
    body = []
    for first, *cells in rows:
        rest = "".join(f"<td{k}>{c}</td>" for c, k in zip(cells, kinds[1:], strict=True))
        body.append(f'<tr><th scope="row">{first}</th>{rest}</tr>')
    words_of_it = escape(caption)
    return (
        f'<div class="scroll panel" role="region" tabindex="0" aria-label="{words_of_it}">'
        f'<table><caption class="unseen">{words_of_it}</caption>'
        f"<thead><tr>{names}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def section(name: str, title: str, reading: str, body: str) -> str:
    """Return a section of the page.

    Args:
        name: its anchor.
        title: its heading.
        reading: one plain sentence on how to read it.
        body: HTML.
    """
    about = f'<p class="read">{escape(reading)}</p>' if reading else ""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">'
        f'<h2 id="{name}-title">{escape(title)}</h2>{about}{body}</section>'
    )


def figure(body: str, caption: str) -> str:
    """Return a figure with HTML in it and words below."""
    return f"<figure>{body}<figcaption>{escape(caption)}</figcaption></figure>"


def figures(*parts: str) -> str:
    """Return figures beside each other where there is room."""
    return f'<div class="figures">{"".join(parts)}</div>'


def _data_uri(image: Image.Image) -> str:
    memory = io.BytesIO()
    image.save(memory, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode("ascii")


def picture(image: Tensor, label: str, largest_px: int = 256) -> str:
    """Return an image, with words for those who do not see it.

    Args:
        image: (C, H, W) uint8.
        label: what it is.
        largest_px: it is made smaller where it is larger.
    """
    shown = to_pil(image)
    kind = ' class="small"' if max(shown.size) <= _SMALL_PX else ""
    shown.thumbnail((largest_px, largest_px), Image.Resampling.LANCZOS)
    words, (width, height) = escape(label), shown.size
    return (
        f'<img{kind} src="{_data_uri(shown)}" alt="{words}" title="{words}" '
        f'width="{width}" height="{height}">'
    )
