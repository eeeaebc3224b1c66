"""Make a ready set of any folder or zip: images decoded, cropped, resized once, stored as PNG."""

import functools
import math
import os
from dataclasses import dataclass
from typing import Any

from stylegen.data.archive import Archive, encode_png, new_archive, png_name, safe_name
from stylegen.data.config import DataConfig
from stylegen.data.imageset import ImageSet, open_images
from stylegen.data.labels import LabelTable, find_labels
from stylegen.data.sizes import Resolution, resolution_of
from stylegen.data.threads import Progress, in_chunks
from stylegen.errors import InputError
from stylegen.images import ImageReadError, to_pil

_Outcome = tuple[bytes | None, str]  # a PNG, or None and the reason


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What :func:`build` wrote.

    Args:
        count: images in the new set.
        resolution: their side in pixels, or (width, height).
        class_names: of the new set; empty if it has no labels.
        skipped: (name, reason) of each broken file.
    """

    count: int
    resolution: Resolution
    class_names: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


def _new_names(names: tuple[str, ...]) -> list[str]:
    taken: set[str] = set()
    return [png_name(safe_name(name), taken) for name in names]


def _encode(images: ImageSet, indices: range) -> list[_Outcome]:
    outcomes: list[_Outcome] = []
    for i in indices:
        try:
            outcomes.append((encode_png(to_pil(images.decode(images.names[i]))), ""))
        except ImageReadError as error:
            outcomes.append((None, str(error)))
    return outcomes


def _write_images(
    images: ImageSet, archive: Archive, progress: Progress | None
) -> list[tuple[str, str]]:
    """Write all images; return (old name, new name) of each that could be read."""
    written = []
    pairs = iter(zip(images.names, _new_names(images.names), strict=True))
    for outcomes in in_chunks(functools.partial(_encode, images), len(images), progress):
        for png, reason in outcomes:
            old, new = next(pairs)
            if png is None:
                images.skip(old, reason)
            else:
                archive.add(new, png)
                written.append((old, new))
    return written


def _crop_words(width: int, height: int) -> str:
    common = math.gcd(width, height)
    square = width == height
    return "centre square" if square else f"centre {width // common}:{height // common}"


def _metadata(
    images: ImageSet, labels: LabelTable | None, written: list[tuple[str, str]]
) -> dict[str, Any]:
    config = images.config
    return {
        "labels": [[new, labels.by_name[old]] for old, new in written] if labels else None,
        "class_names": list(labels.class_names) if labels else None,
        "provenance": {
            "made_by": "stylegen data build",
            "source": images.name,
            "source_digest": images.digest,
            "resolution": resolution_of(images.width, images.height),
            "channels": config.channels,
            "background": config.background,
            "crop": _crop_words(images.width, images.height),
            "filter": config.filter,
            "count": len(written),
            "skipped": [list(entry) for entry in images.skipped],
        },
    }


def build(
    config: DataConfig,
    dst: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Write a ready zip: every image decoded, cropped, resized and stored as PNG.

    Labels are carried over from dataset.json, labels.csv, or sub-folders when every image lies in
    one, whether config.labels is set or not. Broken files are skipped; dataset.json tells which
    and why, and where the set came from.

    Args:
        config: the images and how to read them.
        dst: the .zip to write; its folder must exist.
        overwrite: replace dst if it exists.
        progress: called with (files done, files in all) now and then.

    Raises:
        InputError: as in stylegen.data.open_images, or dst exists or cannot be a zip's name.
        OSError: dst cannot be written.
    """
    with new_archive(dst, overwrite) as archive:
        images = open_images(config)
        labels = find_labels(images.source)
        written = _write_images(images, archive, progress)
        if not written:
            raise InputError(f"No image in {config.path} can be read any more; is it still there?")
        archive.add_metadata(_metadata(images, labels, written))
    class_names = labels.class_names if labels else ()
    return BuildReport(
        count=len(written),
        resolution=resolution_of(images.width, images.height),
        class_names=class_names,
        skipped=tuple(images.skipped),
    )
