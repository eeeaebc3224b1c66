"""Hair of a cartoon head: what lies behind the head, and what lies on it.

A hairline is a list of (angle across the face in radians, height above the head's middle).
"""

import math
from collections.abc import Callable

from stylegen.data.head import LINE, Head, edge_of
from stylegen.data.pen import Color, Pen, Point, blend

Hairline = list[tuple[float, float]]
_TIE: Color = (250, 214, 76)

_FRINGE: Hairline = [(-1.5, -0.02), (-1.2, 0.09), (-0.75, 0.13), (0.1, 0.125), (0.45, 0.16)]
_FRINGE += [(0.8, 0.13), (1.2, 0.09), (1.5, -0.02)]
_PULLED_BACK: Hairline = [(-1.5, 0.03), (-1.1, 0.12), (-0.6, 0.17), (0, 0.185), (0.6, 0.17)]
_PULLED_BACK += [(1.1, 0.12), (1.5, 0.03)]
_CURTAINS: Hairline = [(-1.5, -0.2), (-1.12, -0.16), (-1.0, 0.0), (-0.7, 0.1), (-0.2, 0.175)]
_CURTAINS += [(0, 0.21), (0.2, 0.175), (0.7, 0.1), (1.0, 0.0), (1.12, -0.16), (1.5, -0.2)]
_PARTED: Hairline = [(-1.5, 0.0), (-1.1, 0.085), (-0.6, 0.12), (-0.15, 0.16), (0, 0.2)]
_PARTED += [(0.15, 0.16), (0.6, 0.12), (1.1, 0.085), (1.5, 0.0)]


def _cap(pen: Pen, head: Head, hairline: Hairline, thickness: float) -> None:
    """Hair on the skull, from the hairline over the top."""
    line: list[Point] = [(head.across(a), head.y - height) for a, height in hairline]
    color, edge = head.hair, edge_of(head.hair)
    for grow, fill in ((thickness + LINE, edge), (thickness, color)):
        rx, top = head.rx + 0.6 * grow, head.top + grow
        start, end = (head.x - rx, line[0][1]), (head.x + rx, line[-1][1])
        turns = [math.pi * k / 24 for k in range(25)]
        arc = [(head.x - rx * math.cos(t), head.y - top * math.sin(t)) for t in turns]
        arc = [p for p in arc if p[1] <= min(line[0][1], line[-1][1])]
        pen.polygon([start, *arc, end, *reversed(line)], fill)
    pen.stroke(line, LINE, edge)
    shine = [(head.x + head.rx * s, head.y - head.top * h) for s, h in _SHINE]
    pen.stroke(shine, 0.022, blend(color, (255, 255, 255), 0.28))


_SHINE = [(-0.55, 0.84), (-0.4, 0.91), (-0.22, 0.955)]


def _blob(pen: Pen, head: Head, x: float, y: float, rx: float, ry: float) -> None:
    pen.blob(x, y, rx, ry, head.hair, edge_of(head.hair), LINE)


def _bald_behind(pen: Pen, head: Head) -> None:
    for side in (-1, 1):
        _blob(pen, head, head.x + side * head.rx * 0.97 + head.back, head.y - 0.04, 0.072, 0.1)


def _long_behind(pen: Pen, head: Head) -> None:
    x, rx = head.x + head.back, head.rx + 0.07
    for grow, fill in ((LINE, edge_of(head.hair)), (0.0, head.hair)):
        pen.ellipse(x, head.y - 0.01, rx + grow, head.top + 0.03 + grow, fill)
        wide = rx + 0.03 + grow
        corners = [(x - rx - grow, head.y), (x + rx + grow, head.y)]
        pen.polygon([*corners, (x + wide, 0.88 + grow), (x - wide, 0.88 + grow)], fill)
        for side in (-1, 1):
            pen.ellipse(x + side * (wide - 0.12), 0.88, 0.12, 0.05 + grow, fill)


def _bun_behind(pen: Pen, head: Head) -> None:
    _blob(pen, head, head.x + 2 * head.back, head.y - head.top - 0.075, 0.115, 0.1)


_CURLS = [math.pi * k / 9 for k in range(-2, 12)]


def _afro_behind(pen: Pen, head: Head) -> None:
    x, y, r = head.x + head.back, head.y - 0.08, head.rx + 0.06
    for grow, fill in ((LINE, edge_of(head.hair)), (0.0, head.hair)):
        for t in _CURLS:
            pen.ellipse(x - r * math.cos(t), y - r * math.sin(t), 0.085 + grow, 0.085 + grow, fill)
        pen.ellipse(x, y, r, r, fill)


def _pigtails_behind(pen: Pen, head: Head) -> None:
    for side in (-1, 1):
        x = head.x + side * (head.rx + 0.09) + head.back
        _blob(pen, head, x, head.y + 0.09, 0.085, 0.17)
        pen.blob(x - side * 0.035, head.y - 0.075, 0.04, 0.04, _TIE, edge_of(_TIE), LINE)


def _bald_front(pen: Pen, head: Head) -> None:
    shine = [(head.x + head.rx * s, head.y - head.top * (h - 0.12)) for s, h in _SHINE]
    pen.stroke(shine, 0.03, blend(head.skin, (255, 255, 255), 0.6))


def _afro_front(pen: Pen, head: Head) -> None:
    for grow, fill in ((LINE, edge_of(head.hair)), (0.0, head.hair)):
        for angle, height in (
            (-1.15, 0.13),
            (-0.7, 0.19),
            (-0.2, 0.215),
            (0.3, 0.21),
            (1.15, 0.13),
        ):
            pen.ellipse(head.across(angle), head.y - height, 0.07 + grow, 0.06 + grow, fill)
        pen.ellipse(head.across(0.75), head.y - 0.185, 0.07 + grow, 0.06 + grow, fill)
    pen.ellipse(head.x + 0.01, head.y - 0.25, head.rx, 0.075, head.hair)


def _nothing(pen: Pen, head: Head) -> None:
    """Draw nothing."""


_Part = Callable[[Pen, Head], None]
_BEHIND: dict[str, _Part] = {
    "bald": _bald_behind,
    "short": _nothing,
    "long": _long_behind,
    "bun": _bun_behind,
    "afro": _afro_behind,
    "pigtails": _pigtails_behind,
}
_IN_FRONT: dict[str, _Part] = {
    "bald": _bald_front,
    "short": lambda pen, head: _cap(pen, head, _FRINGE, 0.055),
    "long": lambda pen, head: _cap(pen, head, _CURTAINS, 0.055),
    "bun": lambda pen, head: _cap(pen, head, _PULLED_BACK, 0.022),
    "afro": _afro_front,
    "pigtails": lambda pen, head: _cap(pen, head, _PARTED, 0.035),
}


def draw_hair_behind(pen: Pen, head: Head, style: str) -> None:
    """Draw what the head will cover."""
    _BEHIND[style](pen, head)


def draw_hair_in_front(pen: Pen, head: Head, style: str) -> None:
    """Draw what lies on the head."""
    _IN_FRONT[style](pen, head)
