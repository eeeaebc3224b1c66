"""Where image files lie: a folder or a zip, as sorted names and the bytes behind each name.

Names are relative, with forward slashes. Hidden files and folders are left out. The digest
depends on names and contents only, not on where the set lies.
"""

import contextlib
import errno
import hashlib
import lzma
import os
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from stylegen.errors import InputError
from stylegen.images import ImageReadError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
METADATA = "dataset.json"
LABELS = "labels.csv"
_EXTRAS = (METADATA, LABELS)
_STARVED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # the machine's fault, not a file's
_SETTLED_NS = 2 * 10**9  # file systems count time in steps of up to two seconds
_BROKEN_ENTRY = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RuntimeError,  # encrypted, or an unknown compression
    OSError,
)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _sort(found: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sorted names of images, and of files that are neither images nor labels."""
    seen = sorted(name for name in found if not _is_hidden(name) and not name.endswith("/"))
    images = tuple(name for name in seen if name.lower().endswith(SUFFIXES))
    others = set(seen).difference(images, _EXTRAS)
    return images, tuple(sorted(others))


class Source(Protocol):
    """Image files by name.

    Attributes:
        path: the folder or zip.
        names: of the image files, sorted.
        others: names of files that are not read.
    """

    path: Path
    names: tuple[str, ...]
    others: tuple[str, ...]

    def read(self, name: str) -> bytes:
        """Return a file's bytes; ImageReadError when they cannot be had."""
        ...

    def extra(self, name: str) -> bytes | None:
        """Return the content of dataset.json or labels.csv, None if there is none."""
        ...

    def digest(self) -> str:
        """Return a sha256 over names and contents (images and labels), as hex."""
        ...

    def stamp(self) -> str | None:
        """Return what changes when a file does; None while it may change again unseen."""
        ...


def _walk(folder: Path, prefix: str, above: frozenset[str]) -> Iterator[str]:
    """Yield names of files below a folder; links are followed, but never round in a circle."""
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(folder / entry.name, f"{prefix}{entry.name}/", above | {real})
            elif entry.is_file() or entry.is_symlink():
                yield f"{prefix}{entry.name}"


class FolderSource:
    """Image files in a folder and its sub-folders."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names, self.others = _sort(_walk(path, "", frozenset()))

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            if error.errno in _STARVED:
                raise
            raise ImageReadError(error.strerror or str(error)) from error

    def extra(self, name: str) -> bytes | None:
        """Return the content of dataset.json or labels.csv, if any."""
        file = self.path / name
        return file.read_bytes() if file.is_file() else None

    def digest(self) -> str:
        """Hash dataset.json and labels.csv, then each name with its content's own hash."""
        total = hashlib.sha256(hashlib.sha256(self.extra(METADATA) or b"").digest())
        if (labels := self.extra(LABELS)) is not None:
            total.update(b"\0" + hashlib.sha256(labels).digest())
        for name in self.names:
            total.update(name.encode("utf-8", "surrogateescape") + b"\0")
            with contextlib.suppress(ImageReadError):  # an unreadable file counts by its name
                total.update(hashlib.sha256(self.read(name)).digest())
        return total.hexdigest()

    def stamp(self) -> str | None:
        """Hash place, names, sizes and times of change; None if a file is only seconds old."""
        total = hashlib.sha256(os.fsencode(self.path.resolve()))
        newest_ns = 0
        for name in (*_EXTRAS, *self.names):
            try:
                at = os.stat(self.path / name)
            except OSError as error:
                facts: tuple[Any, ...] = (error.errno,)
            else:
                facts = (at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_mode)
                newest_ns = max(newest_ns, at.st_mtime_ns, at.st_ctime_ns)
            total.update(os.fsencode(name) + f"\0{facts}\n".encode())
        return total.hexdigest() if newest_ns < time.time_ns() - _SETTLED_NS else None


class ZipSource:
    """Image files in a zip; opened anew in each process that reads (picklable, fork-safe)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: zipfile.ZipFile | None = None
        self._pid = -1
        try:
            self._infos = {info.filename: info for info in self._zip().infolist()}
        except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path} is not a readable zip file ({str(error).rstrip('.')}); "
                "copy it again or rebuild it with `stylegen data build`."
            ) from error
        self.names, self.others = _sort(self._infos)

    def _zip(self) -> zipfile.ZipFile:
        if self._file is None or self._pid != os.getpid():
            self._file, self._pid = zipfile.ZipFile(self.path), os.getpid()
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        try:
            return self._zip().read(name)
        except _BROKEN_ENTRY as error:
            if isinstance(error, OSError) and error.errno in _STARVED:
                raise
            reason = str(error).rstrip(".") or type(error).__name__
            raise ImageReadError(f"broken in the zip: {reason}") from error

    def extra(self, name: str) -> bytes | None:
        """Return the content of dataset.json or labels.csv, if any."""
        return self.read(name) if name in self._infos else None

    def digest(self) -> str:
        """Hash each name with the size and CRC-32 that the zip's directory gives."""
        total = hashlib.sha256()
        extras = [name for name in _EXTRAS if name in self._infos]
        for name in (*extras, *self.names):
            info = self._infos[name]
            total.update(f"{name}\0{info.file_size}\0{info.CRC:08x}\n".encode("utf-8", "replace"))
        return total.hexdigest()

    def stamp(self) -> str | None:
        """Hash the zip's place, size and time of change; None if it is only seconds old."""
        at = os.stat(self.path)
        if max(at.st_mtime_ns, at.st_ctime_ns) >= time.time_ns() - _SETTLED_NS:
            return None
        facts = (at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino)
        place = os.fsencode(self.path.resolve())
        return hashlib.sha256(place + f"\0{facts}".encode()).hexdigest()


def open_source(path: str | os.PathLike[str]) -> Source:
    """Find the image files at a path.

    Raises:
        InputError: there is nothing, neither a folder nor a zip, a broken zip, or no image in it.
        OSError: the folder or zip may not be read.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is nothing at {path}; give a folder of images or a .zip file.")
    if path.is_dir():
        source: Source = FolderSource(path)
    elif path.suffix.lower() == ".zip":
        source = ZipSource(path)
    else:
        raise InputError(f"{path} is neither a folder nor a .zip file; give one that holds images.")
    if not source.names:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise InputError(f"{path} holds no image file; wanted at least one of {kinds}.")
    return source
