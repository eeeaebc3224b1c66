"""Feature networks for metrics: opened by name; the demo network is fitted when it is absent.

Fitting needs the built-in faces and the network's shape, which know nothing of each other: here
they meet.
"""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from stylegen.data import FACTORS, sample_factors, synth_images
from stylegen.files import cache_folder
from stylegen.perceptual import FeatureNetwork, fit_demo, open_features
from stylegen.perceptual.demo import SIDE_PX, recipe_digest
from stylegen.perceptual.names import Arithmetic, Resize

log = logging.getLogger(__name__)

FACES = 3000
PRIMARY = "hair_style"
# Fitting shifts the images, so that these cannot be learned.
_PLACES = ("shift_x", "shift_y")
_SEED = 777
_EPOCHS = 7


def face_factors(count: int, seed: int) -> dict[str, Tensor]:
    """Return the built-in faces' factors, but for their place in the image, as tensors.

    Returns:
        For each categorical factor (N,) int64, for each continuous one (N,) float32.
    """
    faces = [sample_factors(seed, i) for i in range(count)]
    columns = {}
    for factor in FACTORS:
        if factor["name"] in _PLACES:
            continue
        values = [getattr(face, factor["name"]) for face in faces]
        if factor["kind"] == "categorical":
            known = {value: i for i, value in enumerate(factor["values"])}
            columns[factor["name"]] = torch.tensor([known[v] for v in values])
        else:
            columns[factor["name"]] = torch.tensor(values, dtype=torch.float32)
    return columns


def demo_weights(
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    faces: int = FACES,
    epochs: int = _EPOCHS,
) -> Path:
    """Return the demo network's weights file, fitting the network first where it is absent.

    Args:
        folder: where it is kept; by default the user's cache folder.
        progress: called with steps done and steps in all.
        faces: number of built-in faces to learn from.
        epochs: passes over them.

    Raises:
        OSError: the folder cannot be written.
    """
    drawn = hashlib.sha256(synth_images(8, SIDE_PX, _SEED)[0].numpy().tobytes()).hexdigest()
    digest = recipe_digest(f"{FACTORS} {PRIMARY} {faces} {_SEED} {epochs} {drawn}")
    path = (folder or cache_folder()) / f"demo-features-{digest}.safetensors"
    if not path.is_file():
        log.info("fitting the demo feature network, to be kept at %s", path)
        images = synth_images(faces, SIDE_PX, _SEED)[0]
        factors = face_factors(faces, _SEED)
        fit_demo(images, factors, PRIMARY, path, epochs=epochs, progress=progress)
    return path


def open_network(
    name: str,
    weights: str | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    *,
    resize: Resize | None = None,
    arithmetic: Arithmetic = "fp32",
) -> FeatureNetwork:
    """Open a feature network by name; the demo network is fitted on first use.

    Raises:
        InputError: the name is unknown, its weights are absent, cut off or another network's, or
            the resize or arithmetic do not go with it.
    """
    if name == "demo" and weights is None:
        weights = str(demo_weights(progress=progress))
    return open_features(name, weights, device, resize=resize, arithmetic=arithmetic)
