"""A schedule in use: asked for the state at a moment, it answers with numbers for every knob."""

import math
from dataclasses import dataclass

from stylegen.training.augment.config import Kind
from stylegen.training.schedule import PhaseConfig, RampOf, ScheduleConfig


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The numbers of a step.

    Attributes:
        resolution: of images and networks.
        alpha: how far the newest block has faded in, 0 to 1.
        batch: images of the step.
        generator_lr: learning rate.
        discriminator_lr: learning rate.
        gamma: R1 weight.
        style_mixing: probability of two latents in one image.
        blur_sigma_px: of the Gaussian blur of all that the discriminator sees; 0: none.
        augment: kind of augmentation.
    """

    resolution: int
    alpha: float = 1.0
    batch: int
    generator_lr: float
    discriminator_lr: float
    gamma: float
    style_mixing: float
    blur_sigma_px: float = 0.0
    augment: Kind = "none"


class Schedule:
    """A schedule over a run's usual numbers.

    Args:
        config: phases and ramps.
        usual: what holds where the schedule says nothing.
        granule: batches of a ramp are multiples of this.
    """

    def __init__(self, config: ScheduleConfig, usual: Moment, granule: int = 1) -> None:
        self.config, self.usual, self.granule = config, usual, granule
        self._ramps = {ramp.of: ramp for ramp in config.ramps}

    def phase(self, kimg: float) -> tuple[int, PhaseConfig]:
        """Return number and configuration of the phase at a moment; the last one never ends."""
        phases = self.config.phases or (PhaseConfig(resolution=self.usual.resolution),)
        number = max(i for i, phase in enumerate(phases) if phase.from_kimg <= kimg or i == 0)
        return number, phases[number]

    def is_growing(self, number: int) -> bool:
        """Tell whether a phase has a block more than the one before it."""
        phases = self.config.phases
        return number > 0 and phases[number].resolution > phases[number - 1].resolution

    def _alpha(self, kimg: float) -> float:
        number, phase = self.phase(kimg)
        if not self.is_growing(number) or self.config.fade_kimg == 0:
            return 1.0
        return min((kimg - phase.from_kimg) / self.config.fade_kimg, 1.0)

    def _ramp(self, name: RampOf, kimg: float, value: float) -> float:
        return self._ramps[name].at(kimg) if name in self._ramps else value

    def _batch(self, kimg: float, phase: PhaseConfig) -> int:
        usual = self.usual.batch if phase.batch is None else phase.batch
        if "batch" not in self._ramps:
            return usual
        return max(round(self._ramps["batch"].at(kimg) / self.granule), 1) * self.granule

    def at(self, images_shown: int) -> Moment:
        """Return the numbers of the step that begins when so many images have been shown."""
        kimg, usual = images_shown / 1000, self.usual
        _, phase = self.phase(kimg)
        g_lr, d_lr = usual.generator_lr, usual.discriminator_lr
        if phase.lr is not None:
            g_lr = d_lr = phase.lr
        if "lr" in self._ramps:
            g_lr = d_lr = self._ramps["lr"].at(kimg)
        gamma = usual.gamma if phase.gamma is None else phase.gamma
        return Moment(
            resolution=phase.resolution,
            alpha=self._alpha(kimg),
            batch=self._batch(kimg, phase),
            generator_lr=g_lr,
            discriminator_lr=d_lr,
            gamma=self._ramp("gamma", kimg, gamma),
            style_mixing=self._ramp("style_mixing", kimg, usual.style_mixing),
            blur_sigma_px=self._ramp("blur_sigma_px", kimg, usual.blur_sigma_px),
            augment=usual.augment if phase.augment is None else phase.augment,
        )

    def batches(self, kimg: float) -> set[int]:
        """Return all batch sizes that may occur before a run's end."""
        begins = [p.from_kimg for p in self.config.phases if p.from_kimg < kimg] or [0.0]
        ramp = self._ramps.get("batch")
        if ramp is None:
            return {self.at(math.ceil(begin * 1000)).batch for begin in begins}
        moments = [0.0, kimg, *(k for k, _ in ramp.points if k < kimg)]
        sizes = [self.at(int(k * 1000)).batch for k in moments]
        return set(range(min(sizes), max(sizes) + 1, self.granule))
