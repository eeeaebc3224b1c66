"""stylegen: style-based image generation.

The names below are loaded when first used, so that ``import stylegen`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'stylegen' has no attribute {name!r}")
