"""Drawing and editing with a trained generator: samples by seed, and style mixing."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stylegen.editing.mixing import StyleMix as StyleMix
    from stylegen.editing.mixing import default_layers as default_layers
    from stylegen.editing.mixing import mix as mix
    from stylegen.editing.sampling import generate as generate

_HOMES = {
    "StyleMix": "mixing",
    "default_layers": "mixing",
    "generate": "sampling",
    "mix": "mixing",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
