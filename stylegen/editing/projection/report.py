"""What a projection is reported as: JSON, a table for people, a contact sheet.

N images, C channels, H height, W width.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from stylegen import configs
from stylegen.editing.projection.config import ProjectionConfig
from stylegen.editing.projection.results import Measures, Projection
from stylegen.images import make_grid

_MARGIN_PX = 2
_LPIPS_LIKE = ("lpips-vgg", "squeezenet", "discriminator")  # the nearest to LPIPS first


def difference(images: Tensor, targets: Tensor) -> Tensor:
    """Show where images differ: mid-grey where they are equal, lighter where the image is.

    Args:
        images: (N, C, H, W) uint8.
        targets: (N, C, H, W) uint8.

    Returns:
        (N, C, H, W) uint8; transparency, if any, is opaque.
    """
    shown = (images.int() - targets.int() + 128).clamp(0, 255).to(torch.uint8)
    if shown.shape[1] in (2, 4):
        shown[:, -1] = 255
    return shown


def contact_sheet(targets: Tensor, columns: Sequence[Tensor]) -> Tensor:
    """Lay out each target beside its images and the last one's difference from it.

    Args:
        targets: (N, C, H, W) uint8.
        columns: at least one (N, C, H, W) uint8.

    Returns:
        (C, H', W') uint8, N rows: target, images, difference.
    """
    cells = [targets, *columns, difference(columns[-1], targets)]
    return make_grid(torch.stack(cells, dim=1).flatten(0, 1), len(cells), margin=_MARGIN_PX)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(measures: Measures) -> dict[str, Any]:
    """Return measures for JSON, which has no infinity: null."""
    return {**dataclasses.asdict(measures), "psnr_db": _finite(measures.psnr_db)}


def _lpips_like(names: Sequence[str]) -> str | None:
    """Name the distance that stands for LPIPS; None where there is only the pyramid."""
    return next((name for name in _LPIPS_LIKE if name in names), None)


def as_json(
    projection: Projection,
    config: ProjectionConfig,
    tuned: Sequence[Measures] = (),
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a report as plain values.

    Args:
        projection: N images.
        config: how they were projected.
        tuned: N measures of the tuned generator's images, or none.
        more: further entries.
    """
    images = []
    for i, source in enumerate(projection.latents.sources):
        entry = {
            "source": source,
            **_plain(projection.measures[i]),
            "with_noise_maps": _plain(projection.measures_with_maps[i]),
            "step": projection.steps[i],
            "seconds": round(projection.seconds[i], 2),
            "kept": projection.known[i],
        }
        images.append({**entry, "tuned": _plain(tuned[i])} if tuned else entry)
    return {
        "network": projection.latents.network,
        "distance": projection.distance,
        "lpips_like": _lpips_like([projection.distance, *projection.measures[0].others]),
        "config": configs.to_dict(config),
        **(more or {}),
        "images": images,
    }


def _number(value: float | None, digits: int) -> str:
    return "equal" if value is None else f"{value:.{digits}f}"


def _cells(entry: Mapping[str, Any]) -> list[str]:
    others = [_number(value, 4) for value in entry["others"].values()]
    return [
        _number(entry["distance"], 4), _number(entry["psnr_db"], 2), _number(entry["ssim"], 4),
        *others,
    ]  # fmt: skip


def as_table(report: Mapping[str, Any]) -> str:
    """Return a report as a text table, a line for each image and way of drawing it.

    Noise maps that are the stored ones have no line: they draw what w alone does. Instead of
    seconds, "kept" stands where latents were kept beside the photo and not searched for.

    Args:
        report: from :func:`as_json`.
    """
    others = list(report["images"][0]["others"])
    lines = [["image", "drawn", report["distance"], "PSNR dB", "SSIM", *others, "seconds"]]
    ways = {"w alone": None, "noise maps": "with_noise_maps", "tuned": "tuned"}
    if report["config"]["noise_maps"] == "stored":
        del ways["noise maps"]
    for entry in report["images"]:
        for way, key in ways.items():
            if key is None:
                seconds = "kept" if entry["kept"] else _number(entry["seconds"], 1)
                lines.append([entry["source"], way, *_cells(entry), seconds])
            elif key in entry:
                lines.append(["", way, *_cells(entry[key]), ""])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join(rows) + "\n"
