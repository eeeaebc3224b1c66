"""stylegen: style-based image generation.

The names below are loaded when first used, so that ``import stylegen`` costs nothing.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names
from stylegen.version import __version__

if TYPE_CHECKING:
    from stylegen.checkpoints import load as load
    from stylegen.editing import generate as generate
    from stylegen.editing import mix as mix

__all__ = ["__version__", "generate", "load", "mix"]

_HOMES = {
    "generate": "stylegen.editing",
    "load": "stylegen.checkpoints",
    "mix": "stylegen.editing",
}

__getattr__ = lazy_names(__name__, _HOMES)
