"""What is found of a set of images, kept in the cache by content, features and weights.

A set with broken files is looked at anew each time: they may be mended without a trace.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from stylegen.metrics.cache import cached, digest_of
from stylegen.metrics.extraction import Extracted, Watcher
from stylegen.metrics.looking import Found, Networks, Wants, look, packed, unpacked
from stylegen.metrics.protocols import Protocol, feature_digest
from stylegen.metrics.sides import ImagesSide
from stylegen.perceptual.several import FeatureKey

_SMALL_BYTES = 1 << 28  # of features that are kept, though nothing wants them yet


class _BrokenFilesError(Exception):
    """The set has broken files: nothing is to be kept."""


def data_digest(side: ImagesSide) -> str:
    """Return the digest of the images as they are read: content, choice, size and colours."""
    read = side.images.config
    return digest_of(
        side.images.digest, side.size, side.channels, read.filter, read.background,
        list(side.chosen) if len(side.chosen) < side.available else None,
    )  # fmt: skip


class _Looks:
    """Looks at a side at most once, for whichever network's features are not kept."""

    def __init__(
        self,
        side: ImagesSide,
        networks: Networks,
        wants: Wants,
        watchers: tuple[Watcher, ...],
        progress: Callable[[int], None],
    ) -> None:
        self.side, self.networks, self.wants = side, networks, wants
        self.watchers, self.progress = watchers, progress
        self.found: Found | None = None

    def at(self, key: FeatureKey) -> Extracted:
        """Return what is found in the features of a key."""
        if self.found is None:
            self.found = look(self.side, self.networks, self.wants, self.watchers, self.progress)
        return self.found[key]

    def packed(self, key: FeatureKey) -> dict[str, Tensor]:
        """Return the same as plain tensors.

        Raises:
            _BrokenFilesError: some files could not be read.
        """
        found = self.at(key)
        if self.side.images.skipped:
            raise _BrokenFilesError
        return packed(found)


def _wanted(side: ImagesSide, networks: Networks, wants: Wants) -> Wants:
    """Keep the features, too, where they take little room."""
    widest = max(network.dim for network in networks.values())
    small = 4 * side.count * widest <= _SMALL_BYTES
    return Wants(features=wants.features or small, mirrored=wants.mirrored)


def look_or_read(
    side: ImagesSide,
    networks: Networks,
    wants: Wants,
    watchers: tuple[Watcher, ...],
    progress: Callable[[int], None],
    device: torch.device,
) -> tuple[Found, bool]:
    """Return what is found of a set, from the cache if it is there, and whether it was looked at.

    Args:
        side: the set.
        networks: by what tells their features apart, the headline's first.
        wants: what to keep of the headline's; its blocks are not.
        watchers: whatever else looks at the images, if they are looked at.
        progress: called with the number of images done.
        device: where moments are to lie.

    Raises:
        InputError: the images are not what a network takes.
    """
    wants = _wanted(side, networks, wants)
    looks = _Looks(side, networks, wants, watchers, progress)
    data, found = data_digest(side), dict[FeatureKey, Extracted]()
    for i, (key, network) in enumerate(networks.items()):
        parts = ["features" if wants.features and i == 0 else "moments"]
        parts += ["mirrored"] if wants.mirrored and i == 0 else []
        protocol = Protocol(network=key.network, resize=key.resize, arithmetic=key.arithmetic)
        try:
            tensors = cached(
                "-".join(parts), data, feature_digest(protocol), network.weights_digest,
                partial(looks.packed, key),
            )  # fmt: skip
            found[key] = unpacked(tensors, device)
        except _BrokenFilesError:
            found[key] = looks.at(key)
    return found, looks.found is not None
