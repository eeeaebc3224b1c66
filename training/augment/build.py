"""From a configuration to an augmentation."""

from stylegen.errors import InputError
from stylegen.training.augment.config import AugmentConfig
from stylegen.training.augment.diffaug import DiffAugment
from stylegen.training.augment.interface import Augment
from stylegen.training.augment.pipeline import Pipeline

_SMALLEST_PX = 4


def build_augment(config: AugmentConfig, channels: int, height: int, width: int) -> Augment:
    """Build the augmentation of images of one shape; its ``left_out`` is for users to know.

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
    if config.kind == "diffaug":
        return DiffAugment(config.policy, channels)
    return Pipeline(config, channels, height, width)
