"""The controller of ADA: p follows how surely the discriminator knows the real images.

    r_t = E sign(D(real)),   p <- clip(p + sign(r_t - target) * images / speed, 0, max_p)

Source: Karras et al. 2020 (ADA), section 3.1.
"""

import logging
import math
from collections.abc import Mapping

from stylegen.errors import InputError
from stylegen.training.augment.config import AugmentConfig

_WARN_AFTER_IMAGES = 100_000

_log = logging.getLogger(__name__)


class AdaController:
    """Adapts the probability of augmentation.

    Args:
        config: target, speed and bound.

    Attributes:
        p: the probability, from 0 to the bound.
        r_t: mean sign of the logits on real images, as last given; 0 before that.
        images_at_bound: images shown since p came to its bound, 0 below it.
    """

    def __init__(self, config: AugmentConfig) -> None:
        self.config = config
        self.p = self.r_t = 0.0
        self.images_at_bound = 0

    def update(self, mean_sign: float, images: int) -> None:
        """Move p one step up or down.

        Args:
            mean_sign: mean of sign(D(real)) since the last call, in [-1, 1]. One that is not
                finite leaves p as it is.
            images: real images shown since the last call.
        """
        if not math.isfinite(mean_sign):
            _log.warning("the discriminator's logits are not finite; p stays at %.3f", self.p)
            return
        self.r_t = mean_sign
        away = mean_sign - self.config.target
        change = images / (self.config.speed_kimg * 1000)
        if away:
            self.p += math.copysign(change, away)
        self.p = min(max(self.p, 0.0), self.config.max_p)
        self._watch_bound(images)

    def _watch_bound(self, images: int) -> None:
        """Count how long p has stood at its bound, and warn once when that is long."""
        before = self.images_at_bound
        at_bound = self.p > 0 and self.p >= self.config.max_p
        self.images_at_bound = before + images if at_bound else 0
        if before < _WARN_AFTER_IMAGES <= self.images_at_bound:
            _log.warning(
                "augmentation has stood at its bound of p = %g for %d kimg (r_t %.2f): "
                "more of it might leak into the images generated",
                self.config.max_p,
                self.images_at_bound // 1000,
                self.r_t,
            )

    def state(self) -> dict[str, float]:
        """Return what :meth:`load` needs to go on."""
        return {"p": self.p, "r_t": self.r_t, "images_at_bound": float(self.images_at_bound)}

    def load(self, state: Mapping[str, float]) -> None:
        """Go on from a state.

        Raises:
            InputError: an entry is missing or out of range.
        """
        for name, low, high in (("p", 0, 1), ("r_t", -1, 1), ("images_at_bound", 0, math.inf)):
            value = state.get(name, math.nan)
            if not low <= value <= high:
                raise InputError(
                    f"the state of ADA has {name} {state.get(name)!r}; wanted {low} to {high:g}"
                )
        self.p, self.r_t = float(state["p"]), float(state["r_t"])
        self.images_at_bound = int(state["images_at_bound"])
