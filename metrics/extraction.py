"""From batches of images to moments of features: one pass, nothing kept that is not asked for.

N images, C channels, D feature width, K classes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.errors import InputError
from stylegen.metrics.moments import Moments
from stylegen.perceptual import FeatureNetwork

Progress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Extracted:
    """What is known of a set of images after one pass.

    Attributes:
        moments: of the features.
        logits: (N, K) float32 on the CPU, when they were asked for.
        features: (N, D) float32 on the CPU, when they were asked for.
    """

    moments: Moments
    logits: Tensor | None = None
    features: Tensor | None = None

    @property
    def count(self) -> int:
        """Number of images seen."""
        return self.moments.count


def _require_logits(logits: Tensor | None, network: FeatureNetwork) -> Tensor:
    if logits is None:
        raise InputError(f"the feature network {network.name} gives no class logits")
    return logits.float().cpu()


@torch.inference_mode()
@full_float32()
def extract(
    batches: Iterable[Tensor],
    network: FeatureNetwork,
    *,
    keep_logits: bool = False,
    keep_features: bool = False,
    progress: Progress | None = None,
) -> Extracted:
    """Compute the features of all images, once.

    Args:
        batches: uint8 (n, C, H, W) each, C 1 or 3, on any device.
        network: the feature network; batches are sent to its device.
        keep_logits: keep class logits too.
        keep_features: keep the features too.
        progress: called after each batch with the number of images seen so far.

    Raises:
        InputError: images have other channels, or the network gives no logits.
    """
    device = next(network.parameters()).device
    moments = Moments.empty(network.dim, device)
    logits_kept, features_kept = list[Tensor](), list[Tensor]()
    for images in batches:
        pool, logits = network(images.to(device))
        moments.update(pool)
        if keep_logits:
            logits_kept.append(_require_logits(logits, network))
        if keep_features:
            features_kept.append(pool.float().cpu())
        if progress is not None:
            progress(moments.count)
    return Extracted(
        moments=moments,
        logits=torch.cat(logits_kept) if logits_kept else None,
        features=torch.cat(features_kept) if features_kept else None,
    )
