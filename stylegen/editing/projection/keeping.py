"""Projections kept beside their photos, so that none is made twice.

A projection takes minutes, so its latents are kept in ``photo.jpg.<network>-<settings>.npz``: 12
digits of the network's digest, 8 of the settings'. Within stand all settings and the SHA-256 of the
pixels that were projected: a photo, network or setting that has changed is projected anew.

Noise maps that are fitted after the latents leave them as they are, so latents are the same with
and without them.

C channels, H height, W width.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from stylegen.checkpoints.checksums import tensor_digest
from stylegen.editing.latents import SHOWN_DIGITS, SUFFIX, Latents, read_notes
from stylegen.editing.projection.config import ProjectionConfig
from stylegen.editing.projection.distances import Distance
from stylegen.editing.projection.photos import Crop
from stylegen.editing.projection.projecting import about_search
from stylegen.editing.projection.states import Known
from stylegen.errors import InputError
from stylegen.networks import Generator

_log = logging.getLogger(__name__)
_NOTE = "projection"
_SETTINGS_DIGITS = 8
_OF_TRACE = ("traced",)
_OF_MAPS = ("map_steps", "map_lr", "noise_weight")


def about_latents(
    generator: Generator,
    distance: Distance,
    config: ProjectionConfig,
    chosen: int | None,
    crop: Crop | None = None,
) -> dict[str, Any]:
    """Return what the latents of a photo depend on beside its pixels, as plain values.

    Args:
        generator: the network.
        distance: that is minimised.
        config: the recipe, of which what leaves latents as they are does not count.
        chosen: number of the class, if there is one.
        crop: of the photo.
    """
    about = about_search(generator, distance, config, chosen)
    joint = config.noise_maps == "joint"
    left = _OF_TRACE if joint else _OF_TRACE + _OF_MAPS
    settings = {name: value for name, value in about["config"].items() if name not in left}
    settings["noise_maps"] = config.noise_maps if joint else "stored"
    return {**about, "config": settings, "crop": None if crop is None else list(crop)}


def kept_path(photo: Path, about: Mapping[str, Any]) -> Path:
    """Return where the latents of a photo are kept.

    Args:
        photo: the photo's file.
        about: from :func:`about_latents`.
    """
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    network = about["network"][:SHOWN_DIGITS]
    return photo.with_name(f"{photo.name}.{network}-{digest[:_SETTINGS_DIGITS]}{SUFFIX}")


def find_kept(photo: Path, target: Tensor, about: Mapping[str, Any]) -> Known | None:
    """Return the latents kept of a photo, unless its pixels or a setting have changed.

    A file that cannot be read is told, and does not count.

    Args:
        photo: the photo's file.
        target: (C, H, W) uint8, on the CPU: what of it is projected.
        about: from :func:`about_latents`.
    """
    path = kept_path(photo, about)
    if not path.exists():
        return None
    try:
        note = read_notes(path).get(_NOTE)
        if not isinstance(note, dict) or note.get("about") != about:
            return None
        if note.get("pixels") != tensor_digest(target):
            return None
        latents = Latents.load(path)
        return Known(latents=latents, step=int(note["step"]), seconds=float(note["seconds"]))
    except (InputError, OSError, KeyError, TypeError, ValueError) as error:
        _log.warning("%s is projected anew: %s", photo, error)
        return None


def keep(photo: Path, target: Tensor, about: Mapping[str, Any], known: Known) -> None:
    """Keep latents beside their photo; where that is refused, say so and go on.

    Args:
        photo: the photo's file.
        target: see :func:`find_kept`.
        about: likewise.
        known: what was found.
    """
    note = {
        "about": dict(about),
        "pixels": tensor_digest(target),
        "step": known.step,
        "seconds": known.seconds,
    }
    try:
        known.latents.save(kept_path(photo, about), {_NOTE: note})
    except (InputError, OSError) as error:
        _log.warning(
            "the latents of %s are not kept, next time they are made anew: %s", photo, error
        )
