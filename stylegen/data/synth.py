"""The built-in set: cartoon faces with known factors, in memory or as a ready zip.

N faces, R resolution in pixels. Face i of seed s is the same in every set, however large.
"""

import dataclasses
import functools
import os
from typing import Any

import torch
from torch import Tensor

from stylegen.data.archive import encode_png, new_archive
from stylegen.data.faces import render_face
from stylegen.data.factors import FACTORS, HAIR_STYLES, FaceFactors, sample_factors
from stylegen.data.threads import Progress, in_chunks
from stylegen.errors import InputError
from stylegen.images import from_pil


def _check_count(count: int) -> None:
    if count < 1:
        raise InputError(f"The number of faces should be at least 1, not {count}.")


def _render(factors: list[FaceFactors], resolution: int, indices: range) -> list[Tensor]:
    return [from_pil(render_face(factors[i], resolution)) for i in indices]


def synth_images(
    count: int, resolution: int, seed: int = 0, progress: Progress | None = None
) -> tuple[Tensor, list[FaceFactors]]:
    """Draw faces 0 .. count-1 of a seed.

    Args:
        count: number of faces N, at least 1.
        resolution: R, in pixels.
        seed: any integer.
        progress: called with (faces done, count) now and then.

    Returns:
        images uint8 (N, 3, R, R) and the factors of each.

    Raises:
        InputError: count or resolution out of range.
    """
    _check_count(count)
    factors = [sample_factors(seed, i) for i in range(count)]
    chunks = in_chunks(functools.partial(_render, factors, resolution), count, progress)
    return torch.stack([image for chunk in chunks for image in chunk]), factors


def _encode(factors: list[FaceFactors], resolution: int, indices: range) -> list[bytes]:
    return [encode_png(render_face(factors[i], resolution)) for i in indices]


def _metadata(names: list[str], factors: list[FaceFactors], made: dict[str, int]) -> dict[str, Any]:
    classes = [HAIR_STYLES.index(f.hair_style) for f in factors]
    values = [dataclasses.asdict(f) for f in factors]
    return {
        "labels": [list(pair) for pair in zip(names, classes, strict=True)],
        "class_names": list(HAIR_STYLES),
        "factors": {"description": list(FACTORS), "values": values},
        "provenance": {"made_by": "stylegen data synth", **made},
    }


def write_synth(
    dst: str | os.PathLike[str],
    count: int = 5000,
    resolution: int = 32,
    seed: int = 0,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write faces 0 .. count-1 of a seed as a ready zip.

    dataset.json holds labels (the hair style), class_names, "factors" (a description of each
    factor, and the values of each image in the order of the labels) and the provenance.

    Args:
        dst: the .zip to write.
        count: number of faces, at least 1.
        resolution: height and width in pixels.
        seed: any integer.
        overwrite: replace dst if it exists.
        progress: called with (faces done, count) now and then.

    Raises:
        InputError: count or resolution out of range, or dst exists or cannot be a zip's name.
        OSError: dst cannot be written.
    """
    _check_count(count)
    factors = [sample_factors(seed, i) for i in range(count)]
    names = [f"{i // 1000:05d}/face{i:08d}.png" for i in range(count)]
    with new_archive(dst, overwrite) as archive:
        waiting = iter(names)
        for chunk in in_chunks(functools.partial(_encode, factors, resolution), count, progress):
            for png in chunk:
                archive.add(next(waiting), png)
        made = {"count": count, "resolution": resolution, "seed": seed}
        archive.add_metadata(_metadata(names, factors, made))
