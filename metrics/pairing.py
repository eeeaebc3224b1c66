"""PSNR, SSIM and LPIPS of two folders' files of the same names."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.images import ImageReadError
from stylegen.metrics.catalogue import PAIRED
from stylegen.metrics.paired import PairedMeasure, paired_measures
from stylegen.metrics.report import Metric
from stylegen.metrics.sides import ImagesSide, Side
from stylegen.metrics.workplace import Workplace

_UNITS = {
    "psnr": ("dB; pairs of equal images are left out", "higher"),
    "ssim": ("similarity, at most 1", "higher"),
    "lpips": ("perceptual distance; 0 is the same", "lower"),
}


def names_of_both(a: Side, against: Side | None) -> list[str]:
    """Return the names that files of both sides have."""
    if not (isinstance(a, ImagesSide) and isinstance(against, ImagesSide)):
        return []
    others = set(against.chosen)
    return [name for name in a.chosen if name in others]


def _batches(
    a: ImagesSide, against: ImagesSide, names: list[str], device: torch.device
) -> Iterator[tuple[Tensor, Tensor]]:
    """Decode pairs; those with a broken file are left out and noted."""
    waiting: list[tuple[Tensor, Tensor]] = []
    for i, name in enumerate(names):
        try:
            waiting.append((a.images.decode(name), against.images.decode(name)))
        except ImageReadError as error:
            a.images.skip(name, str(error))
        if waiting and (len(waiting) == a.batch or i == len(names) - 1):
            first, second = zip(*waiting, strict=True)
            yield torch.stack(first).to(device), torch.stack(second).to(device)
            waiting = []


def _metric(name: str, found: PairedMeasure, work: Workplace) -> Metric:
    unit, better = _UNITS[name]
    reason = None if len(found.values) else "no pair"
    if len(found.values) and not math.isfinite(found.mean):
        reason = "all pairs are equal"
    title = f"LPIPS ({work.config.lpips})" if name == "lpips" else name.upper()
    return Metric(
        name=title, value=found.mean, unit=unit, better=better,
        images={"a": len(found.values), "against": len(found.values)}, error=found.error,
        error_kind="over pairs", reason=reason,
    )  # fmt: skip


def paired_metrics(
    work: Workplace, a: Side, against: Side | None, wanted: tuple[str, ...]
) -> dict[str, Metric]:
    """Take what is wanted of images of the same names.

    Raises:
        InputError: there are no such pairs.
    """
    asked = [metric for metric in PAIRED if metric in wanted]
    if not asked:
        return {}
    names = names_of_both(a, against)
    if not (names and isinstance(a, ImagesSide) and isinstance(against, ImagesSide)):
        raise InputError(f"{', '.join(asked)} need files of the same names on both sides")
    with work.clock.stage("pairs"):
        found = paired_measures(
            _batches(a, against, names, work.device),
            work.lpips() if "lpips" in asked else None,
            progress=work.told("pairs of images", len(names)),
        )
    values = {"psnr": found.psnr_db, "ssim": found.ssim, "lpips": found.lpips}
    return {
        name: _metric(name, value, work) for name in asked if (value := values[name]) is not None
    }
