"""Charts in an image: panels with axes, ticks, a light grid, lines and a legend, by Pillow alone.

Lines and grid are drawn several times larger and made smaller, which smooths their edges; text is
drawn at its final size, which keeps it crisp. Free of torch.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFont

from stylegen.training.ticks import linear_ticks, log_ticks, short, tick_label

Points = Sequence[tuple[float, float]]
Box = tuple[float, float, float, float]

WIDTH, HEIGHT = 780, 400  # of a panel, in pixels
_SCALE = 3  # how much larger lines are drawn
_LEFT, _RIGHT, _TOP, _BOTTOM = 96, 40, 72, 56  # margins around a panel's axes
_MARKED = 40  # points up to which each gets a dot
_COLUMN = 2.0  # width of one drawn mean of many points, in pixels
_TITLE, _TEXT = 22, 17  # font sizes, in pixels
_INK, _PALE, _GRID, _PAPER = "#24292f", "#57606a", "#e4e8ec", "#ffffff"
COLOURS = ("#0b62c4", "#d9480f", "#2b8a3e", "#862e9c", "#0c8599", "#a61e4d")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a panel.

    Attributes:
        label: for the legend.
        points: (x, y) in order of x, all finite.
        dashed: a level to compare with: drawn at the first point's y, from side to side.
    """

    label: str
    points: Points
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: with the unit.
        series: its lines.
        y_range: of the axis; None: what the lines need.
        from_zero: the axis begins at zero.
        log: a logarithmic y axis; all values are then above zero.
    """

    title: str
    series: list[Series] = field(default_factory=list)
    y_range: tuple[float, float] | None = None
    from_zero: bool = False
    log: bool = False


def y_limits(panel: Panel) -> tuple[float, float]:
    """Return the range of the y axis, with room above and below the lines."""
    if panel.y_range is not None:
        return panel.y_range
    values = [y for s in panel.series for _, y in s.points] or [0.0, 1.0]
    low, high = min(values), max(values)
    if panel.log:
        room = max((high / low) ** 0.05, 1.05)
        return low / room, high * room
    from_zero = panel.from_zero or 0 <= low < 0.35 * high
    room = 0.06 * (high - (0.0 if from_zero else low)) or 0.05 * abs(high) or 1.0
    return 0.0 if from_zero else low - room, high + room


def thin(points: Points, columns: int) -> list[tuple[float, float, float, float]]:
    """Gather points in columns of equal width: (mean x, mean y, least y, greatest y) of each.

    As many points as columns or fewer are left as they are.
    """
    if len(points) <= columns:
        return [(x, y, y, y) for x, y in points]
    first, width = points[0][0], (points[-1][0] - points[0][0]) / columns or 1.0
    gathered: dict[int, list[tuple[float, float]]] = {}
    for x, y in points:
        gathered.setdefault(min(int((x - first) / width), columns - 1), []).append((x, y))
    thinned = []
    for part in gathered.values():
        ys = [y for _, y in part]
        mean_x = math.fsum(x for x, _ in part) / len(part)
        thinned.append((mean_x, math.fsum(ys) / len(ys), min(ys), max(ys)))
    return thinned


class Sheet:
    """A sheet of panels with a common x axis.

    Args:
        columns: panels beside each other.
        rows: and above each other.
        heading: above them all.
    """

    def __init__(self, columns: int, rows: int, heading: str) -> None:
        self._columns = columns
        self._head = 56
        self.size = (columns * WIDTH, rows * HEIGHT + self._head)
        large = (self.size[0] * _SCALE, self.size[1] * _SCALE)
        self._image = Image.new("RGB", large, _PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._texts: list[tuple[tuple[float, float], str, str, int, str]] = []
        self._text((28, 34), heading, "lm", _TITLE, _PALE)

    def _text(
        self, at: tuple[float, float], text: str, anchor: str, size: int = _TEXT, ink: str = _PALE
    ) -> None:
        self._texts.append((at, text, anchor, size, ink))

    def _line(self, points: Points, ink: str, width: float) -> None:
        large = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._draw.line(large, fill=ink, width=round(width * _SCALE), joint="curve")

    def panel(self, place: int, panel: Panel, x_range: tuple[float, float], x_title: str) -> None:
        """Draw a panel.

        Args:
            place: 0 at the top left, then along the rows.
            panel: what to draw.
            x_range: of the x axis.
            x_title: what it shows, with the unit.
        """
        x, y = place % self._columns * WIDTH, place // self._columns * HEIGHT + self._head
        box = (x + _LEFT, y + _TOP, x + WIDTH - _RIGHT, y + HEIGHT - _BOTTOM)
        self._text((box[0], y + 16), panel.title, "lm", _TITLE, _INK)
        self._text(((box[0] + box[2]) / 2, y + HEIGHT - 16), x_title, "mm")
        axes = _Axes(box, x_range, y_limits(panel), panel.log)
        self._grid(box, axes, panel.log)
        self._lines(axes, panel.series)
        self._legend(box[0], y + 48, panel.series)

    def _grid(self, box: Box, axes: "_Axes", log: bool) -> None:
        low, high = axes.y_range
        ys = log_ticks(low, high, 6) if log else linear_ticks(low, high, 6)
        xs = linear_ticks(*axes.x_range, 7)
        y_step, x_step = _least_distance(ys), _least_distance(xs)
        for value in ys:
            y = axes.y(value)
            self._line([(box[0], y), (box[2], y)], _GRID, 1)
            step = 10.0 ** math.floor(math.log10(value)) if log else y_step
            self._text((box[0] - 10, y), tick_label(value, min(step, y_step)), "rm")
        for value in xs:
            x = axes.x(value)
            self._line([(x, box[1]), (x, box[3])], _GRID, 1)
            self._text((x, box[3] + 16), tick_label(value, x_step), "mm")
        self._line([(box[0], box[1]), (box[0], box[3]), (box[2], box[3])], _PALE, 1.3)

    def _lines(self, axes: "_Axes", series: Sequence[Series]) -> None:
        """Draw all ranges first, so that none of them covers a line."""
        columns = round((axes.box[2] - axes.box[0]) / _COLUMN)
        inks = [(ink, thin(s.points, columns)) for ink, s in _inks(series) if not s.dashed]
        for ink, thinned in inks:
            for x, _, least, most in thinned:
                if least < most:
                    ends = [(axes.x(x), axes.y(least)), (axes.x(x), axes.y(most))]
                    self._line(ends, _mix(ink, 0.25), _COLUMN)
        for level in (s.points[0][1] for s in series if s.dashed):
            for piece in _dashes((axes.box[0], axes.y(level)), (axes.box[2], axes.y(level))):
                self._line(piece, _PALE, 1.2)
        for ink, thinned in inks:
            self._marked_line([(axes.x(x), axes.y(y)) for x, y, _, _ in thinned], ink)

    def _marked_line(self, at: Points, ink: str) -> None:
        self._line(at, ink, 1.8)
        if len(at) <= _MARKED:
            for x, y in at:
                self._draw.ellipse([v * _SCALE for v in (x - 3, y - 3, x + 3, y + 3)], fill=ink)

    def _legend(self, x: float, y: float, series: Sequence[Series]) -> None:
        for ink, one in _inks(series):
            if one.dashed:
                for piece in _dashes((x, y), (x + 26, y)):
                    self._line(piece, _PALE, 1.2)
                text = one.label
            else:
                self._line([(x, y), (x + 26, y)], ink, 3)
                text = f"{one.label}  {short(one.points[-1][1])}"
            self._text((x + 34, y), text, "lm", _TEXT, _INK)
            x += 34 + _font(_TEXT).getlength(text) + 26

    def finish(self) -> Image.Image:
        """Return the sheet."""
        image = self._image.reduce(_SCALE)
        draw = ImageDraw.Draw(image)
        for at, text, anchor, size, ink in self._texts:
            draw.text(at, text, fill=ink, font=_font(size), anchor=anchor)
        return image


class _Axes:
    """From values to pixels."""

    def __init__(
        self, box: Box, x_range: tuple[float, float], y_range: tuple[float, float], log: bool
    ) -> None:
        self.box, self.x_range, self.y_range, self._log = box, x_range, y_range, log

    def x(self, value: float) -> float:
        low, high = self.x_range
        return self.box[0] + (value - low) / (high - low) * (self.box[2] - self.box[0])

    def y(self, value: float) -> float:
        low, high = self.y_range
        if self._log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return self.box[3] - share * (self.box[3] - self.box[1])


def _inks(series: Sequence[Series]) -> list[tuple[str, Series]]:
    return [(COLOURS[i % len(COLOURS)], s) for i, s in enumerate(series)]


def _dashes(a: tuple[float, float], b: tuple[float, float]) -> list[Points]:
    """Cut a horizontal line into pieces of 6 pixels, 5 apart."""
    starts = range(round(a[0]), round(b[0]), 11)
    return [((float(x), a[1]), (min(x + 6.0, b[0]), a[1])) for x in starts]


def _least_distance(ticks: Sequence[float]) -> float:
    return min((b - a for a, b in itertools.pairwise(ticks)), default=1.0)


def _mix(ink: str, share: float) -> str:
    parts = [int(ink[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + share * (p - 255)):02x}" for p in parts)


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # Pillow's wheels are built with FreeType
    return font
