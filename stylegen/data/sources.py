"""Where image files lie: a folder or a zip, as sorted names and the bytes behind each name.

Names are relative, with forward slashes. Hidden files and folders are left out. The digest
depends on names and contents only, not on where the set lies.
"""

import contextlib
import errno
import hashlib
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from stylegen.errors import InputError
from stylegen.images import ImageReadError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
METADATA = "dataset.json"
_STARVED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # the machine's fault, not a file's
_BROKEN_ENTRY = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RuntimeError,  # encrypted, or an unknown compression
    OSError,
)


def _is_image(name: str) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
    return not hidden and name.lower().endswith(SUFFIXES)


class Source(Protocol):
    """Image files by name."""

    path: Path
    names: tuple[str, ...]

    def read(self, name: str) -> bytes:
        """Return a file's bytes; ImageReadError when they cannot be had."""
        ...

    def metadata(self) -> bytes | None:
        """Return the content of dataset.json, None if there is none."""
        ...

    def digest(self) -> str:
        """Return a sha256 over names and contents (images and dataset.json), as hex."""
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
        self.names = tuple(sorted(n for n in _walk(path, "", frozenset()) if _is_image(n)))

    def read(self, name: str) -> bytes:
        """Return a file's bytes."""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            if error.errno in _STARVED:
                raise
            raise ImageReadError(error.strerror or str(error)) from error

    def metadata(self) -> bytes | None:
        """Return the content of dataset.json, if any."""
        file = self.path / METADATA
        return file.read_bytes() if file.is_file() else None

    def digest(self) -> str:
        """Hash dataset.json, then each name with its content's own hash."""
        total = hashlib.sha256(hashlib.sha256(self.metadata() or b"").digest())
        for name in self.names:
            total.update(name.encode("utf-8", "surrogateescape") + b"\0")
            with contextlib.suppress(ImageReadError):  # an unreadable file counts by its name
                total.update(hashlib.sha256(self.read(name)).digest())
        return total.hexdigest()


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
        self.names = tuple(sorted(name for name in self._infos if _is_image(name)))

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

    def metadata(self) -> bytes | None:
        """Return the content of dataset.json, if any."""
        return self.read(METADATA) if METADATA in self._infos else None

    def digest(self) -> str:
        """Hash each name with the size and CRC-32 that the zip's directory gives."""
        total = hashlib.sha256()
        for name in (METADATA, *self.names) if METADATA in self._infos else self.names:
            info = self._infos[name]
            total.update(f"{name}\0{info.file_size}\0{info.CRC:08x}\n".encode("utf-8", "replace"))
        return total.hexdigest()


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
