"""Image files and pixel tensors: reading any picture right, fitting, grids, atomic writing.

The names below are loaded when first used: importing this package costs nothing.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.images.fitting import fit as fit
    from stylegen.images.fitting import is_square as is_square
    from stylegen.images.pixels import from_pil as from_pil
    from stylegen.images.pixels import from_uint8 as from_uint8
    from stylegen.images.pixels import make_grid as make_grid
    from stylegen.images.pixels import make_table as make_table
    from stylegen.images.pixels import to_pil as to_pil
    from stylegen.images.pixels import to_uint8 as to_uint8
    from stylegen.images.reading import ImageReadError as ImageReadError
    from stylegen.images.reading import Picture as Picture
    from stylegen.images.reading import flatten as flatten
    from stylegen.images.reading import parse_color as parse_color
    from stylegen.images.reading import read_image as read_image
    from stylegen.images.reading import read_picture as read_picture
    from stylegen.images.reading import read_size as read_size
    from stylegen.images.video import Video as Video
    from stylegen.images.video import check_video as check_video
    from stylegen.images.video import open_video as open_video
    from stylegen.images.writing import check_image_name as check_image_name
    from stylegen.images.writing import save_image as save_image

_HOMES = {
    "ImageReadError": "reading",
    "Picture": "reading",
    "Video": "video",
    "check_image_name": "writing",
    "check_video": "video",
    "fit": "fitting",
    "flatten": "reading",
    "from_pil": "pixels",
    "from_uint8": "pixels",
    "is_square": "fitting",
    "make_grid": "pixels",
    "make_table": "pixels",
    "open_video": "video",
    "parse_color": "reading",
    "read_image": "reading",
    "read_picture": "reading",
    "read_size": "reading",
    "save_image": "writing",
    "to_pil": "pixels",
    "to_uint8": "pixels",
}

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(_HOMES)
