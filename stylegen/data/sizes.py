"""Sizes of images as users write them: 64 is a square, 96x64 is width x height, in pixels.

Free of torch: the command line reads its options with it.
"""

import re

from stylegen.errors import InputError

MAX_SIDE_PX = 8192

Resolution = int | tuple[int, int]  # the side of a square, or (width, height)


def size_of(resolution: Resolution) -> tuple[int, int]:
    """Return (width, height) in pixels.

    Raises:
        InputError: a side is not a whole number from 1 to 8192.
    """
    sides = (resolution, resolution) if isinstance(resolution, int) else tuple(resolution)
    if len(sides) != 2 or any(type(side) is not int for side in sides):
        raise InputError(
            f"The resolution should be a side or (width, height) in pixels, not {resolution!r}."
        )
    if not all(1 <= side <= MAX_SIDE_PX for side in sides):
        raise InputError(
            f"The resolution should be 1 to {MAX_SIDE_PX} pixels, not {size_text(*sides)}."
        )
    return sides


def resolution_of(width: int, height: int) -> Resolution:
    """Return the side of a square, or else (width, height)."""
    return width if width == height else (width, height)


def size_text(width: int, height: int) -> str:
    """Return a size as users write it: "64", or "96x64"."""
    return str(width) if width == height else f"{width}x{height}"


def parse_resolution(text: str) -> Resolution:
    """Read "64" as a square's side, "96x64" as (width, height).

    Raises:
        InputError: the text has another form, or a side is out of range.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*(?:[xX×]\s*(\d{1,6})\s*)?", text)
    if match is None:
        raise InputError(
            f"The resolution is {text!r}; wanted pixels such as 64, or width x height such as "
            "96x64."
        )
    width = int(match[1])
    sides = size_of((width, int(match[2] or width)))
    return resolution_of(*sides)
