"""Projection: the latents that draw given images, and tuning a generator to them.

The names below are loaded when first used.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

if TYPE_CHECKING:
    from stylegen.editing.projection.config import DISTANCES as DISTANCES
    from stylegen.editing.projection.config import ProjectionConfig as ProjectionConfig
    from stylegen.editing.projection.config import TuningConfig as TuningConfig
    from stylegen.editing.projection.delta import apply_delta as apply_delta
    from stylegen.editing.projection.delta import save_delta as save_delta
    from stylegen.editing.projection.distances import Distance as Distance
    from stylegen.editing.projection.opening import open_distance as open_distance
    from stylegen.editing.projection.photos import Photo as Photo
    from stylegen.editing.projection.photos import read_photo as read_photo
    from stylegen.editing.projection.projecting import project as project
    from stylegen.editing.projection.results import Measures as Measures
    from stylegen.editing.projection.results import Projection as Projection
    from stylegen.editing.projection.tuning import Tuning as Tuning
    from stylegen.editing.projection.tuning import tune as tune

_HOMES = {
    "DISTANCES": "config",
    "Distance": "distances",
    "Measures": "results",
    "Photo": "photos",
    "Projection": "results",
    "ProjectionConfig": "config",
    "Tuning": "tuning",
    "TuningConfig": "config",
    "apply_delta": "delta",
    "open_distance": "opening",
    "project": "projecting",
    "read_photo": "photos",
    "save_delta": "delta",
    "tune": "tuning",
}

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(_HOMES)
