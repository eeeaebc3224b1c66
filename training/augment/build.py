"""From a configuration to an augmentation."""

import logging

from stylegen.errors import InputError
from stylegen.training.augment.config import AugmentConfig
from stylegen.training.augment.diffaug import DiffAugment
from stylegen.training.augment.interface import Augment
from stylegen.training.augment.pipeline import Pipeline

_SMALLEST_PX = 4

_log = logging.getLogger(__name__)


def build_augment(config: AugmentConfig, channels: int, height: int, width: int) -> Augment:
    """Build the augmentation of images of one shape, and log what it leaves out.

    Args:
        config: what is wanted.
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
        height: in pixels, at least 4.
        width: in pixels, at least 4.

    Raises:
        InputError: images of that shape cannot be augmented.
    """
    if config.kind == "none":
        return Augment()
    if not 1 <= channels <= 4 or min(height, width) < _SMALLEST_PX:
        raise InputError(
            f"images of {channels} channels and {width}x{height} pixels cannot be augmented; "
            f"wanted 1 to 4 channels and at least {_SMALLEST_PX} pixels each way, or kind 'none'"
        )
    augment: Augment
    if config.kind == "diffaug":
        augment = DiffAugment(config.policy, channels)
    else:
        augment = Pipeline(config, channels, height, width)
    if augment.left_out:
        _log.info("augmentation leaves out %s", "; ".join(augment.left_out))
    return augment
