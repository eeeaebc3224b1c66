"""Open a feature network by its name."""

from pathlib import Path

import torch

from stylegen.perceptual.base import FeatureNetwork
from stylegen.perceptual.clip import CLIP
from stylegen.perceptual.custom import Custom
from stylegen.perceptual.demo import Demo
from stylegen.perceptual.dinov2 import DINOv2
from stylegen.perceptual.inception import Inception
from stylegen.perceptual.names import Arithmetic, Resize, check_arithmetic, resize_of
from stylegen.perceptual.squeezenet import SqueezeNet
from stylegen.perceptual.vgg16 import VGG16


def _open(
    name: str, weights: str | Path | None, resize: Resize | None, arithmetic: Arithmetic
) -> FeatureNetwork:
    if name == "inception":
        return Inception(weights, resize=resize, arithmetic=arithmetic)
    if name == "vgg16":
        return VGG16(weights, resize=resize, arithmetic=arithmetic)
    if name.startswith("clip_"):
        return CLIP(name, weights, resize=resize, arithmetic=arithmetic)
    if name.startswith("dinov2_"):
        return DINOv2(name, weights, resize=resize, arithmetic=arithmetic)
    if name == "squeezenet":
        return SqueezeNet(weights, arithmetic=arithmetic)
    return (Custom if name == "custom" else Demo)(weights, arithmetic=arithmetic)


def open_features(
    name: str,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    *,
    resize: Resize | None = None,
    arithmetic: Arithmetic = "fp32",
) -> FeatureNetwork:
    """Build a feature network once, ready to be called.

    Args:
        name: one of :data:`~stylegen.perceptual.names.NETWORKS`.
        weights: its weights file; None: the one that STYLEGEN_WEIGHTS_<NAME> names, or that lies
            in torch.hub's folder, downloaded there where it is published and can be checked.
            ``torchscript:FILE`` allows the code of a TorchScript archive to run.
        device: where it shall run.
        resize: how images are brought to the network's size; None: as is usual with it.
        arithmetic: "fp32" for numbers to publish, or "fast" or "bf16".

    Returns:
        The network, frozen: (N, C, H, W) uint8 with C 1 or 3 to
        :class:`~stylegen.perceptual.base.Features`.

    Raises:
        InputError: a name is unknown, the resize does not go with the network, or the weights are
            absent, cut off or another network's.
    """
    resize_of(name, resize)
    check_arithmetic(arithmetic)
    return _open(name, weights, resize, arithmetic).to(device)
