"""Charts as SVG: lines with bands, points with errors, histograms. No script, no outside font.

Colours are the classes of plots.css, so that a page and a file follow the reader's dark or light
setting. Series differ in colour and also in dashes or marks, for those who do not tell colours.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from stylegen.metrics.plots_axes import HEIGHT, WIDTH, Axis, Frame, axis_for, text_width

_ROW = 21.0  # height of a row of names
_SWATCH = 26.0


@dataclass(frozen=True, kw_only=True)
class Line:
    """One series.

    Attributes:
        label: for the legend; empty: not named there.
        points: (x, y), finite, in order of x.
        colour: 0 to 3: the judged side, what it is compared with, and two more.
        errors: half width of a band around each point; None: none.
        joined: a line goes through the points.
        marked: each point has a mark.
        dashed: a broken line.
        names: of the points, shown by a browser when one is pointed at.
    """

    label: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    errors: Sequence[float | None] | None = None
    joined: bool = True
    marked: bool = True
    dashed: bool = False
    names: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A point with words beside it, and a ring around it."""

    x: float
    y: float
    text: str


def _f(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def text_at(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    """Return words at a place; ``kind`` is a class of plots.css."""
    return (
        f'<text class="{kind}" x="{_f(x)}" y="{_f(y)}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def path(points: Iterable[tuple[float, float]], kind: str, close: bool = False) -> str:
    """Return a line through places, or the area that it encloses."""
    places = " ".join(f"{_f(x)},{_f(y)}" for x, y in points)
    return f'<{"polygon" if close else "polyline"} class="{kind}" points="{places}"/>'


def svg(body: str, words: str, height: float) -> str:
    """Return an svg element of the usual width; ``words`` say what it shows."""
    return (
        f'<svg class="plot" role="img" aria-label="{escape(words)}" '
        f'viewBox="0 0 {_f(WIDTH)} {_f(height)}">{body}</svg>'
    )


def grid(frame: Frame) -> str:
    """Return the grid, the axes and their names."""
    parts = []
    for value, text in frame.y_ticks:
        y = frame.y(value)
        parts.append(path([(frame.left, y), (frame.right, y)], "gr"))
        parts.append(text_at(frame.left - 8, y + 4.5, text, "tk", "end"))
    for value, text in frame.x_ticks:
        x = frame.x(value)
        parts.append(path([(x, frame.bottom), (x, frame.bottom + 5)], "ax"))
        parts.append(text_at(x, frame.bottom + 19, text, "tk", "middle"))
    parts.append(path([(frame.left, frame.bottom), (frame.right, frame.bottom)], "ax"))
    parts.append(text_at(frame.right, frame.bottom + 39, frame.x_axis.label, "tk", "end"))
    parts.append(text_at(2, 15, frame.y_axis.label, "lb"))
    return "".join(parts)


def _rows(labels: Sequence[tuple[str, str]]) -> list[list[tuple[float, str, str]]]:
    """Lay a legend out: rows of (x, swatch, label)."""
    rows: list[list[tuple[float, str, str]]] = []
    x = WIDTH
    for swatch, label in labels:
        width = _SWATCH + 6 + text_width(label) * 0.86 + 14
        if x + width > WIDTH + 14:
            rows.append([])
            x = 2.0
        rows[-1].append((x, swatch, label))
        x += width
    return rows


def legend_of(labels: Sequence[tuple[str, str]]) -> tuple[str, float]:
    """Return a legend of (swatch class, label), and where the chart below it begins."""
    parts, y = [], 15.0
    for row in _rows(labels):
        y += _ROW
        for x, swatch, label in row:
            parts.append(path([(x, y - 4), (x + _SWATCH, y - 4)], swatch))
            parts.append(text_at(x + _SWATCH + 6, y, label, "tk"))
    return "".join(parts), y + 20


def _kind(line: Line) -> str:
    return f"ln c{line.colour}{' da' if line.dashed else ''}"


def _band(line: Line, frame: Frame) -> str:
    """Draw errors: a band around a line that is joined, else a bar through each point."""
    known = [
        (frame.x(x), frame.y(y - e), frame.y(y + e))
        for (x, y), e in zip(line.points, line.errors or (), strict=False)
        if e is not None
    ]
    if line.joined and len(known) == len(line.points) > 1:
        there, back = [(x, low) for x, low, _ in known], [(x, high) for x, _, high in known]
        return path([*there, *reversed(back)], f"bd f{line.colour}", close=True)
    return "".join(path([(x, low), (x, high)], f"ln c{line.colour}") for x, low, high in known)


def _dots(line: Line, frame: Frame) -> str:
    parts = []
    for i, (x, y) in enumerate(line.points):
        name = f"<title>{escape(line.names[i])}</title>" if i < len(line.names) else ""
        place = f'cx="{_f(frame.x(x))}" cy="{_f(frame.y(y))}"'
        parts.append(f'<circle class="dt f{line.colour}" {place} r="3.4">{name}</circle>')
    return "".join(parts)


def _draw(line: Line, frame: Frame) -> str:
    parts = []
    if line.joined:
        parts.append(path([(frame.x(x), frame.y(y)) for x, y in line.points], _kind(line)))
    if line.marked:
        parts.append(_dots(line, frame))
    return "".join(parts)


def _places(mark: Mark, frame: Frame) -> Iterable[tuple[float, float, float, str]]:
    """Yield where a mark's words may stand: left end, base, where held, and by which end."""
    x, y = frame.x(mark.x), frame.y(mark.y)
    width = text_width(mark.text)
    for base in (y - 12, y + 21, y - 30, y + 39):
        for held, end in ((x - 4, "start"), (x + 4, "end")):
            yield (held if end == "start" else held - width), base, held, end


def _is_free(box: tuple[float, float, float], taken: Sequence[tuple[float, float, float]]) -> bool:
    left, right, base = box
    return all(right < a or left > b or abs(base - other) > 16 for a, b, other in taken)


def _marks(marks: Sequence[Mark], frame: Frame) -> str:
    """Draw rings, and beside each its words where there is room for them."""
    parts: list[str] = []
    taken: list[tuple[float, float, float]] = []
    for mark in marks:
        width = text_width(mark.text)
        for left, base, held, end in _places(mark, frame):
            box = (left, left + width, base)
            inside = frame.left < left and left + width < frame.right + 6
            if inside and frame.top < base < frame.bottom - 3 and _is_free(box, taken):
                taken.append(box)
                parts.append(text_at(held, base, mark.text, "mk", end))
                break
        x, y = frame.x(mark.x), frame.y(mark.y)
        parts.append(f'<circle class="rg" cx="{_f(x)}" cy="{_f(y)}" r="7"/>')
    return "".join(parts)


def chart(x: Axis, y: Axis, lines: Sequence[Line], words: str, marks: Sequence[Mark] = ()) -> str:
    """Draw lines and points.

    Args:
        x: the horizontal axis.
        y: the vertical one.
        lines: what is drawn, the first on top.
        words: the same for those who do not see it.
        marks: points to point out.

    Returns:
        An svg element.
    """
    named = [(_kind(line), line.label) for line in lines if line.label]
    legend, top = legend_of(named if len(named) > 1 else [])
    frame = Frame(x, y, top)
    body = [grid(frame), legend]
    body += [_band(line, frame) for line in reversed(lines) if line.errors]
    body += [_draw(line, frame) for line in reversed(lines)]
    body.append(_marks(marks, frame))
    return svg("".join(body), words, HEIGHT)


def line_axes(x: str, y: str, lines: Sequence[Line], *, log_y: bool = False) -> tuple[Axis, Axis]:
    """Return axes with room for lines and their bands; the horizontal one fits tightly."""
    xs = [x for line in lines for x, _ in line.points]
    low, high = min(xs), max(xs)
    room = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
    ys = [y for line in lines for _, y in line.points]
    for line in lines:
        errors = [e or 0.0 for e in line.errors or ()]
        pairs = list(zip(line.points, errors, strict=False))
        ys += [y - e for (_, y), e in pairs] + [y + e for (_, y), e in pairs]
    wide = Axis(label=x, low=low - (room if low < 0 or low > room else low), high=high + room)
    return wide, axis_for(y, [v for v in ys if v > 0] if log_y else ys, log=log_y)
