"""Several feature networks fed with the same images: one decoding, one drawing, many protocols.

Networks that differ in the resize only share their layers and weights. The same features are
computed once, whoever asks for them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from stylegen.perceptual.base import FeatureNetwork, Features, as_rgb
from stylegen.perceptual.names import Arithmetic, Resize, resize_of
from stylegen.perceptual.opening import open_features


class FeatureKey(NamedTuple):
    """What tells features from others, beside the weights.

    Attributes:
        network: its name.
        resize: how images are brought to its size; None: in its own way.
        arithmetic: what it computes in.
    """

    network: str
    resize: Resize | None = None
    arithmetic: Arithmetic = "fp32"


def full_key(key: FeatureKey) -> FeatureKey:
    """Return a key with the usual resize in place of None."""
    return key._replace(resize=resize_of(key.network, key.resize))


class FeatureNetworks(nn.Module):
    """Feature networks by what tells them apart.

    Args:
        networks: each of its own key.
    """

    def __init__(self, networks: Mapping[FeatureKey, FeatureNetwork]) -> None:
        super().__init__()
        self.networks = dict(networks)
        self._held = nn.ModuleList(networks.values())  # so that .to(device) reaches them

    def __getitem__(self, key: FeatureKey) -> FeatureNetwork:
        """Return the network of a key."""
        return self.networks[full_key(key)]

    def forward(self, images: Tensor) -> dict[FeatureKey, Features]:
        """Compute all features of a batch.

        Args:
            images: (N, C, H, W) uint8, C 1 or 3, on the networks' device.

        Raises:
            InputError: the batch is not uint8, not four-dimensional, or has other channels.
        """
        rgb = as_rgb(images)
        return {key: network.features(rgb) for key, network in self.networks.items()}


def open_several(
    keys: Sequence[FeatureKey],
    weights: Mapping[str, str | Path] | None = None,
    device: str | torch.device = "cpu",
) -> FeatureNetworks:
    """Open each feature network once.

    Args:
        keys: what is wanted, in any order, repeated or not.
        weights: weights file by network; a network that is left out has its own search.
        device: where they shall run.

    Raises:
        InputError: a name is unknown, or weights are absent, cut off or another network's.
    """
    opened: dict[FeatureKey, FeatureNetwork] = {}
    bases: dict[tuple[str, str], FeatureNetwork] = {}
    for key in dict.fromkeys(map(full_key, keys)):
        base = bases.get((key.network, key.arithmetic))
        if base is None:
            file = (weights or {}).get(key.network)
            base = open_features(
                key.network, file, device, resize=key.resize, arithmetic=key.arithmetic
            )
            bases[key.network, key.arithmetic] = base
        opened[key] = base if base.resize == key.resize else base.with_resize(key.resize)
    return FeatureNetworks(opened)
