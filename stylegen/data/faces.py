"""Draw a cartoon face from its factors.

Drawn with Pillow at four times the resolution and averaged down, back to front. The head is a
ball that turns by the yaw: a feature at angle a from the middle of the face lies at
sin(a + yaw) and is narrowed by cos(a + yaw).
"""

import math

from PIL import Image

from stylegen.data.factors import (
    BACKGROUND_COLORS,
    HAIR_COLORS,
    SHIRT_COLORS,
    SKIN_COLORS,
    FaceFactors,
)
from stylegen.data.hair import draw_hair_behind, draw_hair_in_front
from stylegen.data.head import INK, LINE, Head, edge_of
from stylegen.data.pen import Color, Pen, Point, blend
from stylegen.errors import InputError

SUPERSAMPLING = 4
_WHITE: Color = (255, 255, 255)
_BLUSH: Color = (255, 84, 96)
_DARK_LIP: Color = (126, 26, 44)
_LIGHT_LIP: Color = (226, 100, 108)
_SHADOW: Color = (132, 58, 44)
_EYE_ANGLE = 0.47


def _shaded(color: Color, shade: float) -> Color:
    return blend(color, _WHITE if shade > 0 else INK, 0.09 * abs(shade))


def _head(f: FaceFactors) -> Head:
    return Head(
        x=0.5 + 0.012 * f.shift_x,
        y=0.53 + 0.012 * f.shift_y,
        rx=0.272 + 0.024 * f.face_width,
        top=0.27,
        bottom=0.275 + 0.032 * f.face_height,
        power=2.35 + (0.9 if f.jaw > 0 else 0.4) * f.jaw,
        turn=0.36 * f.yaw,
        skin=_shaded(SKIN_COLORS[f.skin_color], f.skin_shade),
        hair=_shaded(HAIR_COLORS[f.hair_color], f.hair_shade),
    )


def _background(f: FaceFactors, size: int) -> Image.Image:
    color = _shaded(BACKGROUND_COLORS[f.background_color], f.background_shade)
    top = blend(color, _WHITE, 0.4)
    column = Image.new("RGB", (1, 16))
    for y in range(16):
        column.putpixel((0, y), blend(top, color, y / 15))
    return column.resize((size, size), Image.Resampling.BILINEAR)


def _draw_body(pen: Pen, head: Head, f: FaceFactors) -> None:
    shirt = _shaded(SHIRT_COLORS[f.shirt_color], f.shirt_shade)
    shadow = blend(head.skin, _SHADOW, 0.4)
    pen.blob(head.x, 1.06, 0.36, 0.22, shirt, edge_of(shirt), LINE)
    pen.blob(head.x, 0.87, 0.13, 0.05, blend(shirt, _WHITE, 0.3), edge_of(shirt), LINE)
    sides = (head.x - 0.085, head.x + 0.085)
    pen.polygon([(sides[0], 0.7), (sides[1], 0.7), (sides[1], 0.87), (sides[0], 0.87)], shadow)
    pen.ellipse(head.x, 0.87, 0.085, 0.03, shadow)


def _draw_skull(pen: Pen, head: Head) -> None:
    edge = edge_of(head.skin)
    for side in (-1, 1):
        x = head.x + side * (head.rx + 0.012) + 1.2 * head.back
        pen.blob(x, head.y + 0.035, 0.05, 0.062, head.skin, edge, LINE)
        pen.ellipse(x, head.y + 0.035, 0.024, 0.034, blend(head.skin, _BLUSH, 0.35))
    pen.polygon(head.outline(LINE), edge)
    pen.polygon(head.outline(), head.skin)


def _draw_cheeks_and_nose(pen: Pen, head: Head) -> None:
    blush = blend(head.skin, _BLUSH, 0.3)
    for angle in (-0.66, 0.66):
        width = 0.05 * head.narrowing(angle)
        pen.ellipse(head.across(angle), head.y + 0.115, width, 0.034, blush)
    x = head.across(0) + 0.035 * math.sin(head.turn)
    pen.ellipse(x, head.y + 0.088, 0.032, 0.026, blend(head.skin, (190, 50, 40), 0.32))


