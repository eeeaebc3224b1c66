"""Write a ready set: a zip of stored PNGs with dataset.json, whole or not at all.

The same images give the same bytes: entries carry a fixed date and the json holds no time.
"""

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
