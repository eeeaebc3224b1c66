"""Drawing and editing with a trained generator: samples by seed, and style mixing."""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

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

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(_HOMES)
