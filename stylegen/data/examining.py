"""Look at every file of a set once: is it whole, how large, of what kind, and what is on it.

Small pictures of all files are kept, T pixels square in RGB on the background, for comparing them.

N files, T = 16.
"""

import functools
import hashlib
import io
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stylegen.data.sources import Source
from stylegen.data.threads import Progress, in_chunks
from stylegen.images import ImageReadError, Picture, flatten, parse_color, read_picture

SMALL_PX = 16


class FileFacts(NamedTuple):
    """What a file is; one that cannot be read has a reason, and zeros elsewhere.

    Attributes:
        name: the file's.
        width: upright, in pixels.
        height: upright, in pixels.
        kind: what a pixel is, as in :class:`stylegen.images.Picture`.
        format: PNG, JPEG, ...
        is_turned: whether the file asks for its pixels to be turned.
        frames: pictures in the file.
        is_opaque: no pixel is transparent.
        digest: over the size and the pixels; equal for files that show the same.
        reason: why the file cannot be read; "" if it can.
    """

    name: str
    width: int = 0
    height: int = 0
    kind: str = ""
    format: str = ""
    is_turned: bool = False
    frames: int = 0
    is_opaque: bool = True
    digest: bytes = b""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """All files of a set.

    Attributes:
        files: what each is, in order of name.
        small: (N, T, T, 3) uint8, a small picture of each; zeros for broken files.
        histogram: (4, 256) int64, pixels of each value in R, G, B (on the background) and alpha.
    """

    files: list[FileFacts]
    small: NDArray[np.uint8]
    histogram: NDArray[np.int64]

    @property
    def usable(self) -> NDArray[np.int64]:
        """Indices of the files that can be read."""
        return np.flatnonzero([not file.reason for file in self.files])


def _facts(name: str, picture: Picture) -> FileFacts:
    pixels, is_opaque = picture.pixels, True
    if pixels.mode == "RGBA":
        is_opaque = pixels.getchannel("A").getextrema() == (255, 255)
        if is_opaque:
            pixels = pixels.convert("RGB")
    head = f"{pixels.mode} {pixels.width} {pixels.height} ".encode()
    return FileFacts(
        name=name,
        width=pixels.width,
        height=pixels.height,
        kind=picture.kind,
        format=picture.format,
        is_turned=picture.is_turned,
        frames=picture.frames,
        is_opaque=is_opaque,
        digest=hashlib.sha256(head + pixels.tobytes()).digest()[:16],
    )


def _examine_some(
    source: Source, background: tuple[int, int, int], small: NDArray[np.uint8], indices: range
) -> tuple[list[FileFacts], NDArray[np.int64]]:
    facts, histogram = [], np.zeros(1024, np.int64)
    for i in indices:
        name = source.names[i]
        try:
            picture = read_picture(io.BytesIO(source.read(name)))
        except ImageReadError as error:
            facts.append(FileFacts(name, reason=str(error)))
            continue
        facts.append(_facts(name, picture))
        rgb = picture.pixels
        if rgb.mode == "RGBA":
            histogram[768:] += rgb.getchannel("A").histogram()
            rgb = flatten(rgb, background)
        else:
            histogram[1023] += rgb.width * rgb.height
        histogram[:768] += rgb.histogram()
        size = (SMALL_PX, SMALL_PX)
        small[i] = np.asarray(rgb.resize(size, Image.Resampling.BOX, reducing_gap=2.0))
    return facts, histogram


def examine(source: Source, background: str, progress: Progress | None = None) -> Examination:
    """Read and decode every file of a set once, in threads.

    Args:
        source: the files.
        background: colour behind transparency, a name or #rrggbb.
        progress: called with (files done, files in all) now and then.

    Raises:
        InputError: the background is no colour.
        OSError: the system refuses, for lack of file handles or memory.
    """
    count = len(source.names)
    small = np.zeros((count, SMALL_PX, SMALL_PX, 3), np.uint8)
    job = functools.partial(_examine_some, source, parse_color(background), small)
    files: list[FileFacts] = []
    histogram = np.zeros(1024, np.int64)
    for facts, counted in in_chunks(job, count, progress):
        files += facts
        histogram += counted
    return Examination(files=files, small=small, histogram=histogram.reshape(4, 256))
