"""What is said of a run before its first step: images that are not its own, plans that go astray.

Everything is said once, by the first process.
"""

import logging
from dataclasses import replace

from stylegen.data import ImageSet
from stylegen.errors import InputError
from stylegen.training.augment import build_augment
from stylegen.training.config import RunConfig
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


def _cut_short(config: RunConfig) -> str:
    """Say that the run ends before its last phase begins; empty: it does not."""
    phases, kimg = config.schedule.phases, config.loop.kimg
    if not phases or phases[-1].from_kimg < kimg:
        return ""
    r, begin = phases[-1].resolution, phases[-1].from_kimg
    return f"the run ends at {kimg:g} kimg, before its schedule reaches {r} px at {begin:g} kimg"


def _left_out(config: RunConfig) -> str:
    """Say what of the run's augmentations has no meaning for its images; empty: all has one."""
    g, usual = config.generator, config.augment.kind
    kinds = [phase.augment or usual for phase in config.schedule.phases] or [usual]
    words = dict[str, None]()
    for kind in kinds:
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
    for sentence in (_cut_short(config), _left_out(config)):
        if sentence and world.is_first:
            _log.warning("%s", sentence)
