"""What every feature network is: uint8 images in, features and perhaps logits out.

N images, C channels, H x W pixels, D feature width, K classes.
"""

import copy
from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.perceptual.names import (
    Arithmetic,
    Resize,
    check_arithmetic,
    distance_name,
    network_facts,
    resize_of,
)


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

    Args:
        name: one of :data:`~stylegen.perceptual.names.NETWORKS`.
        weights_digest: sha256 of the weights file, hexadecimal.
        notes: what a reader of results should know of these weights.
        resize: how images are brought to the network's size; None: as is usual with it.
        arithmetic: one of :data:`~stylegen.perceptual.names.ARITHMETICS`.
        dim: width of the features, where only the weights file knows.

    Attributes:
        dim: width D of the features.
        classifies: whether logits come with them.
        metric_name: what a Frechet distance in these features is called.
        dtype: what the layers compute in.

    Raises:
        InputError: the resize does not go with the network, or the arithmetic is unknown.
    """

    def __init__(
        self,
        name: str,
        weights_digest: str,
        notes: tuple[str, ...] = (),
        *,
        resize: Resize | None = None,
        arithmetic: Arithmetic = "fp32",
        dim: int | None = None,
    ) -> None:
        super().__init__()
        check_arithmetic(arithmetic)
        facts = network_facts(name)
        self.name = name
        self.dim = dim or facts.dim or 0
        self.classifies = facts.classifies
        self.resize = resize_of(name, resize)
        self.arithmetic = arithmetic
        self.dtype = torch.bfloat16 if arithmetic == "bf16" else torch.float32
        self.metric_name = distance_name(name, self.resize)
        self.weights_digest = weights_digest
        self.notes = notes

    @abstractmethod
    def features(self, images: Tensor) -> Features:
        """Compute the features of RGB images, (N, 3, H, W) uint8."""

    def forward(self, images: Tensor) -> Features:
        """Check the images, make them RGB, and compute their features."""
        return self.features(as_rgb(images))

    def facts(self) -> dict[str, Any]:
        """Return what tells these features from others, as plain values."""
        return {
            "name": self.name,
            "dim": self.dim,
            "resize": self.resize or "its own",
            "arithmetic": self.arithmetic,
            "weights_sha256": self.weights_digest,
        }

    def with_resize(self, resize: Resize | None) -> Self:
        """Return the same network for another resize; layers and weights are shared, not copied.

        Raises:
            InputError: the resize is unknown, or does not go with the network.
        """
        other = copy.copy(self)
        other.resize = resize_of(self.name, resize)
        other.metric_name = distance_name(self.name, other.resize)
        return other

    def layout(self) -> torch.memory_format:
        """Return how the layers' inputs lie in memory."""
        return torch.contiguous_format if self.arithmetic == "fp32" else torch.channels_last

    def laid_out(self, x: Tensor) -> Tensor:
        """Bring prepared images (N, 3, S, S) into the layers' type and layout."""
        return x.to(dtype=self.dtype, memory_format=self.layout())

    def settle(self, *layers: nn.Module) -> None:
        """Freeze the network, with some layers computing in its arithmetic's type."""
        for part in layers:
            part.to(self.dtype)
        self.eval()
        self.requires_grad_(False)
        self.to(memory_format=self.layout())
