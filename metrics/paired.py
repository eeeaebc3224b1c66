"""How much pairs of images differ: PSNR, SSIM and LPIPS of one set against another, one to one.

For what has a right answer: projections, reconstructions, compressed copies. Each measure is taken
image by image; its mean is over the pairs, its standard error that of a mean.

Source: as :mod:`stylegen.images.measures` and :mod:`stylegen.perceptual.lpips` say.

N pairs, C channels, H height, W width.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.errors import InputError
from stylegen.images.measures import psnr, ssim
from stylegen.images.pixels import from_uint8

Distance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedMeasure:
    """One measure of all pairs.

    Attributes:
        mean: over the pairs that have a finite value; NaN if none has.
        error: its standard error; NaN of fewer than two.
        values: (N,) float64 on the CPU, in the pairs' order.
    """

    mean: float
    error: float
    values: Tensor

    @classmethod
    def of(cls, values: Tensor) -> "PairedMeasure":
        """Average values (N,)."""
        finite = values[torch.isfinite(values)]
        n = len(finite)
        error = float(finite.std()) / math.sqrt(n) if n > 1 else math.nan
        return cls(mean=float(finite.mean()) if n else math.nan, error=error, values=values)


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedReport:
    """How much two sets differ, pair by pair.

    Attributes:
        count: N.
        identical: pairs of equal images. Their PSNR is infinite; its mean leaves them out.
        psnr_db: peak signal to noise ratio, in dB.
        ssim: structural similarity, at most 1.
        lpips: perceptual distance, 0 for equal images; None: not asked for.
    """

    count: int
    identical: int
    psnr_db: PairedMeasure
    ssim: PairedMeasure
    lpips: PairedMeasure | None = None


def _perceived(x: Tensor, y: Tensor, distance: Distance) -> Tensor:
    found = distance(from_uint8(x), from_uint8(y))
    if found.shape != x.shape[:1]:
        raise InputError(
            f"a perceptual distance of {len(x)} pairs gave {tuple(found.shape)}; wanted one value "
            "for each pair"
        )
    return found.double().cpu()


@torch.inference_mode()
@full_float32()
def paired_measures(
    batches: Iterable[tuple[Tensor, Tensor]],
    distance: Distance | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> PairedReport:
    """Compare two sets of images pair by pair.

    Args:
        batches: uint8 (n, C, H, W) of one set and of the other, of one shape, on any device; sizes
            may change from batch to batch.
        distance: a perceptual distance of float images in [-1, 1], (n,), such as
            :class:`stylegen.perceptual.lpips.Lpips` on the images' device.
        progress: called after each batch with the pairs done so far.

    Raises:
        InputError: no pair, shapes that differ, or images that are not uint8.
    """
    ratios, similarities, distances = list[Tensor](), list[Tensor](), list[Tensor]()
    done = 0
    for x, y in batches:
        ratios.append(psnr(x, y).cpu())
        similarities.append(ssim(x, y).cpu())
        if distance is not None:
            distances.append(_perceived(x, y, distance))
        done += len(x)
        if progress is not None:
            progress(done)
    if not done:
        raise InputError("there are no pairs of images to compare: give at least one")
    ratio = torch.cat(ratios)
    return PairedReport(
        count=done,
        identical=int(torch.isinf(ratio).sum()),
        psnr_db=PairedMeasure.of(ratio),
        ssim=PairedMeasure.of(torch.cat(similarities)),
        lpips=PairedMeasure.of(torch.cat(distances)) if distances else None,
    )
