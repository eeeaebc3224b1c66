"""Photos to project: read, cropped to the network's aspect, resized, and put back.

W and H are the network's width and height in pixels; a box is (left, top, right, bottom).
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from stylegen.errors import InputError
from stylegen.images import ImageReadError, from_pil, read_image, to_pil
from stylegen.networks import GeneratorConfig

Crop = tuple[int, int, int, int]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A photo, and what of it is projected.

    Attributes:
        path: its file.
        picture: the whole of it, upright, with the network's channels.
        crop: that was asked for, if any.
        box: what is projected, (left, top, right, bottom) in pixels.
        target: (C, H, W) uint8, the box at the network's size.
    """

    path: Path
    picture: Image.Image
    crop: Crop | None
    box: tuple[int, int, int, int]
    target: Tensor


def parse_crop(text: str) -> Crop:
    """Read "10,20,200,200" as x, y, width and height in pixels.

    Raises:
        InputError: the text has another form, or the width or height is 0.
    """
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    if match is None or not (int(match[3]) and int(match[4])):
        raise InputError(f"the crop is {text!r}; wanted x,y,width,height in pixels: 10,20,200,200")
    return int(match[1]), int(match[2]), int(match[3]), int(match[4])


def _box(picture: Image.Image, crop: Crop | None, path: Path) -> tuple[int, int, int, int]:
    x, y, w, h = crop or (0, 0, picture.width, picture.height)
    if x + w > picture.width or y + h > picture.height:
        raise InputError(
            f"{path}: the crop {x},{y},{w},{h} goes beyond the picture, which is "
            f"{picture.width}x{picture.height} px (width x height)"
        )
    return x, y, x + w, y + h


def _of_aspect(box: tuple[int, int, int, int], W: int, H: int) -> tuple[int, int, int, int]:
    """Return the largest centred part of a box with the aspect W : H."""
    left, top, right, bottom = box
    scale = min((right - left) / W, (bottom - top) / H)
    w, h = max(1, round(W * scale)), max(1, round(H * scale))
    x, y = left + (right - left - w) // 2, top + (bottom - top - h) // 2
    return x, y, x + w, y + h


def read_photo(path: str | Path, config: GeneratorConfig, crop: Crop | None = None) -> Photo:
    """Read a photo for a network: its channels, its aspect, its size.

    Grey photos become colour for colour networks and the other way round; transparency shows white
    in networks without it. Photos smaller than the network are enlarged, which is logged.

    Args:
        path: any picture that Pillow reads.
        config: of the network.
        crop: x, y, width, height in pixels; None: all of it. The largest centred part with the
            network's aspect is taken.

    Raises:
        InputError: the file is missing or no picture, or the crop goes beyond it.
    """
    path, W, H = Path(path), config.width, config.height
    try:
        picture = read_image(path, config.img_channels)
    except ImageReadError as error:
        raise InputError(f"{path} cannot be read as a picture: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}") from error
    box = _of_aspect(_box(picture, crop, path), W, H)
    part = picture.crop(box)
    if part.width < W or part.height < H:
        _log.warning("%s: %dx%d px are enlarged to %dx%d px", path, part.width, part.height, W, H)
    if part.size != (W, H):
        part = part.resize((W, H), Image.Resampling.LANCZOS)
    return Photo(path=path, picture=picture, crop=crop, box=box, target=from_pil(part))


def paste(photo: Photo, image: Tensor) -> Image.Image:
    """Put an image back where the photo's crop was taken, at the photo's size.

    Args:
        photo: the photo.
        image: (C, H, W) uint8, what replaces the crop.

    Returns:
        A picture of the photo's size.
    """
    left, top, right, bottom = photo.box
    part = to_pil(image)
    if part.size != (right - left, bottom - top):
        part = part.resize((right - left, bottom - top), Image.Resampling.LANCZOS)
    whole = photo.picture.copy()
    whole.paste(part, (left, top))
    return whole