def _draw_eye(pen: Pen, head: Head, f: FaceFactors, side: int) -> None:
    angle = side * _EYE_ANGLE
    x, y, narrow = head.across(angle), head.y + 0.012, head.narrowing(angle)
    rx, ry = 0.07 * narrow, 0.035 + 0.051 * f.eye_open
    pen.blob(x, y, rx, ry, _WHITE, edge_of(head.skin), LINE * 0.8)
    pupil_rx, pupil_ry = 0.043 * narrow, min(0.045, ry * 0.92)
    gaze = x + 0.6 * (rx - pupil_rx) * (math.sin(2.4 * head.turn) - 0.2 * side)
    pen.ellipse(gaze, y, pupil_rx, pupil_ry, INK)
    pen.ellipse(gaze + 0.013, y - 0.4 * pupil_ry, 0.014, 0.014, _WHITE)
    inner, outer = -0.032 * f.brow, 0.02 * f.brow  # inner ends up when worried
    brow_y = y - ry - 0.045
    ends: list[Point] = [(x - side * rx, brow_y + inner), (x, brow_y - 0.006)]
    pen.stroke([*ends, (x + side * rx, brow_y + outer)], 0.028, edge_of(head.hair))


def _draw_mouth(pen: Pen, head: Head, smile: float) -> None:
    x = head.across(0) + 0.012 * math.sin(head.turn)
    y, half = head.y + 0.17, (0.09 + 0.02 * smile) * head.narrowing(0.0)
    us = [k / 8 - 1 for k in range(17)]
    upper = [(x + half * u, y + 0.042 * smile * (0.5 - u * u)) for u in us]
    gape = 0.066 * max(0.0, smile - 0.1)
    lower = [(px, py + gape * (1 - u * u)) for (px, py), u in zip(upper, us, strict=True)]
    lip = _DARK_LIP if sum(head.skin) > 330 else _LIGHT_LIP
    pen.polygon([*upper, *reversed(lower)], lip)
    if gape > 0.02:
        teeth = [
            (px, py + min(0.4 * gape, 0.024) * (1 - u * u))
            for (px, py), u in zip(upper, us, strict=True)
        ]
        pen.polygon([*upper, *reversed(teeth)], _WHITE)
    for line in (upper, lower):
        pen.stroke(line, 0.021, lip)


def _draw_glasses(pen: Pen, head: Head) -> None:
    ends = []
    for side in (-1, 1):
        angle = side * _EYE_ANGLE
        x, r = head.across(angle), 0.1 * math.sqrt(head.narrowing(angle))
        pen.ring(x, head.y + 0.012, r, 0.018, INK)
        ends.append((x - side * r, head.y))
    pen.stroke(ends, 0.018, INK)


def render_face(factors: FaceFactors, resolution: int) -> Image.Image:
    """Draw a face.

    Args:
        factors: what to draw; see stylegen.data.FACTORS.
        resolution: width and height in pixels, at least 8.

    Returns:
        An RGB image, always the same for the same factors.

    Raises:
        InputError: the resolution is below 8 or above 1024.
    """
    if not 8 <= resolution <= 1024:
        raise InputError(f"Faces are drawn at 8 to 1024 pixels, not {resolution}.")
    canvas = _background(factors, resolution * SUPERSAMPLING)
    pen, head = Pen(canvas), _head(factors)
    draw_hair_behind(pen, head, factors.hair_style)
    _draw_body(pen, head, factors)
    _draw_skull(pen, head)
    _draw_cheeks_and_nose(pen, head)
    for side in (-1, 1):
        _draw_eye(pen, head, factors, side)
    _draw_mouth(pen, head, factors.smile)
    draw_hair_in_front(pen, head, factors.hair_style)
    if factors.glasses:
        _draw_glasses(pen, head)
    return canvas.reduce(SUPERSAMPLING)
