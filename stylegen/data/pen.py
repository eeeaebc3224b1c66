"""A pen for drawing in unit coordinates: x to the right, y down, the picture is [0, 1] x [0, 1]."""

import math

from PIL import Image, ImageDraw

Color = tuple[int, int, int]
Point = tuple[float, float]


def blend(a: Color, b: Color, t: float) -> Color:
    """Mix two colours: a at t = 0, b at t = 1."""
    r, g, bl = (round(x + (y - x) * t) for x, y in zip(a, b, strict=True))
    return r, g, bl


class Pen:
    """Draws filled shapes, each with an outline around it, into a square Pillow image."""

    def __init__(self, image: Image.Image) -> None:
        self._size = image.width
        self._draw = ImageDraw.Draw(image)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Color) -> None:
        """Fill the ellipse around (x, y) with radii rx and ry."""
        s = self._size
        box = ((x - rx) * s, (y - ry) * s, (x + rx) * s - 1, (y + ry) * s - 1)
        if box[2] >= box[0] and box[3] >= box[1]:
            self._draw.ellipse(box, fill=fill)

    def blob(
        self, x: float, y: float, rx: float, ry: float, fill: Color, edge: Color, width: float
    ) -> None:
        """Fill an ellipse with an outline of the given width outside it."""
        self.ellipse(x, y, rx + width, ry + width, edge)
        self.ellipse(x, y, rx, ry, fill)

    def polygon(self, points: list[Point], fill: Color) -> None:
        """Fill a closed outline."""
        self._draw.polygon([(x * self._size, y * self._size) for x, y in points], fill=fill)

    def stroke(self, points: list[Point], width: float, fill: Color) -> None:
        """Draw a line of the given width with round ends and joints."""
        s = self._size
        self._draw.line([(x * s, y * s) for x, y in points], fill=fill, width=round(width * s))
        for x, y in points:
            self.ellipse(x, y, width / 2, width / 2, fill)

    def ring(self, x: float, y: float, r: float, width: float, color: Color) -> None:
        """Draw a circle's line, hollow inside."""
        s = self._size
        box = ((x - r) * s, (y - r) * s, (x + r) * s - 1, (y + r) * s - 1)
        self._draw.ellipse(box, outline=color, width=max(1, round(width * s)))


def superellipse(
    x: float, y: float, rx: float, top: float, bottom: float, power: float, steps: int = 40
) -> list[Point]:
    """Outline whose upper half is elliptic and whose lower half has the given power.

    Power 2 is an ellipse, less a pointed chin, more a square jaw; |u|^p + |v|^p = 1.
    """
    points = []
    for k in range(steps):
        c, s = math.cos(2 * math.pi * k / steps), math.sin(2 * math.pi * k / steps)
        p = power if s > 0 else 2.0
        u = math.copysign(abs(c) ** (2 / p), c)
        v = math.copysign(abs(s) ** (2 / p), s)
        points.append((x + rx * u, y + (bottom if v > 0 else top) * v))
    return points
