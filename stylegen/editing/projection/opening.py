"""Open a distance by its name."""

from pathlib import Path

import torch

from stylegen.editing.projection.config import DISTANCES
from stylegen.editing.projection.distances import DiscriminatorDistance, Distance, Pyramid
from stylegen.editing.projection.perceptual import LpipsDistance, SqueezeNetDistance
from stylegen.errors import InputError
from stylegen.networks import Discriminator
from stylegen.perceptual.squeezenet import SqueezeNet


def open_distance(
    name: str = "discriminator",
    *,
    discriminator: Discriminator | None = None,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
) -> Distance:
    """Open a distance by its name.

    Args:
        name: "discriminator", "pyramid", "squeezenet" or "lpips-vgg".
        discriminator: for "discriminator": of the generator's own snapshot.
        weights: for "squeezenet": its weights file.
        device: where images will be.

    Returns:
        The distance.

    Raises:
        InputError: the name is unknown, or what the distance needs is missing.
    """
    if name not in DISTANCES:
        raise InputError(f"no distance is called {name!r}; known: {', '.join(DISTANCES)}")
    if weights is not None and name != "squeezenet":
        raise InputError(f"weights were given, but the distance {name} reads no weights file")
    if name == "discriminator":
        if discriminator is None:
            raise InputError("the distance discriminator needs the snapshot's discriminator")
        return DiscriminatorDistance(discriminator.to(device))
    if name == "squeezenet":
        if weights is None:
            raise InputError(
                "the distance squeezenet needs its weights: name a SqueezeNet 1.1 state dict "
                "(Caffe preprocessing, torchvision's names features.*)"
            )
        return SqueezeNetDistance(SqueezeNet(weights).to(device))
    return Pyramid() if name == "pyramid" else LpipsDistance(torch.device(device))
