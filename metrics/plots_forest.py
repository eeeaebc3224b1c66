"""A chart of many differences on one scale: how far each lies from nothing, in standard errors."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stylegen.metrics.plots import legend_of, path, svg, text_at
from stylegen.metrics.plots_axes import WIDTH, Axis, text_width, ticks_of

_ROW = 30.0
FARTHEST = 12.0  # standard errors; what lies farther is drawn at the edge
_NOISE = 1.96
_SHAPES = ("circle", "square", "diamond", "triangle")


class Lying(NamedTuple):
    """A difference.

    Attributes:
        z: in standard errors; to the right is better.
        series: whose it is.
        words: the same for those who point at it.
    """

    z: float
    series: int
    words: str


def _shape(x: float, y: float, series: int, words: str) -> str:
    r = 5.5
    corners = {
        "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
        "diamond": [(0, -r - 2), (r + 2, 0), (0, r + 2), (-r - 2, 0)],
        "triangle": [(0, -r - 1), (r + 1, r), (-r - 1, r)],
    }
    kind, shape = f"dt f{series % 4}", _SHAPES[series % 4]
    title = f"<title>{words}</title>"
    if shape == "circle":
        return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{r}">{title}</circle>'
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners[shape])
    return f'<polygon class="{kind}" points="{points}">{title}</polygon>'


class _Scale:
    """Where standard errors and rows lie."""

    def __init__(self, left: float, top: float, rows: int, reach: float) -> None:
        self.left, self.right, self.top, self.bottom = left, WIDTH - 14, top, top + _ROW * rows
        self.reach = reach

    def x(self, z: float) -> float:
        share = (min(max(z, -self.reach), self.reach) + self.reach) / (2 * self.reach)
        return self.left + share * (self.right - self.left)

    def y(self, row: int) -> float:
        return self.top + _ROW * (row + 0.5)


def _behind(scale: _Scale, label: str) -> str:
    """Draw the band of noise, the line of no difference, and the axis."""
    low, high = scale.x(-_NOISE), scale.x(_NOISE)
    top, bottom = scale.top, scale.bottom
    corners = [(low, top), (high, top), (high, bottom), (low, bottom)]
    parts = [
        path(corners, "bd f3", close=True),
        path([(scale.x(0), top), (scale.x(0), bottom)], "lv"),
        path([(scale.left, bottom), (scale.right, bottom)], "ax"),
        text_at(scale.right, bottom + 39, label, "tk", "end"),
        text_at(2, 15, "Worse than A to the left, better to the right", "lb"),
    ]
    for value, text in ticks_of(Axis(label=label, low=-scale.reach, high=scale.reach), 7):
        x = scale.x(value)
        parts.append(path([(x, bottom), (x, bottom + 5)], "ax"))
        parts.append(text_at(x, bottom + 19, text, "tk", "middle"))
    return "".join(parts)


def _row(scale: _Scale, i: int, name: str, row: Sequence[Lying]) -> str:
    y = scale.y(i)
    named = text_at(scale.left - 10, y + 4.5, name, "tk", "end")
    shapes = (_shape(scale.x(lying.z), y, lying.series, lying.words) for lying in row)
    return named + path([(scale.left, y), (scale.right, y)], "gr") + "".join(shapes)


def forest(
    rows: Sequence[tuple[str, Sequence[Lying]]], names: Mapping[int, str], label: str, words: str
) -> str:
    """Draw differences in rows, with a band for the noise.

    Args:
        rows: a name, and what lies in its row.
        names: of the series, by their number.
        label: of the axis.
        words: the chart for those who do not see it; those of :class:`Lying` must be free of HTML.

    Returns:
        An svg element.
    """
    far = [min(abs(lying.z) * 1.1, FARTHEST) for _, row in rows for lying in row]
    swatches = [(f"ln c{series % 4}", name) for series, name in names.items()]
    legend, top = legend_of(swatches if len(names) > 1 else [])
    left = 10 + max(text_width(name) for name, _ in rows)
    scale = _Scale(left, top - 8, len(rows), max([3.5, *far]))
    body = [_behind(scale, label), legend]
    body += [_row(scale, i, name, row) for i, (name, row) in enumerate(rows)]
    return svg("".join(body), words, scale.bottom + 46)
