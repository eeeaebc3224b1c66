"""Animated GIF and WebP files, written frame by frame, each frame with its own exact delay.

Pillow compresses the single frames; the containers are written here, because Pillow's own writers
hold all frames in memory, drop frames that repeat and give every GIF frame a palette of its own,
which flickers.

Source: GIF89a specification (CompuServe 1990), sections 18-27; WebP container specification
(RFC 9649), section 2.7.
"""

import io
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import GifImagePlugin, Image

from stylegen.errors import InputError
from stylegen.images.framerate import delay, rounding_note

GIF_TICKS, WEBP_TICKS = 100, 1000  # a second
_LARGEST_WEBP_PX, _LARGEST_GIF_PX = 16383, 65535
_WEBP_QUALITY = 90
_EXACT_WEBP_PIXELS = 128 * 128  # whose colours, halved in resolution, would suffer most
_PALETTE_PIXELS = 1 << 20  # that a GIF's palette is made from, of all frames together
_SAMPLE_SEED = 0


@contextmanager
def webp_writer(
    path: Path, size: tuple[int, int], mode: str, rate: Fraction, notes: list[str]
) -> Iterator[Callable[[Image.Image], None]]:
    """Write an animated WebP file that repeats without end.

    Frames of up to 128x128 pixels are exact; larger ones are compressed with loss.

    Args:
        path: the file.
        size: (width, height) of every frame in pixels.
        mode: Pillow's mode of every frame.
        rate: frames a second.
        notes: gets a sentence for people if the time had to be rounded.

    Yields:
        A function that adds a frame.

    Raises:
        InputError: the frames are larger than the format holds.
    """
    if max(size) > _LARGEST_WEBP_PX:
        raise InputError(
            f"WebP holds frames of at most {_LARGEST_WEBP_PX} pixels a side, not "
            f"{size[0]}x{size[1]}; write .mp4 or a folder instead."
        )
    count = 0
    canvas = _uint24(size[0] - 1) + _uint24(size[1] - 1)
    has_alpha = mode in ("LA", "RGBA")
    with path.open("wb") as file:
        file.write(b"RIFF\0\0\0\0WEBP")
        file.write(_chunk(b"VP8X", bytes([0x12 if has_alpha else 0x02, 0, 0, 0]) + canvas))
        file.write(_chunk(b"ANIM", bytes(6)))  # transparent background, endless

        def add(frame: Image.Image) -> None:
            nonlocal count
            shown = _uint24(delay(count, rate, WEBP_TICKS))
            about = bytes(6) + canvas + shown + b"\x02"  # replaces what was there
            file.write(_chunk(b"ANMF", about + _webp_bitstream(frame)))
            count += 1

        yield add
        length = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", length))
    notes += rounding_note(count, rate, WEBP_TICKS)


def _uint24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _webp_bitstream(frame: Image.Image) -> bytes:
    """Return the chunks of a still WebP file that hold its pixels."""
    file = io.BytesIO()
    if frame.width * frame.height <= _EXACT_WEBP_PIXELS:
        frame.save(file, format="WEBP", lossless=True, exact=True)
    else:
        frame.save(file, format="WEBP", quality=_WEBP_QUALITY, method=4)
    data, start, kept = file.getvalue(), 12, b""
    while start < len(data):
        name, length = data[start : start + 4], struct.unpack_from("<I", data, start + 4)[0]
        if name in (b"ALPH", b"VP8 ", b"VP8L"):
            kept += _chunk(name, data[start + 8 : start + 8 + length])
        start += 8 + length + length % 2
    return kept


@contextmanager
def gif_writer(
    path: Path, size: tuple[int, int], mode: str, rate: Fraction, notes: list[str]
) -> Iterator[Callable[[Image.Image], None]]:
    """Write an animated GIF file that repeats without end.

    One palette serves all frames, without dithering, so nothing flickers. Grey frames are
    exact. Of an alpha channel, pixels are transparent below one half and opaque from it on. The
    frames wait in an unnamed file beside ``path`` until the palette is known.

    Args:
        path: the file.
        size: (width, height) of every frame in pixels.
        mode: Pillow's mode of every frame.
        rate: frames a second.
        notes: gets a sentence for people if the time had to be rounded.

    Yields:
        A function that adds a frame.

    Raises:
        InputError: the frames are larger than the format holds.
    """
    if max(size) > _LARGEST_GIF_PX:
        raise InputError(f"GIF holds frames of at most {_LARGEST_GIF_PX} pixels a side, not {size}")
    count = 0
    with path.open("wb") as file, tempfile.TemporaryFile(dir=path.parent) as waiting:

        def add(frame: Image.Image) -> None:
            nonlocal count
            waiting.write(frame.tobytes())
            count += 1

        yield add

        def frames() -> Iterator[Image.Image]:
            waiting.seek(0)
            for _ in range(count):
                pixels = waiting.read(size[0] * size[1] * len(mode))
                yield Image.frombytes(mode, size, pixels)

        palette = _palette(frames(), mode, max(1, _PALETTE_PIXELS // count))
        file.write(_gif_header(size, palette))
        for i, frame in enumerate(frames()):
            file.write(_gif_frame(frame, palette, delay(i, rate, GIF_TICKS)))
        file.write(b";")
    notes += rounding_note(count, rate, GIF_TICKS)


def _palette(frames: Iterator[Image.Image], mode: str, pixels_of_each: int) -> Image.Image:
    """Return a Pillow image whose palette fits all frames; the last entry stays for transparency.

    Pixels are drawn at random, the same at every call.
    """
    if mode == "L":
        greys = Image.new("P", (1, 1))
        greys.putpalette(bytes(np.repeat(np.arange(256, dtype=np.uint8), 3)))
        return greys
    random = np.random.default_rng(_SAMPLE_SEED)
    parts = []
    for frame in frames:
        pixels = np.asarray(frame.convert("RGBA")).reshape(-1, 4)
        pixels = pixels[pixels[:, 3] >= 128, :3]
        some = random.permutation(len(pixels))[:pixels_of_each]
        parts.append(pixels[np.sort(some)])
    sample = np.concatenate([*parts, np.zeros((1, 3), np.uint8)])  # none may be opaque
    colors = 255 if mode in ("LA", "RGBA") else 256
    return Image.fromarray(sample[None]).quantize(colors, Image.Quantize.MEDIANCUT)


def _gif_header(size: tuple[int, int], palette: Image.Image) -> bytes:
    """Return the screen, the palette that all frames share, and that the animation repeats."""
    colors = bytes(palette.getpalette("RGB") or [])
    screen = b"GIF89a" + struct.pack("<HHBBB", *size, 0xF7, 0, 0)
    return screen + colors.ljust(768, b"\0") + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"


def _gif_frame(frame: Image.Image, palette: Image.Image, hundredths: int) -> bytes:
    """Return one frame's blocks."""
    options = {"duration": 10 * hundredths, "disposal": 1}
    if frame.mode == "L":
        indices = Image.frombytes("P", frame.size, frame.tobytes())
    else:
        indices = frame.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)
    if frame.mode in ("LA", "RGBA"):
        hidden = frame.getchannel("A").point([255] * 128 + [0] * 128)
        indices.paste(255, mask=hidden)
        options |= {"transparency": 255, "disposal": 2}
    return b"".join(GifImagePlugin.getdata(indices, (0, 0), **options))
