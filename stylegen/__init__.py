"""stylegen: style-based image generation.

The names below are loaded when first used, so that ``import stylegen`` costs nothing.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.checkpoints import load as load
    from stylegen.editing import generate as generate
    from stylegen.editing import mix as mix

__version__ = "0.1.0"
__all__ = ["generate", "load", "mix"]

_HOMES = {
    "generate": "stylegen.editing",
    "load": "stylegen.checkpoints",
    "mix": "stylegen.editing",
}

__getattr__ = lazy_names(__name__, _HOMES)
