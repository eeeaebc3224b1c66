"""The geometry of a cartoon head: where things on a turned ball appear.

Unit coordinates: x to the right, y down, the picture is [0, 1] x [0, 1].
"""

import math
from dataclasses import dataclass

from stylegen.data.pen import Color, Point, blend, superellipse

INK: Color = (40, 32, 44)
LINE = 0.014  # width of outlines


def edge_of(fill: Color) -> Color:
    """The outline's colour for a filling."""
    return blend(fill, INK, 0.6)


@dataclass(frozen=True)
class Head:
    """A head's middle, radii and colours; turn in radians, positive to the right."""

    x: float
    y: float
    rx: float
    top: float
    bottom: float
    power: float
    turn: float
    skin: Color
    hair: Color

    @property
    def back(self) -> float:
        """How far the back of the head moves against the turn."""
        return -0.11 * self.rx * math.sin(self.turn)

    def across(self, angle: float) -> float:
        """X of a feature at this angle (radians) from the middle of the face."""
        seen = min(max(angle + self.turn, -math.pi / 2), math.pi / 2)
        return self.x + self.rx * math.sin(seen)

    def narrowing(self, angle: float) -> float:
        """Width of a feature at this angle, 1 when seen from the front."""
        return min(1.05, max(0.45, math.cos(angle + self.turn) / math.cos(angle)))

    def outline(self, grow: float = 0.0) -> list[Point]:
        """The head's outline, moved outwards by ``grow``."""
        rx, top, bottom = self.rx + grow, self.top + grow, self.bottom + grow
        return superellipse(self.x, self.y, rx, top, bottom, self.power)
