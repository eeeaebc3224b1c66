"""Fit a picture into a size: the largest centred crop of the wanted aspect, then one resampling."""

from PIL import Image

from stylegen.errors import InputError

_RESAMPLING = {
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
}
FILTERS = tuple(_RESAMPLING)


def is_square(image: Image.Image) -> bool:
    """Tell whether width and height are equal."""
    return image.width == image.height


def _centre_box(image: Image.Image, width: int, height: int) -> tuple[int, int, int, int]:
    scale = min(image.width / width, image.height / height)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (image.width - w) // 2, (image.height - h) // 2
    return left, top, left + w, top + h


def fit(image: Image.Image, width: int, height: int, filter: str = "lanczos") -> Image.Image:
    """Crop centrally to the aspect width : height, then resize; an image of that size is returned.

    Transparent images are resampled with premultiplied colours, so edges do not darken.

    Args:
        image: any 8-bit Pillow image.
        width: wanted width in pixels.
        height: wanted height in pixels.
        filter: "lanczos", "box" or "bicubic" (all antialiased).

    Raises:
        InputError: the size is not positive or the filter's name is unknown.
    """
    if width < 1 or height < 1:
        raise InputError(f"An image size should be at least 1x1 pixels, not {width}x{height}.")
    if filter not in FILTERS:
        raise InputError(f"The filter should be one of {', '.join(FILTERS)}, not {filter!r}.")
    if image.size == (width, height):
        return image
    cropped = image.crop(_centre_box(image, width, height))
    return cropped.resize((width, height), _RESAMPLING[filter])
