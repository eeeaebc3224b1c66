"""Open the sides of an evaluation, and check that they can be compared: sizes, channels, filters.

Real images are read at the size that they are compared at. Where that is not their own size, a
filter has to be named: it moves a Frechet distance by as much as a better network does. A set that
a snapshot was trained on is read as in training.
"""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from stylegen.checkpoints import SUFFIX
from stylegen.data import DataConfig, ImageSet, open_images
from stylegen.data.config import Filter
from stylegen.data.labels import find_labels
from stylegen.data.sizes import Resolution, resolution_of, size_of, size_text
from stylegen.data.sources import open_source
from stylegen.errors import InputError
from stylegen.metrics.config import Draw, EvaluateConfig
from stylegen.metrics.sides import ImagesSide, Side
from stylegen.metrics.sides_drawn import Drawing, FunctionSide, SnapshotSide

_log = logging.getLogger(__name__)
_SNAPSHOTS = f"snapshot-*{SUFFIX}"


class Numbers(NamedTuple):
    """What the sides are opened with, beside what an :class:`EvaluateConfig` says.

    Attributes:
        drawing: how a snapshot's images are drawn.
        max_images: of a set, at most; None: all.
    """

    drawing: Drawing
    max_images: int | None


def is_snapshot(path: object) -> bool:
    """Tell whether a path names a snapshot rather than a folder or zip of images."""
    return isinstance(path, str) and Path(path).suffix == SUFFIX and not Path(path).is_dir()


def snapshots_of(path: object) -> list[str]:
    """Return the snapshots of a run's folder, oldest first; of anything else none."""
    if not isinstance(path, str) or not Path(path).is_dir():
        return []
    return [str(p) for p in sorted(Path(path).glob(_SNAPSHOTS))]


def is_reference(path: object) -> bool:
    """Tell whether a path names a file of reference statistics."""
    return isinstance(path, str) and Path(path).suffix == ".npz"


def name_of(side: str | Draw) -> str:
    """Return what a side is called in messages."""
    return side if isinstance(side, str) else getattr(side, "__qualname__", type(side).__name__)


def open_set(
    path: str,
    config: EvaluateConfig,
    resolution: Resolution | None = None,
    channels: int = 3,
    filter: Filter = DataConfig.filter,
) -> ImageSet:
    """Open a folder or zip, with its classes where it has some.

    Raises:
        InputError: it cannot be opened, or its images differ in size and none is given.
    """
    read = DataConfig(
        path=path, resolution=resolution, channels=channels, background=config.background,
        filter=filter,
    )  # fmt: skip
    return open_images(dataclasses.replace(read, labels=_has_classes(path)))


def _has_classes(path: str) -> bool:
    """Tell whether a set has classes that can be read; broken ones are left out, with a warning."""
    source = open_source(path)
    try:
        return find_labels(source) is not None
    except InputError as error:
        _log.warning("the classes of %s are not looked at: %s", path, error)
        return False


def _trained_filter(images: ImageSet, drawn: Sequence[SnapshotSide]) -> Filter | None:
    """Return the filter that a snapshot's training read this very set with."""
    for side in drawn:
        told = side.info.provenance
        if told.get("data_digest") == images.digest and "data_filter" in told:
            known: Filter = told["data_filter"]
            return known
    return None


def _fitting(
    path: str, config: EvaluateConfig, size: tuple[int, int], channels: int,
    drawn: Sequence[SnapshotSide],
) -> ImageSet:  # fmt: skip
    """Open a set at the size that the other side has."""
    resolution = resolution_of(*size)
    if config.filter is not None or config.resolution is not None:
        return open_set(path, config, resolution, channels, config.filter or DataConfig.filter)
    images = open_set(path, config, resolution, channels)
    if (known := _trained_filter(images, drawn)) is not None:
        return open_set(path, config, resolution, channels, known)
    try:
        own = open_set(path, config, None, channels)
        found = size_text(own.width, own.height)
    except InputError:
        own, found = None, "several sizes of"
    if own is not None and (own.width, own.height) == size:
        return own
    raise InputError(
        f"the images in {path} have {found} px, and those they are compared with "
        f"{size_text(*size)}: name the filter to resize them by with --filter lanczos (or box, "
        "bicubic), best the one that the network was trained with"
    )


