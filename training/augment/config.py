"""What is augmented, how strongly, and how the strength is adapted.

Source: Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data" (ADA),
section 3 and appendix B; Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN
Training" (DiffAug), section 3.2.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from stylegen.errors import InputError

Kind = Literal["none", "fixed", "ada", "diffaug"]
Pipe = Literal[
    "blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc"
]

GROUPS = ("blit", "geom", "color", "filter", "noise", "cutout")
POLICIES = ("color", "translation", "cutout")
PIPES: dict[str, tuple[str, ...]] = {group: (group,) for group in GROUPS} | {
    "bgcfnc"[:count]: GROUPS[:count] for count in range(2, 7)
}


def _check(config: object, low: float, high: float, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int | float) or not low <= value <= high:
            raise InputError(f"{name} is {value!r}; wanted a number from {low:g} to {high:g}")


def _check_choice(config: object, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(config, name)
    if value not in choices:
        raise InputError(f"{name} is {value!r}; wanted one of {', '.join(choices)}")


@dataclass(frozen=True, kw_only=True)
class Magnitudes:
    """How far each operation of ADA goes; the defaults are the published ones.

    Attributes:
        xint_max: integer translation, up to this share of the width and height.
        scale_std: isotropic scaling, standard deviation of log2.
        rotate_max: rotation, up to this share of half a turn either way.
        aniso_std: anisotropic scaling, standard deviation of log2.
        xfrac_std: fractional translation, standard deviation as a share of width and height.
        brightness_std: standard deviation of what is added, in image units (white - black = 2).
        contrast_std: standard deviation of log2.
        hue_max: hue rotation, up to this share of half a turn either way.
        saturation_std: standard deviation of log2.
        imgfilter_bands: how often each frequency band is amplified, as a multiple of p.
        imgfilter_std: amplification of a band, standard deviation of log2.
        noise_std: scale of the half-normal distribution of the noise's standard deviation.
        cutout_size: side of the part cut out, as a share of width and height.
    """

    xint_max: float = 0.125
    scale_std: float = 0.2
    rotate_max: float = 1.0
    aniso_std: float = 0.2
    xfrac_std: float = 0.125
    brightness_std: float = 0.2
    contrast_std: float = 0.5
    hue_max: float = 1.0
    saturation_std: float = 1.0
    imgfilter_bands: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    imgfilter_std: float = 1.0
    noise_std: float = 0.1
    cutout_size: float = 0.5

    def __post_init__(self) -> None:
        _check(self, 0, 1, "xint_max", "rotate_max", "hue_max", "cutout_size")
        _check(self, 0, 2, "scale_std", "aniso_std", "xfrac_std", "brightness_std", "noise_std")
        _check(self, 0, 4, "contrast_std", "saturation_std", "imgfilter_std")
        bands = self.imgfilter_bands
        if len(bands) != 4 or not all(isinstance(b, int | float) and 0 <= b <= 1 for b in bands):
            raise InputError(f"imgfilter_bands is {bands!r}; wanted four numbers from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Augmentation of a run.

    Attributes:
        kind: "none"; "fixed": ADA's operations with probability p; "ada": the same, with p
            adapted; "diffaug": DiffAug's operations, always applied.
        pipe: ADA's operations: one group, or the first two, three, ... six of them by their
            initials.
        p: probability of each operation, for "fixed"; "ada" starts from 0.
        target: mean sign of the discriminator's logits on real images that "ada" steers for.
        interval: steps between two adjustments of p.
        speed_kimg: p can go from 0 to 1 within this many thousand images.
        max_p: "ada" raises p up to here; near 1, augmentations leak into the images generated.
        policy: DiffAug's operations.
        magnitudes: how far each operation of ADA goes.
    """

    kind: Kind = "none"
    pipe: Pipe = "bgc"
    p: float = 0.2
    target: float = 0.6
    interval: int = 4
    speed_kimg: float = 500.0
    max_p: float = 0.85
    policy: tuple[str, ...] = POLICIES
    magnitudes: Magnitudes = field(default_factory=Magnitudes)

    def __post_init__(self) -> None:
        _check_choice(self, "kind", get_args(Kind))
        _check_choice(self, "pipe", get_args(Pipe))
        _check(self, 0, 1, "p", "max_p")
        _check(self, -1, 1, "target")
        _check(self, 1e-3, 1e9, "speed_kimg")
        if not isinstance(self.interval, int) or self.interval < 1:
            raise InputError(f"interval is {self.interval!r}; wanted an int of at least 1")
        if not set(self.policy) <= set(POLICIES) or len(set(self.policy)) != len(self.policy):
            raise InputError(f"policy is {self.policy!r}; wanted some of {', '.join(POLICIES)}")
