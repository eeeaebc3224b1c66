"""How a set of images is read. Free of torch: the command line takes its defaults from here."""

from dataclasses import dataclass
from typing import Literal

Filter = Literal["lanczos", "box", "bicubic"]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """A set of images and how each becomes a tensor.

    Args:
        path: a folder (searched recursively) or a .zip file.
        resolution: height and width in pixels; others are centre-cropped to a square and
            resized. None: the images must all be squares of one size already.
        channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.
        background: colour behind transparency for 1 and 3 channels, a name or #rrggbb.
        filter: resampling filter for resizing.
        labels: read classes from dataset.json or from sub-folders.
        xflip: mirror each drawn image with probability 1/2. The training loop does it; an
            ImageSet returns images as they are.
    """

    path: str
    resolution: int | None = None
    channels: int = 3
    background: str = "white"
    filter: Filter = "lanczos"
    labels: bool = False
    xflip: bool = False