def _check_drawn(name: str, side: SnapshotSide | FunctionSide, config: EvaluateConfig) -> None:
    if config.resolution is not None and size_of(config.resolution) != side.size:
        raise InputError(
            f"{name} draws {size_text(*side.size)} px, not "
            f"{size_text(*size_of(config.resolution))}: leave out --resolution, and the other "
            "side is read at its size"
        )
    if side.channels not in (1, 3):
        raise InputError(
            f"{name} draws {side.channels} channels; feature networks take 1 or 3, "
            "so save its samples composited on a background and evaluate that folder"
        )


def _open_drawn(
    side: str | Draw, config: EvaluateConfig, numbers: Numbers, device: torch.device
) -> SnapshotSide | FunctionSide | None:
    opened: SnapshotSide | FunctionSide
    if is_snapshot(side):
        opened = SnapshotSide(str(side), numbers.drawing, device)
    elif callable(side):
        opened = FunctionSide(side, numbers.drawing.samples, config.batch)
    else:
        return None
    _check_drawn(name_of(side), opened, config)
    return opened


def other_seed(seed: int) -> int:
    """Return the seed of a snapshot that a snapshot is compared with: both draw their own."""
    return (seed + 1) % 2**32


def _numbered(numbers: Numbers, i: int, names: Sequence[str | Draw]) -> Numbers:
    """Return the numbers of a side: of two snapshots, the second draws other latents."""
    if i == 0 or not all(map(is_snapshot, names)):
        return numbers
    seed = other_seed(numbers.drawing.seed)
    return numbers._replace(drawing=numbers.drawing._replace(seed=seed))


def _drawn_of(
    names: Sequence[str | Draw], config: EvaluateConfig, numbers: Numbers, device: torch.device
) -> list[SnapshotSide | FunctionSide | None]:
    """Open the sides that are drawn; None stands for the others."""
    return [
        _open_drawn(name, config, _numbered(numbers, i, names), device)
        for i, name in enumerate(names)
    ]


def _require_equal(a: Side, against: Side, config: EvaluateConfig) -> None:
    if a.size != against.size:
        raise InputError(
            f"{name_of(config.a)} has {size_text(*a.size)} px and {name_of(config.against)} "
            f"{size_text(*against.size)}: images of different sizes cannot be compared; name one "
            "for folders and zips with --resolution"
        )


def open_sides(
    config: EvaluateConfig, numbers: Numbers, device: torch.device
) -> tuple[Side, Side | None]:
    """Open both sides; a folder or zip is read at a snapshot's size and channels.

    Args:
        config: names the sides.
        numbers: how many images, and how they are drawn.
        device: where snapshots draw.

    Returns:
        The judged side and the other; None for the other if it is a file of statistics.

    Raises:
        InputError: a side cannot be opened, or they differ in size and no resize is named.
    """
    if is_reference(config.a):
        raise InputError(
            f"{name_of(config.a)} holds statistics alone: it can be compared with (--against), not "
            "be judged"
        )
    names = [config.a] if is_reference(config.against) else [config.a, config.against]
    drawn = _drawn_of(names, config, numbers, device)
    known = [side for side in drawn if side is not None]
    snapshots = [side for side in known if isinstance(side, SnapshotSide)]
    sides: list[Side] = []
    for name, side in zip(names, drawn, strict=True):
        if side is not None:
            sides.append(side)
            continue
        if known:
            images = _fitting(str(name), config, known[0].size, known[0].channels, snapshots)
        else:
            filter = config.filter or DataConfig.filter
            images = open_set(str(name), config, config.resolution, 3, filter)
        sides.append(ImagesSide(images, config.batch, numbers.max_images, numbers.drawing.seed))
    if len(sides) == 1:
        return sides[0], None
    _require_equal(sides[0], sides[1], config)
    return sides[0], sides[1]
