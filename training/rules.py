"""The usual numbers of a run, by resolution, batch and devices. Free of torch until it is needed.

Source: Karras et al. 2020 (ADA), appendix C, for the numbers by resolution.

R resolution.
"""

from stylegen.precision import CONV_CLAMP
from stylegen.training.config import LoopConfig

_MOST_IN_GROUP, _FEWEST_CLASSES = 4, 4


def auto_batch(resolution: int, devices: int = 1) -> int:
    """Return the usual batch: 4096 // R a device, from 1 to 32, and at most 64 in all."""
    each = max(1, min(4096 // max(resolution, 1), 32))
    return max(min(devices * each, 64), devices)


def auto_gamma(resolution: int, batch: int) -> float:
    """Return the usual R1 weight: 0.0002 R^2 / batch."""
    return 0.0002 * resolution**2 / batch


def auto_lr(resolution: int) -> float:
    """Return the usual learning rate: 0.0025, and 0.002 from 1024 px on."""
    return 0.002 if resolution >= 1024 else 0.0025


def auto_channel_base(resolution: int) -> int:
    """Return the usual channel base: 16384, and 32768 from 512 px on."""
    return 32768 if resolution >= 512 else 16384


def auto_mbstd_group_size(batch: int, devices: int = 1) -> int:
    """Return the usual size of a minibatch group: the batch of a device, up to 4."""
    return max(min(batch // devices, _MOST_IN_GROUP), 1)


def auto_class_groups(batch: int, group_size: int) -> bool:
    """Tell whether minibatch groups of one class leave a batch enough classes: four groups."""
    return group_size > 1 and batch // group_size >= _FEWEST_CLASSES


def auto_conv_clamp(loop: LoopConfig) -> float | None:
    """Return the usual clamp: 256 if any block computes in low precision here, else none.

    Raises:
        InputError: this machine has no such device, or it cannot compute so.
    """
    from stylegen.devices import choose_device, choose_precision, precision_name  # needs torch

    dtype = choose_precision(loop.precision, choose_device(loop.device))
    is_low = precision_name(dtype) != "fp32" and loop.num_low_precision_res > 0
    return CONV_CLAMP if is_low else None
