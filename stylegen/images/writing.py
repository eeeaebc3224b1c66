"""Write files whole or not at all: a temporary name in the same folder, then one rename."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from torch import Tensor

from stylegen.errors import InputError
from stylegen.images.pixels import to_pil

_OPTIONS: dict[str, dict[str, int]] = {
    ".png": {},
    ".jpg": {"quality": 95},
    ".jpeg": {"quality": 95},
    ".webp": {"quality": 95},
    ".bmp": {},
    ".tif": {},
    ".tiff": {},
}


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], parents: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path``; at the end of the block it takes its place.

    When the block raises, ``path`` is as before and the temporary file is gone.

    Args:
        path: the file to write or replace.
        parents: create missing folders above it.

    Raises:
        InputError: its folder does not exist (and parents is False) or may not be
            written, or path is a folder.
    """
    path = Path(path)
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist; create it first.")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file in it.")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"The folder {path.parent} may not be written; choose another.")
    temporary = path.with_name(f".{secrets.token_hex(6)}{path.suffix}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_image(
    image: Tensor | Image.Image, path: str | os.PathLike[str], parents: bool = False
) -> None:
    """Write one image, atomically; the suffix names the format.

    Args:
        image: uint8 (C, H, W) with C 1 to 4, or a Pillow image.
        path: ends in .png, .jpg, .jpeg, .webp, .bmp, .tif or .tiff; replaced if it exists.
        parents: create missing folders above it.

    Raises:
        InputError: unknown suffix, missing folder, or a format that cannot hold such an image.
        OSError: the disk refuses.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _OPTIONS:
        raise InputError(f"An image's name should end in one of {', '.join(_OPTIONS)}, not {path}.")
    picture = to_pil(image) if isinstance(image, Tensor) else image
    kind = Image.registered_extensions()[suffix]
    if picture.mode in ("LA", "RGBA") and kind in ("JPEG", "BMP"):
        raise InputError(f"{kind} cannot hold transparency; save {path} as .png or .webp instead.")
    with atomic_path(path, parents) as temporary:
        picture.save(temporary, format=kind, **_OPTIONS[suffix])
