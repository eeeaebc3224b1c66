"""What is said of a run before its first step: images that are not its own, plans that go astray.

Everything is said once, by the first process.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace

from stylegen.data import ImageSet
from stylegen.errors import InputError
from stylegen.training.augment import build_augment
from stylegen.training.config import RunConfig
from stylegen.training.moments import Schedule
from stylegen.training.schedule import PhaseConfig, RampConfig
from stylegen.training.words import kimg_words
from stylegen.training.world import World

_log = logging.getLogger(__name__)


def check_classes(config: RunConfig, images: ImageSet) -> None:
    """Compare the classes of the images with those that the networks are for.

    Raises:
        InputError: there are more or fewer of them.
    """
    wanted, found = config.generator.c_dim, images.num_classes
    if wanted != found:
        raise InputError(
            f"the images have {found} classes, but the networks are for {wanted}; c_dim of both "
            f"networks should be {found} (0 goes with images that are read without labels)"
        )


def _uneven(ramp: RampConfig, granule: int) -> list[float]:
    """Return the batches of a ramp's points that are no whole multiples."""
    return [value for _, value in ramp.points if value % granule]


def _check_ramp(ramp: RampConfig, granule: int) -> None:
    """Refuse a batch that the run could not keep to."""
    if not ramp.steps or not (uneven := _uneven(ramp, granule)):
        return
    raise InputError(
        f"the ramp of batch holds {uneven[0]:g}, which is no multiple of {granule} (the minibatch "
        "group times the number of processes); take a multiple, or another --mbstd-group-size"
    )


def _leaps(schedule: Schedule, phase: PhaseConfig) -> Iterator[int]:
    """Yield the batches of steps that may lead from before a phase to after it."""
    begin, end = phase.from_kimg, phase.to_kimg or 0.0
    first, largest = int(begin * 1000), max(schedule.batches(begin))
    if (end - begin) * 1000 >= largest:
        return
    for shown in range(max(first - largest, 0), first + 2):
        batch = schedule.at(shown).batch
        if shown / 1000 < begin and (shown + batch) / 1000 >= end:
            yield batch


def _check_phases(phases: tuple[PhaseConfig, ...], schedule: Schedule, kimg: float) -> None:
    """Refuse phases that a step may leap over, with the growth that they bring."""
    for i, phase in enumerate(phases[:-1]):
        if not schedule.is_growing(i) or phase.to_kimg is None or phase.to_kimg >= kimg:
            continue
        if (batch := next(_leaps(schedule, phase), None)) is not None:
            raise InputError(
                f"the phase at {phase.resolution} px lasts from {kimg_words(phase.from_kimg)} to "
                f"{kimg_words(phase.to_kimg)} kimg, which a step of {batch} images may leap over; "
                "make it longer, or the batch smaller"
            )


def check_schedule(config: RunConfig, schedule: Schedule) -> None:
    """Refuse a schedule that a run which begins could not follow.

    Args:
        config: the run.
        schedule: of it, as its processes share the batches.

    Raises:
        InputError: a ramp holds a batch that is rounded, or a step may leap over a phase.
    """
    for ramp in config.schedule.ramps:
        if ramp.of == "batch":
            _check_ramp(ramp, schedule.granule)
    _check_phases(config.schedule.phases, schedule, config.loop.kimg)


def _rounded(config: RunConfig, world: World) -> str:
    """Say that a ramp's batches are rounded; empty: they are not, or only to whole images."""
    granule = (config.discriminator.mbstd_group_size or 1) * world.size
    for ramp in config.schedule.ramps:
        if ramp.of == "batch" and granule > 1 and (not ramp.steps or _uneven(ramp, granule)):
            return (
                f"the batches of the ramp are rounded to multiples of {granule} (the minibatch "
                "group times the number of processes)"
            )
    return ""


def _cut_short(config: RunConfig) -> str:
    """Say that the run ends before its last phase begins; empty: it does not."""
    phases, kimg = config.schedule.phases, config.loop.kimg
    if not phases or phases[-1].from_kimg < kimg:
        return ""
    r, begin = phases[-1].resolution, phases[-1].from_kimg
    return f"the run ends at {kimg:g} kimg, before its schedule reaches {r} px at {begin:g} kimg"


def _left_out(config: RunConfig) -> str:
    """Say what of the run's augmentations has no meaning for its images; empty: all has one."""
    g, words = config.generator, dict[str, None]()
    for kind in config.augment_kinds:
        augment = replace(config.augment, kind=kind)
        words |= dict.fromkeys(build_augment(augment, g.img_channels, g.height, g.width).left_out)
    return f"augmentation leaves out {'; '.join(words)}" if words else ""


def warn(config: RunConfig, world: World) -> None:
    """Warn of what a run will not do, although its configuration says it.

    Args:
        config: the run.
        world: the processes of the run; the first one speaks.

    Raises:
        InputError: the images are too small to be augmented.
    """
    for sentence in (_cut_short(config), _left_out(config), _rounded(config, world)):
        if sentence and world.is_first:
            _log.warning("%s", sentence)
