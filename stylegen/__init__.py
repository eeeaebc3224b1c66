"""stylegen: style-based image generation.

The names below are loaded when first used, so that ``import stylegen`` costs nothing.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names
from stylegen.version import __version__ as __version__

if TYPE_CHECKING:
    from stylegen.checkpoints import load as load
    from stylegen.editing import Latents as Latents
    from stylegen.editing import adapt as adapt
    from stylegen.editing import blend as blend
    from stylegen.editing import generate as generate
    from stylegen.editing import interpolate as interpolate
    from stylegen.editing import mix as mix
    from stylegen.editing import photo_projector as photo_projector
    from stylegen.editing import resolve as resolve
    from stylegen.editing import transfer as transfer
    from stylegen.editing.directions import Direction as Direction
    from stylegen.editing.directions import FactorReader as FactorReader
    from stylegen.editing.directions import from_classes as from_classes
    from stylegen.editing.directions import from_factor as from_factor
    from stylegen.editing.directions import from_labels as from_labels
    from stylegen.editing.directions import move as move
    from stylegen.editing.directions import path_lengths as path_lengths
    from stylegen.editing.directions import pca as pca
    from stylegen.editing.directions import plane as plane
    from stylegen.editing.directions import report_directions as report_directions
    from stylegen.editing.directions import sefa as sefa
    from stylegen.editing.directions import strip as strip
    from stylegen.editing.projection import project as project

_EDITING = "stylegen.editing"
_DIRECTIONS = "stylegen.editing.directions"
_HOMES = {
    "Direction": _DIRECTIONS,
    "FactorReader": _DIRECTIONS,
    "Latents": _EDITING,
    "adapt": _EDITING,
    "blend": _EDITING,
    "from_classes": _DIRECTIONS,
    "from_factor": _DIRECTIONS,
    "from_labels": _DIRECTIONS,
    "generate": _EDITING,
    "interpolate": _EDITING,
    "load": "stylegen.checkpoints",
    "mix": _EDITING,
    "move": _DIRECTIONS,
    "path_lengths": _DIRECTIONS,
    "pca": _DIRECTIONS,
    "photo_projector": _EDITING,
    "plane": _DIRECTIONS,
    "project": "stylegen.editing.projection",
    "report_directions": _DIRECTIONS,
    "resolve": _EDITING,
    "sefa": _DIRECTIONS,
    "strip": _DIRECTIONS,
    "transfer": _EDITING,
}

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(["__version__", *_HOMES])
