"""What every feature network is: uint8 images in, features and perhaps logits out.

N images, C channels, H x W pixels, D feature width, K classes.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.perceptual.names import distance_name, network_facts


class Features(NamedTuple):
    """Features of a batch of images.

    Attributes:
        pool: (N, D) float32.
        logits: (N, K) float32, or None where the network does not classify.
    """

    pool: Tensor
    logits: Tensor | None


def as_rgb(images: Tensor) -> Tensor:
    """Check a batch of images, and repeat a single channel three times.

    Args:
        images: (N, C, H, W) uint8 with C 1 or 3.

    Returns:
        (N, 3, H, W) uint8.

    Raises:
        InputError: the batch is not uint8, not four-dimensional, or has other channels.
    """
    if images.dtype != torch.uint8 or images.dim() != 4:
        raise InputError(
            "feature networks take uint8 images of shape (N, C, H, W), "
            f"not {images.dtype} of shape {tuple(images.shape)}"
        )
    channels = images.shape[1]
    if channels not in (1, 3):
        raise InputError(
            f"feature networks take 1 or 3 channels, not {channels}: "
            "composite images with transparency on a background first"
        )
    return images.expand(-1, 3, -1, -1)


class FeatureNetwork(nn.Module, ABC):
    """A frozen network that gives features of uint8 images.

    Calling it with (N, C, H, W) uint8, C 1 or 3, on its device returns :class:`Features`.

    Attributes:
        name: "inception", "squeezenet" or "demo".
        dim: width D of the features.
        classifies: whether logits come with them.
        metric_name: what a Frechet distance in these features is called.
        weights_digest: sha256 of the weights file, hexadecimal.
        notes: what a reader of results should know of these weights.
    """

    def __init__(self, name: str, weights_digest: str, notes: tuple[str, ...] = ()) -> None:
        super().__init__()
        facts = network_facts(name)
        self.name = name
        self.dim = facts.dim
        self.classifies = facts.classifies
        self.metric_name = distance_name(name)
        self.weights_digest = weights_digest
        self.notes = notes

    @abstractmethod
    def features(self, images: Tensor) -> Features:
        """Compute the features of RGB images, (N, 3, H, W) uint8."""

    def forward(self, images: Tensor) -> Features:
        """Check the images, make them RGB, and compute their features."""
        return self.features(as_rgb(images))

    def freeze(self, memory_format: torch.memory_format = torch.channels_last) -> None:
        """Put the network in evaluation mode, without gradients, in a memory format."""
        self.eval()
        self.requires_grad_(False)
        self.to(memory_format=memory_format)
