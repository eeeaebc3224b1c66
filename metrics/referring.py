"""Write the statistics of a set of images to a file that later evaluations compare with."""

from pathlib import Path

from stylegen.data import DataConfig
from stylegen.errors import InputError
from stylegen.metrics.config import EvaluateConfig, least_images
from stylegen.metrics.evaluation import numbers_of
from stylegen.metrics.looking import Wants
from stylegen.metrics.references import Reference, check_reference_path, write_reference
from stylegen.metrics.sides import ImagesSide, Side, reading_of_side
from stylegen.metrics.sides_opening import is_reference, is_snapshot, name_of, open_set, open_sides
from stylegen.metrics.workplace import Progress, Workplace, open_workplace


def _images(config: EvaluateConfig, work: Workplace) -> ImagesSide:
    """Open the images that statistics are taken of, as an evaluation would read them."""
    against = config.against
    if not isinstance(against, str) or is_reference(against) or is_snapshot(against):
        raise InputError(
            f"statistics are taken of a folder or zip of images, not of {name_of(against)}"
        )
    numbers = numbers_of(config, work.plan.protocol)
    side: Side | None = None
    if is_snapshot(config.a) or callable(config.a):
        _, side = open_sides(config, numbers, work.device)
    if not isinstance(side, ImagesSide):
        filter = config.filter or DataConfig.filter
        images = open_set(against, config, config.resolution, 3, filter)
        side = ImagesSide(images, config.batch, numbers.max_images, numbers.drawing.seed)
    return side


def save_reference(
    config: EvaluateConfig,
    path: str | Path,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write the statistics of the side that is compared with, as an .npz.

    Args:
        config: names the images as ``against``, and how they are taken; where ``a`` is a snapshot,
            they are read at its size.
        path: of the file.
        progress: called as the images are looked at.
        overwrite: replace a file that is there.

    Raises:
        InputError: the images, the network or the path cannot be used.
        OSError: a file cannot be read or written.
    """
    check_reference_path(path, overwrite)
    work = open_workplace(config, progress)
    side = _images(config, work)
    if side.count < (least := least_images(("fid",), config.splits, judged=False)):
        raise InputError(f"{config.against} has {side.count} usable images; wanted {least} or more")
    reals = work.reals(side, name_of(config.against), Wants(mirrored=work.plan.protocol.mirror), ())
    found, network = reals.found[work.key], work.networks[work.key]
    reference = Reference(
        gaussian=reals.gaussians[work.key, work.plan.protocol.mirror],
        protocol=work.plan.protocol,
        data_digest=side.images.digest,
        weights_digest=network.weights_digest,
        source=f"{found.count:,} images of {side.images.name}",
        reading=reading_of_side(side),
    )
    write_reference(reference, path, overwrite)
    return Path(path)
