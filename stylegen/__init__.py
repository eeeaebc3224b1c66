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
    from stylegen.editing.projection import project as project

_EDITING = "stylegen.editing"
_HOMES = {
    "Latents": _EDITING,
    "adapt": _EDITING,
    "blend": _EDITING,
    "generate": _EDITING,
    "interpolate": _EDITING,
    "load": "stylegen.checkpoints",
    "mix": _EDITING,
    "photo_projector": _EDITING,
    "project": "stylegen.editing.projection",
    "resolve": _EDITING,
    "transfer": _EDITING,
}

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(["__version__", *_HOMES])
