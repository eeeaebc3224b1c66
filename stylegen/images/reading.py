"""Read any picture file right: orientation, palettes, transparency, CMYK, 16-bit grey.

png, jpg, webp, bmp, tiff (and gif's first frame) by content, never by suffix. Colour profiles
are not applied. Whatever a broken file does inside Pillow ends as one ImageReadError.
"""

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageColor,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from stylegen.errors import InputError
from stylegen.images.pixels import MODES

_PLUGINS = (
    PngImagePlugin.PngImageFile,
    JpegImagePlugin.JpegImageFile,
    WebPImagePlugin.WebPImageFile,
    BmpImagePlugin.BmpImageFile,
    BmpImagePlugin.DibImageFile,
    TiffImagePlugin.TiffImageFile,
    GifImagePlugin.GifImageFile,
)
# The reason of a broken file travels in ImageReadError; Pillow need not print its own to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())
FORMATS = tuple(str(plugin.format) for plugin in _PLUGINS)
_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


_KINDS = {
    "1": "1-bit", "L": "grey", "LA": "grey + alpha", "La": "grey + alpha", "P": "palette",
    "PA": "palette + alpha", "F": "float grey", "I": "16-bit grey",
}  # fmt: skip


class ImageReadError(InputError):
    """A file that holds no image that can be read; the message is the reason, without the name."""


class _QuietPillow:
    """While any thread reads, warnings raised inside Pillow are not shown.

    warnings.catch_warnings alone restores the wrong filters when threads overlap: the first
    reader enters it, the last one leaves it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._readers == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if self._readers == 0:
                self._saved.__exit__(None, None, None)


_quiet_pillow = _QuietPillow()


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a png, jpg, webp, bmp or tiff image"
    if isinstance(error, Image.DecompressionBombError):
        return "more than 178 million pixels"
    return str(error).strip().rstrip(".") or type(error).__name__


@contextlib.contextmanager
def _opened(fp: BinaryIO | str | Path) -> Iterator[Image.Image]:
    """Open with Pillow, quietly; every failure to decode becomes an ImageReadError."""
    try:
        with _quiet_pillow, Image.open(fp, formats=FORMATS) as image:
            yield image
    except ImageReadError:
        raise
    except Exception as error:  # Pillow's decoders raise nearly anything on hostile files
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the system refused, the file is not to blame
        raise ImageReadError(_reason(error)) from error


def parse_color(color: str) -> tuple[int, int, int]:
    """Read a colour's name or #rrggbb as three bytes.

    Raises:
        InputError: it is neither.
    """
    try:
        rgb = ImageColor.getrgb(color)
        if len(rgb) != 3:
            raise ValueError("an opacity was given as well")
        return rgb
    except (ValueError, AttributeError, TypeError):
        raise InputError(
            f"A colour should be a name such as white or a code such as #80c0ff, not {color!r}."
        ) from None


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) when the EXIF block cannot be read."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return 1


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey (0..65535) or float grey (0..1) to 8 bits; a transparent value to LA."""
    values = np.asarray(image).astype(np.float64)
    top = 1.0 if image.mode == "F" else 65535.0
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > top:
        raise ImageReadError(f"{image.mode} pixels outside 0..{top:g}; convert it to 8 or 16 bits")
    grey = Image.fromarray(np.rint(values * (255 / top)).astype(np.uint8))
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
        grey.putalpha(Image.fromarray(alpha))
    return grey


def flatten(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Composite an image with transparency on a background colour; RGB is returned."""
    canvas = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(canvas, image.convert("RGBA")).convert("RGB")


def _to_channels(
    image: Image.Image, channels: int, background: tuple[int, int, int]
) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        image = _from_deep_grey(image)
    if image.mode in ("LAB", "HSV", "YCbCr", "CMYK"):
        image = image.convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if channels in (1, 3):
            image = flatten(image, background)
    if image.mode in ("P", "PA"):
        image = image.convert("RGB")
    return image.convert(MODES[channels])


def read_image(
    fp: BinaryIO | str | Path, channels: int = 3, background: str = "white"
) -> Image.Image:
    """Read a picture upright, as 8-bit grey, grey + alpha, RGB or RGBA.

    Args:
        fp: a path or an open binary file.
        channels: 1 gives mode L, 2 LA, 3 RGB, 4 RGBA.
        background: what shows through transparency for 1 and 3 channels: a name or #rrggbb.

    Returns:
        A loaded Pillow image that holds no file open. 16-bit grey is v / 257, rounded.

    Raises:
        ImageReadError: the file is broken, truncated, too large or no image.
        InputError: channels or background is not as above.
        OSError: there is no such file, or it may not be opened.
    """
    if channels not in MODES:
        raise InputError(f"Images have 1, 2, 3 or 4 channels, not {channels}.")
    color = parse_color(background)
    with _opened(fp) as image:
        image.load()
        turn = _TURNS.get(_orientation(image))
        pixels = _to_channels(image, channels, color)
        upright = pixels.copy() if turn is None else pixels.transpose(turn)
    upright.info.clear()
    return upright


class Picture(NamedTuple):
    """A picture as its file holds it.

    Attributes:
        pixels: upright, RGB, or RGBA where the file has transparency.
        kind: what a pixel is in the file, such as "RGB", "grey", "palette" or "16-bit grey".
        format: PNG, JPEG, ...
        is_turned: whether the file asks for its pixels to be turned.
        frames: pictures in the file, of which the first is read.
    """

    pixels: Image.Image
    kind: str
    format: str
    is_turned: bool
    frames: int


def _kind(image: Image.Image) -> str:
    kind = _KINDS.get(image.mode) or ("16-bit grey" if image.mode.startswith("I;") else image.mode)
    if image.has_transparency_data and not kind.endswith(("A", "alpha")):
        return "RGBA" if kind == "RGB" else f"{kind} + alpha"
    return kind


def read_picture(fp: BinaryIO | str | Path) -> Picture:
    """Read a picture and what kind of file it lies in.

    Raises:
        ImageReadError: the file is broken, truncated, too large or no image.
        OSError: there is no such file, or it may not be opened.
    """
    with _opened(fp) as image:
        kind, frames = _kind(image), int(getattr(image, "n_frames", 1))
        image.load()
        turn = _TURNS.get(_orientation(image))
        pixels = _to_channels(image, 4 if image.has_transparency_data else 3, (0, 0, 0))
        upright = pixels.copy() if turn is None else pixels.transpose(turn)
    upright.info.clear()
    return Picture(upright, kind, str(image.format), turn is not None, frames)


def read_size(fp: BinaryIO | str | Path) -> tuple[int, int]:
    """Read a picture's upright width and height in pixels from its head.

    Raises:
        ImageReadError: the file is no image or its head is broken.
    """
    with _opened(fp) as image:
        turned = _orientation(image) >= 5
        if turned and image.format == "TIFF":  # Pillow turns these itself, at the latest on load
            image.load()
            turned = False
        return image.size[::-1] if turned else image.size
