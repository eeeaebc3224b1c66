"""Videos from frames, written whole or not at all: .mp4, .gif, .webp, or a folder of PNG files."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

from PIL import Image
from torch import Tensor

from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.images.animation import gif_writer, webp_writer
from stylegen.images.framerate import Rate, frame_rate
from stylegen.images.mp4 import mp4_writer, pyav
from stylegen.images.pixels import to_pil

_Add = Callable[[Image.Image], None]
_FASTEST = {".gif": 50, ".webp": 90}  # browsers show delays below 11 ms as 100 ms
_FRAME_NAME = re.compile(r"frame\d{5,}\.png")


def check_video(path: str | os.PathLike[str], fps: Rate, overwrite: bool = False) -> Fraction:
    """Make sure, before the work, that a video can be written.

    Args:
        path: as in :func:`open_video`.
        fps: likewise.
        overwrite: allow a file of that name, or frames in that folder.

    Returns:
        The frame rate.

    Raises:
        InputError: an unknown suffix, a rate that the format cannot show, PyAV is missing, or
            something is there already.
    """
    path, rate = Path(path), frame_rate(fps)
    kind = _kind(path)
    if rate > _FASTEST.get(kind, rate):
        raise InputError(
            f"fps is {fps}, but browsers show {kind} at {_FASTEST[kind]} frames a second at most; "
            "take fewer, or write .mp4"
        )
    if kind == ".mp4":
        pyav()
    if path.is_file() and kind == "":
        raise InputError(f"{path} is a file; wanted a folder")
    found = replaced_by(path)
    if found and not overwrite:
        raise InputError(f"{found[0]} exists already; --overwrite replaces it")
    return rate


def replaced_by(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files that a video of this name would replace: itself, or a folder's frames.

    Raises:
        InputError: an unknown suffix.
    """
    path = Path(path)
    if _kind(path) == "":
        return _frames_in(path)
    return [path] if path.exists() else []


def _kind(path: Path) -> str:
    """Return the suffix of a video file in lower case; empty for a folder."""
    kind = "" if path.is_dir() else path.suffix.lower()
    if kind not in (".mp4", ".gif", ".webp", ""):
        raise InputError(
            f"A video's name should end in .mp4, .gif or .webp, or be a folder's, not {path}."
        )
    return kind


def _frames_in(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if _FRAME_NAME.fullmatch(path.name))


@contextmanager
def _png_writer(
    folder: Path, size: tuple[int, int], mode: str, rate: Fraction, notes: list[str]
) -> Iterator[_Add]:
    """Write numbered files; they know no rate."""
    count = 0

    def add(picture: Image.Image) -> None:
        nonlocal count
        picture.save(folder / f"frame{count:05d}.png", format="PNG")
        count += 1

    yield add


_WRITERS: dict[str, Callable[..., AbstractContextManager[_Add]]] = {
    ".mp4": mp4_writer,
    ".gif": gif_writer,
    ".webp": webp_writer,
    "": _png_writer,
}


class Video:
    """A video that is being written; :func:`open_video` makes it.

    Attributes:
        rate: frames a second.
        count: frames so far.
        notes: what the format made necessary, as sentences for people; complete at the end.
    """

    def __init__(self, path: Path, kind: str, rate: Fraction, stack: ExitStack) -> None:
        self.rate, self.count = rate, 0
        self.notes: list[str] = []
        self._path, self._kind, self._stack = path, kind, stack
        self._shape: tuple[int, ...] = ()
        self._append: _Add | None = None

    def add(self, frame: Tensor) -> None:
        """Append a frame.

        Args:
            frame: uint8 (C, H, W) with C 1 (grey), 2 (grey + alpha), 3 (RGB) or 4 (RGBA).

        Raises:
            InputError: another type or shape, another shape than the first frame's, or one that
                the format cannot hold.
            OSError: the disk refuses.
        """
        picture = to_pil(frame)
        if self._append is None:
            self._shape = tuple(frame.shape)
            writer = _WRITERS[self._kind]
            self._append = self._stack.enter_context(
                writer(self._path, picture.size, picture.mode, self.rate, self.notes)
            )
        if tuple(frame.shape) != self._shape:
            raise InputError(
                f"frame {self.count} has shape {tuple(frame.shape)}, the first {self._shape}; "
                "wanted frames of one shape"
            )
        self._append(picture)
        self.count += 1


@contextmanager
def _new_frames(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``folder``, whose frames replace those there at the end."""
    if not folder.parent.is_dir():
        raise InputError(f"The folder {folder.parent} does not exist; create it first.")
    temporary = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=folder.parent))
    try:
        yield temporary
        folder.mkdir(exist_ok=True)
        for old in _frames_in(folder):
            old.unlink()
        for new in _frames_in(temporary):
            new.replace(folder / new.name)
    finally:
        shutil.rmtree(temporary)


@contextmanager
def open_video(path: str | os.PathLike[str], fps: Rate, overwrite: bool = False) -> Iterator[Video]:
    """Open a video to add frames to; at the end of the block it takes its place.

    When the block raises, nothing is left and what was there before stays.

    Args:
        path: ends in .mp4 (H.264, needs PyAV), .gif or .webp; replaced if it exists. Without a
            suffix, or as an existing folder: frame00000.png and so on within it.
        fps: frames a second, see :func:`frame_rate`.
        overwrite: replace the frames of an earlier video in the folder.

    Yields:
        The video.

    Raises:
        InputError: as :func:`check_video`; or there was no frame.
        OSError: the disk refuses.
    """
    path = Path(path)
    kind = _kind(path)
    rate = check_video(path, fps, overwrite or kind != "")
    where = _new_frames(path) if kind == "" else atomic_path(path)
    with where as temporary, ExitStack() as stack:
        video = Video(temporary, kind, rate, stack)
        yield video
        if not video.count:
            raise InputError(f"there are no frames for {path}; wanted at least one")
