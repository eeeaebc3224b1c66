"""Augmentation of what the discriminator sees: ADA, with a fixed or adapted strength, and DiffAug.

Loaded when first used: the configuration and the controller need no torch.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names
from stylegen.training.augment.config import AugmentConfig, Magnitudes
from stylegen.training.augment.controller import AdaController

if TYPE_CHECKING:
    from stylegen.training.augment.build import build_augment as build_augment
    from stylegen.training.augment.interface import Augment as Augment

_HOMES = {"Augment": "interface", "build_augment": "build"}
__all__ = ["AdaController", "Augment", "AugmentConfig", "Magnitudes", "build_augment"]

__getattr__ = lazy_names(__name__, _HOMES)
