"""What the discriminator sees of the images: augmented, and blurred at the start of a run.

Source: Karras et al. 2020 (ADA), section 2; Karras et al. 2021 (StyleGAN3), appendix D (blur).

N batch, C channels, H height, W width.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops import filter2d
from stylegen.training.augment import AdaController, Augment, AugmentConfig, build_augment
from stylegen.training.augment.config import Kind
from stylegen.training.draws import Draws
from stylegen.training.world import World

_REACH = 3  # standard deviations that the blur's taps cover
_LEAST_SIGMA_PX = 1e-3


def gaussian_taps(sigma_px: float) -> Tensor:
    """Return the taps of a Gaussian blur, of sum 1, (2 * ceil(3 sigma) + 1,) float32."""
    reach = math.ceil(_REACH * sigma_px)
    taps = torch.arange(-reach, reach + 1, dtype=torch.float64).div(sigma_px).square()
    weights = taps.mul(-0.5).exp()
    return (weights / weights.sum()).float()


class View:
    """Changes images on their way to the discriminator.

    Args:
        config: the run's augmentation.

    Attributes:
        kind: of augmentation, for now.
        blur_sigma_px: of the blur, for now; 0: none.
        controller: adapts the strength of ADA.
    """

    def __init__(self, config: AugmentConfig) -> None:
        self.config, self.kind, self.blur_sigma_px = config, config.kind, 0.0
        self.controller = AdaController(config)
        self._augments: dict[tuple[Kind, torch.Size], Augment] = {}
        self._signs: list[Tensor] = []
        self._images = 0

    @property
    def p(self) -> float:
        """The probability of each operation, for now."""
        if self.kind == "ada":
            return self.controller.p
        return {"none": 0.0, "fixed": self.config.p}.get(self.kind, 1.0)

    def _augment(self, shape: torch.Size) -> Augment:
        key = (self.kind, shape)
        if key not in self._augments:
            self._augments[key] = build_augment(replace(self.config, kind=self.kind), *shape)
        return self._augments[key]

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """Return the images as the discriminator shall see them, (N, C, H, W)."""
        if self.kind != "none":
            images = self._augment(images.shape[1:])(images, self.p, draws)
        if self.blur_sigma_px < _LEAST_SIGMA_PX:
            return images
        return filter2d(images, gaussian_taps(self.blur_sigma_px).to(images.device))

    def adapt(self, signs_real: Tensor, images: int, world: World) -> None:
        """Move the strength of ADA after a step, every ``interval`` steps.

        Args:
            signs_real: mean sign of the logits on real images, of this process's rows; a scalar.
            images: real images of the step, of all processes.
            world: the processes of the run.
        """
        if self.kind != "ada":
            return
        sign = signs_real.clone()
        world.mean_([sign])  # at once, so that a saved state holds those of all processes
        self._signs.append(sign)
        self._images += images
        if len(self._signs) < self.config.interval:
            return
        mean = torch.stack([sign.to(signs_real.device) for sign in self._signs]).mean()
        self.controller.update(float(mean), self._images)
        self._signs, self._images = [], 0

    def state(self) -> dict[str, Any]:
        """Return what :meth:`load` needs to go on, as plain values."""
        signs = [float(sign) for sign in self._signs]
        return {**self.controller.state(), "signs": signs, "images": self._images}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Raises:
            InputError: an entry is missing or out of range.
        """
        signs, images = state.get("signs"), state.get("images")
        if not isinstance(signs, list) or not isinstance(images, int):
            raise InputError("the state of the augmentation lacks its signs or images")
        self.controller.load({k: v for k, v in state.items() if k not in ("signs", "images")})
        self._signs = [torch.tensor(sign, dtype=torch.float32) for sign in signs]
        self._images = images
