"""A training run as one typed value.

Source: Karras et al. 2020 (StyleGAN2), section 3.1 (lazy regularisation) and 3.2 (path length),
appendix B.
"""

from dataclasses import dataclass, field

from stylegen.data.config import DataConfig
from stylegen.errors import InputError
from stylegen.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegen.precision import NUM_LOW_PRECISION_RES, PRECISIONS, Precision


def _check_range(config: object, low: float, high: float, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int | float) or not low <= value <= high:
            raise InputError(f"{name} is {value!r}; wanted a number from {low:g} to {high:g}")


def _check_count(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or value < 1:
            raise InputError(f"{name} is {value!r}; wanted an int of at least 1")


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Losses and regularisers.

    Attributes:
        r1_gamma: weight of the R1 penalty; 0 turns it off.
        r1_interval: steps between R1 penalties (lazy regularisation).
        pl_weight: weight of the path length penalty; 0 turns it off.
        pl_interval: steps between path length penalties.
        pl_batch_shrink: the penalty is taken over batch / this samples.
        pl_decay: how fast the mean path length follows.
        style_mixing: probability of two latents in one image.
    """

    r1_gamma: float = 1.0
    r1_interval: int = 16
    pl_weight: float = 2.0
    pl_interval: int = 4
    pl_batch_shrink: int = 2
    pl_decay: float = 0.01
    style_mixing: float = 0.9

    def __post_init__(self) -> None:
        _check_range(self, 0, 1e9, "r1_gamma", "pl_weight")
        _check_range(self, 0, 1, "pl_decay", "style_mixing")
        _check_count(self, "r1_interval", "pl_interval", "pl_batch_shrink")


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Adam, for both networks.

    Attributes:
        generator_lr: learning rate of the generator.
        discriminator_lr: learning rate of the discriminator.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        eps: added to the denominator.
    """

    generator_lr: float = 0.0025
    discriminator_lr: float = 0.0025
    beta1: float = 0.0
    beta2: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        _check_range(self, 0, 10, "generator_lr", "discriminator_lr", "eps")
        _check_range(self, 0, 1, "beta1", "beta2")


@dataclass(frozen=True, kw_only=True)
class EmaConfig:
    """The moving average of the generator.

    Attributes:
        half_life_kimg: after this many images, a weight's share has halved.
        rampup: at the start, the half life is at most this share of the images shown.
    """

    half_life_kimg: float = 10.0
    rampup: float = 0.05

    def __post_init__(self) -> None:
        _check_range(self, 0, 1e9, "half_life_kimg", "rampup")


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """Length, cadence and device of a run.

    Attributes:
        kimg: train until this many thousands of real images were shown.
        batch: images of a step.
        seed: of everything random in the run.
        tick_kimg: write statistics this often.
        snapshot_kimg: write a snapshot and a sample grid this often.
        max_minutes: stop (with a snapshot) when this time is over; None: never.
        device: "auto" takes a GPU if there is one, else the CPU.
        precision: "auto" takes bfloat16 where the device computes in it, else float32.
        num_low_precision_res: how many of the top resolutions that concerns; 0: none.
    """

    kimg: float = 25000.0
    batch: int = 32
    seed: int = 0
    tick_kimg: float = 4.0
    snapshot_kimg: float = 50.0
    max_minutes: float | None = None
    device: str = "auto"
    precision: Precision = "auto"
    num_low_precision_res: int = NUM_LOW_PRECISION_RES

    def __post_init__(self) -> None:
        _check_range(self, 0, 1e9, "kimg")
        _check_range(self, 1e-3, 1e9, "tick_kimg", "snapshot_kimg")
        _check_range(self, 0, 2**32 - 1, "seed")
        _check_range(self, 0, 100, "num_low_precision_res")
        _check_count(self, "batch")
        if self.max_minutes is not None:
            _check_range(self, 0, 1e9, "max_minutes")
        if self.precision not in PRECISIONS:
            raise InputError(
                f"precision is {self.precision!r}; wanted one of {', '.join(PRECISIONS)}"
            )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """All of a run. Saved as config.json in its folder."""

    name: str
    data: DataConfig
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    ema: EmaConfig = field(default_factory=EmaConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        g, d = self.generator, self.discriminator
        for name in ("resolution", "img_channels", "c_dim"):
            if getattr(g, name) != getattr(d, name):
                raise InputError(
                    f"the generator's {name} is {getattr(g, name)}, the discriminator's is "
                    f"{getattr(d, name)}; they should be equal"
                )
        if self.loop.precision == "fp16" and None in (g.conv_clamp, d.conv_clamp):
            raise InputError(
                "precision is 'fp16', whose numbers end at 65504, but the run's networks have no "
                "conv_clamp: take bf16 or fp32, or begin a run with a clamp of 256"
            )
