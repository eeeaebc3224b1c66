"""Write a new set: a zip of stored images, or a folder, with dataset.json, whole or not at all.

The same images give the same bytes: entries carry a fixed date and the json holds no time.
"""

import contextlib
import io
import json
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from PIL import Image

from stylegen.data.sources import METADATA
from stylegen.errors import InputError
from stylegen.files import atomic_path

_DATE = (1980, 1, 1, 0, 0, 0)


def encode_png(image: Image.Image) -> bytes:
    """Return an image as the bytes of a PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def png_name(name: str, taken: set[str]) -> str:
    """Return a free name ending in .png for an image, and take it.

    Where two would collide (a.jpg, a.png), the old suffix stays in the name.
    """
    short = str(PurePosixPath(name).with_suffix(".png"))
    candidate = short if short not in taken else f"{name}.png"
    while candidate in taken:
        candidate = f"{candidate[:-4]}_.png"
    taken.add(candidate)
    return candidate


def safe_name(name: str) -> str:
    """Return a file's name as text that any zip can hold."""
    return os.fsencode(name).decode("utf-8", "replace")


class NewSet(Protocol):
    """A set that is being written."""

    def add(self, name: str, content: bytes) -> None:
        """Store a file."""
        ...

    def add_metadata(self, values: dict[str, Any]) -> None:
        """Store dataset.json."""
        ...


class NewFolder:
    """A folder that is being written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, name: str, content: bytes) -> None:
        """Store a file."""
        file = self._path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def add_metadata(self, values: dict[str, Any]) -> None:
        """Store dataset.json."""
        self.add(METADATA, json.dumps(values, ensure_ascii=False).encode())


class Archive:
    """An open zip that is being written."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    def add(self, name: str, content: bytes) -> None:
        """Store a file."""
        info = zipfile.ZipInfo(name, _DATE)
        info.external_attr = 0o644 << 16
        self._file.writestr(info, content)

    def add_metadata(self, values: dict[str, Any]) -> None:
        """Store dataset.json."""
        self.add(METADATA, json.dumps(values, ensure_ascii=False).encode())


@contextlib.contextmanager
def new_archive(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Archive]:
    """Write a zip; it appears under its name when the block ends without an error.

    Raises:
        InputError: the name does not end in .zip, the file exists and overwrite is False, or
            its folder does not exist.
        OSError: the folder may not be written or the disk is full.
    """
    path = Path(path)
    if path.suffix.lower() != ".zip":
        raise InputError(f"The new set's name should end in .zip, not {path}.")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already; give another name or --overwrite.")
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        yield Archive(file)


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[NewFolder]:
    """Write a folder; it appears under its name when the block ends without an error.

    Raises:
        InputError: something exists there already, or the folder above it does not exist.
        OSError: it may not be written or the disk is full.
    """
    path = Path(path)
    if path.exists() or path.is_symlink():
        raise InputError(f"{path} exists already; give another name.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist; create it first.")
    temporary = path.with_name(f".{secrets.token_hex(6)}.part")
    temporary.mkdir()
    try:
        yield NewFolder(temporary)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
