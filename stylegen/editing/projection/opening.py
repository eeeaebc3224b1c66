"""Open distances by their names: the one to minimise, and those that a report gives."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from stylegen.checkpoints.snapshot import load_discriminator
from stylegen.editing.projection.config import DISTANCES
from stylegen.editing.projection.distances import DiscriminatorDistance, Distance, Pyramid
from stylegen.editing.projection.perceptual import (
    LpipsDistance,
    SqueezeNetDistance,
    lpips_at_hand,
)
from stylegen.errors import InputError
from stylegen.networks import Discriminator, Generator
from stylegen.perceptual.squeezenet import SqueezeNet

_log = logging.getLogger(__name__)
_OF_PHOTOS = ("squeezenet", "lpips-vgg")  # trained on photos: these compare grey and RGB


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


def _check_channels(names: Iterable[str], channels: int) -> None:
    for name in names:
        if name in _OF_PHOTOS and channels not in (1, 3):
            raise InputError(
                f"the distance {name} compares grey or RGB images, but this network draws "
                f"{channels} channels; take discriminator or pyramid"
            )


def _open_if_whole(name: str, device: torch.device) -> list[Distance]:
    """Open a distance that nobody asked for; where its files turn out to be bad, say so."""
    try:
        return [open_distance(name, device=device)]
    except InputError as error:
        _log.warning("%s is not reported: %s", name, error)
        return []


def open_distances(
    network: Path,
    generator: Generator,
    name: str,
    also: Sequence[str] = (),
    weights: Path | None = None,
) -> list[Distance]:
    """Open the distance to minimise, and those to report.

    Beside those that are asked for, the discriminator's is always reported; SqueezeNet's where its
    weights are given; and LPIPS where its weights lie in torch.hub's cache.

    Args:
        network: the snapshot, for its discriminator.
        generator: whose images are compared.
        name: the distance to minimise.
        also: further ones.
        weights: SqueezeNet's weights file.

    Returns:
        The one to minimise first, then the others, each once.

    Raises:
        InputError: see :func:`open_distance`; or one does not compare images of such channels.
    """
    channels, device = generator.config.img_channels, next(generator.parameters()).device
    names = dict.fromkeys([name, *also, "discriminator", *(["squeezenet"] if weights else [])])
    _check_channels(names, channels)
    opened = [
        open_distance(
            one,
            discriminator=load_discriminator(network, device) if one == "discriminator" else None,
            weights=weights if one == "squeezenet" else None,
            device=device,
        )
        for one in names
    ]
    if "lpips-vgg" not in names and channels in (1, 3) and lpips_at_hand():
        opened += _open_if_whole("lpips-vgg", device)
    return opened
