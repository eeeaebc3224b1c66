"""Write image files, atomically; the suffix names the format."""

import os
from pathlib import Path

from PIL import Image
from torch import Tensor

from stylegen.errors import InputError
from stylegen.files import atomic_path
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


def check_image_name(path: str | os.PathLike[str]) -> str:
    """Return the suffix of an image file's name, in lower case.

    Raises:
        InputError: no image format has it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _OPTIONS:
        raise InputError(f"An image's name should end in one of {', '.join(_OPTIONS)}, not {path}.")
    return suffix


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
    suffix = check_image_name(path)
    picture = to_pil(image) if isinstance(image, Tensor) else image
    kind = Image.registered_extensions()[suffix]
    if picture.mode in ("LA", "RGBA") and kind in ("JPEG", "BMP"):
        raise InputError(f"{kind} cannot hold transparency; save {path} as .png or .webp instead.")
    with atomic_path(path, parents) as temporary:
        picture.save(temporary, format=kind, **_OPTIONS[suffix])
