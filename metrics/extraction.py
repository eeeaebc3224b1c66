"""From batches of images to moments of features: one pass, nothing kept that is not asked for.

Every batch is decoded or drawn once and shown to all that look: one or more feature networks, and
what counts colours and frequencies. Moments are summed in the blocks that the jackknife needs,
many images at a time: an update goes through all sums, and is dear for few.

N images, C channels, D feature width, K classes, B blocks.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.errors import InputError
from stylegen.metrics.moments import BlockMoments, Moments
from stylegen.perceptual import FeatureNetwork

Progress = Callable[[int], None]
_AT_ONCE = 1024  # images that sums are brought up to date with


@dataclass(frozen=True, kw_only=True, eq=False)
class Extracted:
    """What is known of a set of images after one pass.

    Attributes:
        sums: of the features; in blocks, if these were asked for.
        logits: (N, K) float32 on the CPU, when they were asked for.
        features: (N, D) float32 on the CPU, when they were asked for.
        mirrored: (N, D) the same of the mirrored images.
    """

    sums: Moments | BlockMoments
    logits: Tensor | None = None
    features: Tensor | None = None
    mirrored: Tensor | None = None

    @cached_property
    def moments(self) -> Moments:
        """Moments of all features."""
        return self.sums.total() if isinstance(self.sums, BlockMoments) else self.sums

    @property
    def blocks(self) -> BlockMoments | None:
        """Moments by block; None: they were not asked for."""
        return self.sums if isinstance(self.sums, BlockMoments) else None

    @property
    def count(self) -> int:
        """Number of images seen."""
        return self.moments.count


class Watcher(Protocol):
    """Looks at the images of a pass, batch by batch."""

    def update(self, images: Tensor, /) -> None:
        """See another batch, uint8 (n, C, H, W)."""
        ...


class Taker:
    """Takes the features of images as they pass.

    Args:
        network: the feature network; batches are sent to its device.
        keep_logits: keep class logits too.
        keep_features: keep the features too.
        keep_mirrored: keep the features of the mirrored images too.
        blocks: sum moments in so many blocks; 0: in one.
    """

    def __init__(
        self,
        network: FeatureNetwork,
        *,
        keep_logits: bool = False,
        keep_features: bool = False,
        keep_mirrored: bool = False,
        blocks: int = 0,
    ) -> None:
        self.network = network
        self.device = next(network.parameters()).device
        self._sums: Moments | BlockMoments = (
            BlockMoments.empty(network.dim, blocks, self.device)
            if blocks
            else Moments.empty(network.dim, self.device)
        )
        self._waiting, self._counted = list[Tensor](), 0
        self._logits = list[Tensor]() if keep_logits else None
        self._features = list[Tensor]() if keep_features else None
        self._mirrored = list[Tensor]() if keep_mirrored else None

    def update(self, images: Tensor) -> None:
        """See another batch, uint8 (n, C, H, W).

        Raises:
            InputError: images have other channels, or the network gives no logits.
        """
        here = images.to(self.device, non_blocking=True)
        pool, logits = self.network(here)
        self._waiting.append(pool)
        if sum(map(len, self._waiting)) >= _AT_ONCE:
            self._flush()
        if self._logits is not None:
            self._logits.append(_require_logits(logits, self.network))
        if self._features is not None:
            self._features.append(pool.float().cpu())
        if self._mirrored is not None:
            self._mirrored.append(self.network(here.flip(3))[0].float().cpu())

    def _flush(self) -> None:
        if not self._waiting:
            return
        pool = torch.cat(self._waiting)
        if isinstance(self._sums, BlockMoments):
            self._sums.update(pool, self._counted)
        else:
            self._sums.update(pool)
        self._counted += len(pool)
        self._waiting.clear()

    def found(self) -> Extracted:
        """Return what was found so far."""
        self._flush()
        return Extracted(
            sums=self._sums,
            logits=_joined(self._logits),
            features=_joined(self._features),
            mirrored=_joined(self._mirrored),
        )


def _joined(parts: list[Tensor] | None) -> Tensor | None:
    return torch.cat(parts) if parts else None


def _require_logits(logits: Tensor | None, network: FeatureNetwork) -> Tensor:
    if logits is None:
        raise InputError(f"the feature network {network.name} gives no class logits")
    return logits.float().cpu()


@torch.inference_mode()
@full_float32()
def look_at(
    batches: Iterable[Tensor], lookers: Sequence[Watcher], progress: Progress | None = None
) -> int:
    """Show each batch to all that look, and return how many images there were.

    Args:
        batches: uint8 (n, C, H, W) each.
        lookers: takers of features, counters of colours, ...
        progress: called after each batch with the number of images seen so far.

    Raises:
        InputError: the images are not what a network takes.
    """
    seen = 0
    for images in batches:
        for looker in lookers:
            looker.update(images)
        seen += len(images)
        if progress is not None:
            progress(seen)
    return seen


def extract(
    batches: Iterable[Tensor],
    network: FeatureNetwork,
    *,
    keep_logits: bool = False,
    keep_features: bool = False,
    keep_mirrored: bool = False,
    blocks: int = 0,
    progress: Progress | None = None,
) -> Extracted:
    """Compute the features of all images, once.

    Args:
        batches: uint8 (n, C, H, W) each, C 1 or 3, on any device.
        network: the feature network; batches are sent to its device.
        keep_logits: keep class logits too.
        keep_features: keep the features too.
        keep_mirrored: keep the features of the mirrored images too.
        blocks: sum moments in so many blocks, for the jackknife; 0: in one.
        progress: called after each batch with the number of images seen so far.

    Raises:
        InputError: images have other channels, or the network gives no logits.
    """
    taker = Taker(
        network,
        keep_logits=keep_logits,
        keep_features=keep_features,
        keep_mirrored=keep_mirrored,
        blocks=blocks,
    )
    look_at(batches, [taker], progress)
    return taker.found()
