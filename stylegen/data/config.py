"""How a set of images is read. Free of torch: the command line takes its defaults from here."""

from dataclasses import dataclass
from typing import Literal

from stylegen.data.sizes import Resolution

Filter = Literal["lanczos", "box", "bicubic"]
SIMILARITY = 0.97  # correlation of what a person takes for the same picture, seen at 32 px


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """A set of images and how each becomes a tensor.

    Args:
        path: a folder (searched recursively) or a .zip file.
        resolution: a square's side, or (width, height), in pixels; images of another size are
            centre-cropped to that shape and resized. None: all must be of one size already.
        channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.
        background: colour behind transparency for 1 and 3 channels, a name or #rrggbb.
        filter: resampling filter for resizing.
        labels: read classes from dataset.json, labels.csv or sub-folders.
        xflip: mirror each drawn image with probability 1/2. The training loop does it; an
            ImageSet returns images as they are.
    """

    path: str
    resolution: Resolution | None = None
    channels: int = 3
    background: str = "white"
    filter: Filter = "lanczos"
    labels: bool = False
    xflip: bool = False
