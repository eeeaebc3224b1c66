"""The known factors of the built-in cartoon faces: what varies, over which values, drawn how.

All factors are drawn independently: coarse ones (pose, face shape, hair style), expression,
and colours. Face i of seed s depends on (s, i) alone, not on how many are drawn. Only
random.Random(str).random() is used, whose numbers Python keeps the same in all versions.
"""

import dataclasses
import random
from dataclasses import dataclass
from typing import Any

Color = tuple[int, int, int]

HAIR_STYLES = ("bald", "short", "long", "bun", "afro", "pigtails")
HAIR_COLORS: dict[str, Color] = {
    "black": (43, 38, 46),
    "brown": (110, 66, 40),
    "ginger": (214, 98, 40),
    "blond": (242, 200, 92),
    "silver": (208, 212, 222),
    "pink": (240, 112, 160),
    "blue": (62, 104, 204),
    "green": (52, 148, 104),
}
SKIN_COLORS: dict[str, Color] = {
    "porcelain": (255, 226, 204),
    "peach": (250, 202, 166),
    "honey": (228, 172, 122),
    "tan": (198, 138, 94),
    "brown": (154, 100, 66),
    "deep": (112, 72, 52),
}
BACKGROUND_COLORS: dict[str, Color] = {
    "sky": (146, 208, 246),
    "mint": (160, 228, 196),
    "lemon": (252, 232, 150),
    "coral": (255, 168, 148),
    "lilac": (204, 182, 244),
    "rose": (250, 190, 212),
    "teal": (84, 170, 178),
    "cream": (248, 240, 222),
}
SHIRT_COLORS: dict[str, Color] = {
    "red": (222, 68, 72),
    "orange": (246, 146, 54),
    "green": (86, 172, 92),
    "blue": (66, 118, 212),
    "violet": (138, 88, 190),
    "white": (244, 244, 246),
    "navy": (52, 60, 100),
}


def _continuous(low: float, high: float, text: str) -> Any:
    return dataclasses.field(default=(low + high) / 2, metadata={"range": (low, high), "is": text})


def _categorical(values: tuple[Any, ...], text: str) -> Any:
    return dataclasses.field(default=values[0], metadata={"values": values, "is": text})


@dataclass(frozen=True, kw_only=True)
class FaceFactors:
    """Everything that a face is drawn from; the defaults are the middle of each range."""

    yaw: float = _continuous(-1, 1, "head turn, from looking left to looking right in the picture")
    face_width: float = _continuous(-1, 1, "narrow to wide head")
    face_height: float = _continuous(-1, 1, "short to long head")
    jaw: float = _continuous(-1, 1, "pointed to square jaw")
    hair_style: str = _categorical(HAIR_STYLES, "the set's class label")
    smile: float = _continuous(-0.7, 1, "frown to open smile")
    eye_open: float = _continuous(0, 1, "half-closed to wide eyes")
    brow: float = _continuous(-1, 1, "angry to worried slant of the brows")
    glasses: bool = _categorical((False, False, False, True), "round glasses (one face in four)")
    hair_color: str = _categorical(tuple(HAIR_COLORS), "colour of hair and brows")
    skin_color: str = _categorical(tuple(SKIN_COLORS), "colour of skin")
    background_color: str = _categorical(tuple(BACKGROUND_COLORS), "colour behind the head")
    shirt_color: str = _categorical(tuple(SHIRT_COLORS), "colour of the shirt")
    hair_shade: float = _continuous(-1, 1, "slightly darker to lighter hair")
    skin_shade: float = _continuous(-1, 1, "slightly darker to lighter skin")
    background_shade: float = _continuous(-1, 1, "slightly darker to lighter background")
    shirt_shade: float = _continuous(-1, 1, "slightly darker to lighter shirt")
    shift_x: float = _continuous(-1, 1, "small move to the left or right")
    shift_y: float = _continuous(-1, 1, "small move up or down")


def _describe(field: dataclasses.Field[Any]) -> dict[str, Any]:
    shared = {"name": field.name, "description": field.metadata["is"]}
    if "range" in field.metadata:
        return {**shared, "kind": "continuous", "values": list(field.metadata["range"])}
    return {
        **shared,
        "kind": "categorical",
        "values": list(dict.fromkeys(field.metadata["values"])),
    }


FACTORS: tuple[dict[str, Any], ...] = tuple(_describe(f) for f in dataclasses.fields(FaceFactors))
"""One dict a factor: name, description, kind "continuous" (values: low, high) or "categorical"."""


def _draw(field: dataclasses.Field[Any], u: float) -> Any:
    if "range" in field.metadata:
        low, high = field.metadata["range"]
        return round(low + (high - low) * u, 4)
    values = field.metadata["values"]
    return values[int(u * len(values))]


def sample_factors(seed: int, index: int) -> FaceFactors:
    """Draw the factors of face ``index`` of the set with this seed, each uniform over its range."""
    rng = random.Random(f"stylegen face {seed} {index}")
    return FaceFactors(
        **{field.name: _draw(field, rng.random()) for field in dataclasses.fields(FaceFactors)}
    )
