"""Thresholds of a run's health, and advice.

Each condition begins at one threshold and ends at a milder one, given beside it, so that noise
between the two changes nothing.

Source: r_t and where augmentation leaks: Karras et al. 2020 (ADA), sections 2.2 and 3.1. Mean sign
of D's logits on real images in stylegen's own runs: on CIFAR-10, which learn, 0.78 after 4 kimg,
0.6 after 8, 0.5 and less from 12 on; on 100 images of 16 px, which it overfits, 0.7 after 8 kimg,
0.81 after 20, about 0.9 from 30 on (on fakes -0.94). Variety of 100 samples of the CIFAR-10 runs in
SqueezeNet's features: 89 untrained, which is why the young do not count, then 61 to 71; two modes
alone would halve it. Runaway augmentation, collapse and numbers that are not finite: as users of
StyleGAN2 report them.
"""

import math
from dataclasses import dataclass, fields

from stylegen.errors import InputError


@dataclass(frozen=True, kw_only=True)
class HealthConfig:
    """When a run is called unwell. Distances are in kimg, thousands of real images shown.

    Attributes:
        warmup_kimg: a young run is not judged: its discriminator is always ahead.
        hold_kimg: a condition must hold for this long ...
        hold_ticks: ... and for this many ticks.
        repeat_kimg: the same advice is given again only after this distance.
        real_sign: r_t, the mean sign of D's logits on real images, at which D overfits.
        real_sign_end: below this, it does not.
        fake_sign: mean sign of D's logits on fakes that goes with it.
        fake_sign_end: above this, it does not.
        leak_p: augmentation stronger than this leaks into the images.
        collapse: share of its own maximum to which the variety of samples falls.
        collapse_end: above this share, it has recovered.
        explode: gradient norm, as a multiple of what is usual.
        explode_end: below this multiple, it is usual again.
        vanish: gradient norm, as a share of what is usual.
        vanish_end: above this share, it is usual again.
        usual_kimg: distance over which "usual" follows the gradient norms.
        saturated: discriminator loss below which D tells everything apart with certainty.
        saturated_end: above this, it does not.
        blind: distance of both losses from those of a D that says nothing, 2 ln 2 and ln 2.
        blind_end: above this distance, D says something.
        stalled_kimg: a metric that did not get better for so long ...
        stalled_share: ... and for this share of the whole run so far ...
        stalled_values: ... and over so many values, has stalled.
        stalled_gain: better by less than this share is not better.
        wait: share of a tick's time that goes into waiting for images.
        wait_end: below this share, it is no matter.
    """

    warmup_kimg: float = 20.0
    hold_kimg: float = 20.0
    hold_ticks: int = 3
    repeat_kimg: float = 200.0
    real_sign: float = 0.85
    real_sign_end: float = 0.75
    fake_sign: float = -0.8
    fake_sign_end: float = -0.65
    leak_p: float = 0.8
    collapse: float = 0.6
    collapse_end: float = 0.7
    explode: float = 30.0
    explode_end: float = 10.0
    vanish: float = 1e-3
    vanish_end: float = 1e-2
    usual_kimg: float = 100.0
    saturated: float = 0.02
    saturated_end: float = 0.05
    blind: float = 0.02
    blind_end: float = 0.05
    stalled_kimg: float = 500.0
    stalled_share: float = 0.25
    stalled_values: int = 5
    stalled_gain: float = 0.01
    wait: float = 0.2
    wait_end: float = 0.1

    def __post_init__(self) -> None:
        for name in (f.name for f in fields(self)):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise InputError(f"{name} is {value!r}; wanted a number")
        for name in ("warmup_kimg", "hold_kimg", "hold_ticks", "repeat_kimg", "stalled_kimg"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; wanted 0 or more")
        if self.usual_kimg <= 0:
            raise InputError(f"usual_kimg is {self.usual_kimg}; wanted more than 0")
        for low, high in (
            ("real_sign_end", "real_sign"), ("fake_sign", "fake_sign_end"),
            ("collapse", "collapse_end"), ("explode_end", "explode"), ("vanish", "vanish_end"),
            ("saturated", "saturated_end"), ("blind", "blind_end"), ("wait_end", "wait"),
        ):  # fmt: skip
            if getattr(self, low) > getattr(self, high):
                raise InputError(f"{low} is above {high}; wanted it at most as high")


@dataclass(frozen=True)
class Advice:
    """What is wrong with a run and what to do about it.

    Attributes:
        kind: which condition, one word or two joined by "_".
        sentence: what was seen and which flag to change.
        kimg: when it was seen.
    """

    kind: str
    sentence: str
    kimg: float
