"""A contact sheet of a checked set: what it is like, and the pictures that findings are about."""

import io
import os
from collections.abc import Iterable, Iterator

from PIL import Image, ImageDraw, ImageFont, ImageOps

from stylegen.data.checking import CheckReport
from stylegen.images import ImageReadError, read_image, save_image

_CELL_PX = 72
_MARGIN_PX = 4
_TITLE_PX = 24
_COLUMNS = 16
_ROWS = 4  # of a section at most
_SHOWN = ("exact duplicates", "near duplicates", "one colour", "too small", "odd size", "odd kind")

_Cells = list[str | None]  # names of files; None leaves a place empty


def _grouped(groups: Iterable[tuple[str, ...]]) -> _Cells:
    """Lay groups of files side by side, an empty place behind each; no group is cut by an edge."""
    cells: _Cells = []
    for names in groups:
        shown = names[:_COLUMNS]
        free = -len(cells) % _COLUMNS
        if len(shown) > 1 and free and len(shown) > free:
            cells += [None] * free
        cells += shown
        if len(shown) > 1 and len(cells) % _COLUMNS:
            cells.append(None)
        if len(cells) >= _COLUMNS * _ROWS:
            break
    return cells[: _COLUMNS * _ROWS]


def _sections(report: CheckReport) -> Iterator[tuple[str, _Cells]]:
    names = [report.examination.files[i].name for i in report.examination.usable]
    n = min(_COLUMNS * _ROWS, len(names))
    yield f"{n} of {len(names):,} images", [names[i * len(names) // n] for i in range(n)]
    for kind in _SHOWN:
        found = [finding.names for finding in report.of_kind(kind) if finding.names]
        if found:
            yield f"{kind}: {len(found):,}", _grouped(found)


def _thumbnail(report: CheckReport, name: str, background: str) -> Image.Image | None:
    try:
        image = read_image(io.BytesIO(report.source.read(name)), 3, background)
    except ImageReadError:  # gone since it was checked
        return None
    small = image.width <= _CELL_PX // 2 and image.height <= _CELL_PX // 2
    filter = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    return ImageOps.contain(image, (_CELL_PX, _CELL_PX), filter)


def contact_sheet(report: CheckReport, background: str = "white") -> Image.Image:
    """Draw a sample of the set and, below it, examples of each kind of finding.

    Groups of duplicates stand side by side, with a gap between groups.

    Args:
        report: what :func:`stylegen.data.check` found; a usable file at least.
        background: colour behind transparency.

    Returns:
        An RGB image.
    """
    step = _CELL_PX + _MARGIN_PX
    sections = list(_sections(report)) if report.usable else []
    rows = [-(-len(cells) // _COLUMNS) for _, cells in sections]
    height = sum(rows) * step + len(sections) * _TITLE_PX + _MARGIN_PX
    sheet = Image.new("RGB", (_COLUMNS * step + _MARGIN_PX, height), "#e8e8e8")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    top = _MARGIN_PX
    for (title, cells), count in zip(sections, rows, strict=True):
        draw.text((_MARGIN_PX, top + 5), title, fill="black", font=font)
        top += _TITLE_PX
        for i, name in enumerate(cells):
            picture = None if name is None else _thumbnail(report, name, background)
            if picture is not None:
                y, x = divmod(i, _COLUMNS)
                sheet.paste(picture, (_MARGIN_PX + x * step, top + y * step))
        top += count * step
    return sheet


def save_sheet(
    report: CheckReport, path: str | os.PathLike[str], background: str = "white"
) -> None:
    """Write a contact sheet, atomically; the suffix names the format. A file there is replaced.

    Raises:
        InputError: unknown suffix, or the folder does not exist.
        OSError: the disk refuses.
    """
    save_image(contact_sheet(report, background), path)
