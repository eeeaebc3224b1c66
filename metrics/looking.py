"""Look at a side once: features in every protocol's way, colours and frequencies, all in one pass.

What is found of real images is kept in the cache, by their content, the features' protocol and
weights: the next evaluation against the same images reads it instead.

N images, D feature width.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.extraction import Extracted, Taker, Watcher, look_at
from stylegen.metrics.frechet import Gaussian
from stylegen.metrics.measuring import Pair
from stylegen.metrics.moments import BLOCKS, Moments
from stylegen.metrics.planning import feature_key
from stylegen.metrics.protocols import Protocol
from stylegen.metrics.sides import Side
from stylegen.perceptual import FeatureNetwork
from stylegen.perceptual.several import FeatureKey

_EXACT = 20_000  # images whose features are kept anyway: the exact form for few images needs them


@dataclass(frozen=True, kw_only=True)
class Wants:
    """What is to be kept of a side.

    Attributes:
        logits: class logits, of the headline's network.
        features: each image's features, of the headline's network.
        mirrored: those of the mirrored images.
        blocks: moments in blocks, for the jackknife.
    """

    logits: bool = False
    features: bool = False
    mirrored: bool = False
    blocks: bool = False


Found = Mapping[FeatureKey, Extracted]
Networks = Mapping[FeatureKey, FeatureNetwork]


def look(
    side: Side,
    networks: Networks,
    wants: Wants,
    watchers: tuple[Watcher, ...] = (),
    progress: Callable[[int], None] | None = None,
) -> Found:
    """Stream a side once through all networks and watchers.

    Args:
        side: what to look at.
        networks: by what tells their features apart; the first one is the headline's.
        wants: what to keep of the headline's; of the others moments are kept.
        watchers: whatever else looks at the images.
        progress: called with the number of images done.

    Raises:
        InputError: the images are not what a network takes.
    """
    takers = {
        key: Taker(
            network,
            keep_logits=wants.logits and i == 0,
            keep_features=(wants.features and i == 0) or side.count <= min(network.dim, _EXACT),
            keep_mirrored=wants.mirrored and i == 0,
            blocks=BLOCKS if wants.blocks else 0,
        )
        for i, (key, network) in enumerate(networks.items())
    }
    look_at(side.batches(), (*takers.values(), *watchers), progress)
    return {key: taker.found() for key, taker in takers.items()}


def fitted(found: Extracted, *, mirrored: bool = False) -> Gaussian:
    """Fit a Gaussian, its covariance divided by N - 1; of few images in the exact form.

    Args:
        found: of the images.
        mirrored: the mirrored images count, too.

    Raises:
        InputError: fewer than two images, or features that are not finite.
    """
    place = found.moments.total.device
    if mirrored:
        if found.mirrored is None:
            raise InputError("the protocol counts mirrored images, whose features are not known")
        return Gaussian.fitted(found.moments.merged(Moments.of(found.mirrored.to(place))))
    if found.features is not None and found.count <= found.features.shape[1]:
        return Gaussian.of_features(found.features.to(place))
    return Gaussian.fitted(found.moments)


def scaled(gaussian: Gaussian, protocol: Protocol) -> Gaussian:
    """Divide a Gaussian's covariance as a protocol says."""
    if protocol.divisor == "N - 1":
        return gaussian
    _ = gaussian.root  # found once, for all protocols
    return gaussian.over_n()


@dataclass(frozen=True, kw_only=True, eq=False)
class Reals:
    """What is known of the side that is compared with.

    Attributes:
        found: of each network; {}: moments alone are known, from a file.
        gaussians: the Gaussian fit over N - 1, by what tells features apart, and whether mirrored
            images count.
        count: images; None: not known.
        digest: of the file of reference statistics, if that is what it is.
        data_digest: of the images that those are of; empty: not known.
        notes: what to know of it.
    """

    found: Found
    gaussians: Mapping[tuple[FeatureKey, bool], Gaussian]
    count: int | None
    digest: str | None = None
    data_digest: str = ""
    notes: tuple[str, ...] = ()

    def pair(self, protocol: Protocol, found: Found, splits: int) -> Pair:
        """Return both sides in the features of a protocol."""
        key = feature_key(protocol)
        reference = self.gaussians.get((key, protocol.mirror))
        return Pair(
            features=key.network,
            a=found[key],
            against=self.found.get(key),
            reference=None if reference is None else scaled(reference, protocol),
            by_n=protocol.divisor == "N",
            splits=splits,
            seed=protocol.seed,
        )


def packed(found: Extracted) -> dict[str, Tensor]:
    """Return what was found of real images as plain tensors."""
    moments = found.moments
    tensors = {
        "count": torch.tensor([moments.count], dtype=torch.int64),
        "total": moments.total.cpu(),
        "outer": moments.outer.cpu(),
    }
    kept = {"features": found.features, "mirrored": found.mirrored, "logits": found.logits}
    return tensors | {name: t for name, t in kept.items() if t is not None}


def unpacked(tensors: Mapping[str, Tensor], device: torch.device) -> Extracted:
    """Return what :func:`packed` made plain tensors of."""
    total, outer = tensors["total"].to(device), tensors["outer"].to(device)
    return Extracted(
        sums=Moments(int(tensors["count"]), total, outer),
        features=tensors.get("features"),
        mirrored=tensors.get("mirrored"),
        logits=tensors.get("logits"),
    )
