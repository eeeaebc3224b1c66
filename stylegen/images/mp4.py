"""MP4 files with H.264, by PyAV, which is an optional package.

Colours are those of BT.709 in the limited range, as players expect, and marked so. H.264 as players
know it halves the resolution of colours (4:2:0) and needs even sides, so small frames are enlarged
by a whole factor, pixel by pixel: their colours then stay as sharp as their brightness.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylegen.errors import InputError
from stylegen.images.reading import flatten

_SMALLEST_PX = 128
_ENCODER = "libx264"
_QUALITY = {"crf": "16", "preset": "medium"}  # hardly to be told from the frames
_BT709 = 1  # of matrix, primaries and transfer alike, in ITU-T H.273


def pyav() -> Any:
    """Return the module of PyAV.

    Raises:
        InputError: it is not installed, or without an encoder for H.264.
    """
    try:
        av = importlib.import_module("av")
    except ImportError as error:
        raise InputError(
            "Writing .mp4 needs PyAV: pip install av (or stylegen[video]); .gif, .webp and a "
            "folder of PNG need nothing more."
        ) from error
    if _ENCODER not in av.codecs_available:
        raise InputError(
            f"This PyAV was built without {_ENCODER}, which .mp4 needs: pip install av brings it; "
            ".gif, .webp and a folder of PNG need nothing more."
        )
    return av


def enlargement(size: tuple[int, int]) -> int:
    """Return the least whole factor that makes both sides even and 128 px or more."""
    factor = -(-_SMALLEST_PX // min(size))
    return factor if all(side * factor % 2 == 0 for side in size) else factor + 1


def _notes(size: tuple[int, int], mode: str) -> list[str]:
    factor, notes = enlargement(size), []
    if factor > 1:
        notes.append(
            f"frames of {size[0]}x{size[1]} are enlarged {factor} times: .mp4 needs even sides, "
            f"and players {_SMALLEST_PX} px"
        )
    if mode in ("LA", "RGBA"):
        notes.append("transparency is laid on white: .mp4 holds none")
    return notes


def _pixels(frame: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """Return (H, W, 3) bytes of the wanted size."""
    rgb = flatten(frame, (255, 255, 255)) if "A" in frame.mode else frame.convert("RGB")
    return np.asarray(rgb.resize(size, Image.Resampling.NEAREST))


def _stream(container: Any, size: tuple[int, int], rate: Fraction) -> Any:
    stream = container.add_stream(_ENCODER, rate=rate, options=_QUALITY)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = 1  # limited
    return stream


@contextmanager
def mp4_writer(
    path: Path, size: tuple[int, int], mode: str, rate: Fraction, notes: list[str]
) -> Iterator[Callable[[Image.Image], None]]:
    """Write an MP4 file whose index stands first, so that it plays while it loads.

    Args:
        path: the file, of any name.
        size: (width, height) of every frame in pixels.
        mode: Pillow's mode of every frame.
        rate: frames a second.
        notes: gets what had to be changed, as sentences for people.

    Yields:
        A function that adds a frame.

    Raises:
        InputError: PyAV is missing.
    """
    av, factor, count = pyav(), enlargement(size), 0
    wanted = (size[0] * factor, size[1] * factor)
    notes += _notes(size, mode)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = _stream(container, wanted, rate)

        def add(frame: Image.Image) -> None:
            nonlocal count
            raw = av.VideoFrame.from_ndarray(_pixels(frame, wanted), format="rgb24")
            yuv = raw.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            yuv.pts, yuv.time_base = count, 1 / rate
            container.mux(stream.encode(yuv))
            count += 1

        yield add
        container.mux(stream.encode(None))
