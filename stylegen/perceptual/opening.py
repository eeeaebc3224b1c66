"""Open a feature network by its name."""

from pathlib import Path

import torch

from stylegen.perceptual.base import FeatureNetwork
from stylegen.perceptual.demo import Demo
from stylegen.perceptual.inception import Inception
from stylegen.perceptual.names import network_facts
from stylegen.perceptual.squeezenet import SqueezeNet


def open_features(
    name: str, weights: str | Path | None = None, device: str | torch.device = "cpu"
) -> FeatureNetwork:
    """Build a feature network once, ready to be called.

    Args:
        name: "inception", "squeezenet" or "demo".
        weights: its weights file. Inception's defaults to torch.hub's cache, or a download;
            the others have no default here.
        device: where it shall run.

    Returns:
        The network, frozen: (N, C, H, W) uint8 with C 1 or 3 to
        :class:`~stylegen.perceptual.base.Features`.

    Raises:
        InputError: the name is unknown, or the weights are absent, cut off or another network's.
    """
    network_facts(name)
    network: FeatureNetwork
    if name == "inception":
        network = Inception(weights)
    elif name == "squeezenet":
        network = SqueezeNet(weights)
    else:
        network = Demo(weights)
    return network.to(device)
