"""A training run as one typed value.

Source: Karras et al. 2020 (StyleGAN2), section 3.1 (lazy regularisation) and 3.2 (path length),
appendix B.
"""

from dataclasses import dataclass, field
from typing import Literal

from stylegen.data.config import DataConfig
from stylegen.errors import InputError
from stylegen.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegen.precision import NUM_LOW_PRECISION_RES, PRECISIONS, Precision
from stylegen.training.augment.config import AugmentConfig, Kind
from stylegen.training.health.config import HealthConfig
from stylegen.training.schedule import PhaseConfig, ScheduleConfig


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
        _check_range(self, 0, 1 - 1e-9, "beta1", "beta2")


@dataclass(frozen=True, kw_only=True)
class EmaConfig:
    """The moving average of the generator.

    Attributes:
        half_life_kimg: after this many images, a weight's share has halved.
        rampup: at the start, the half life is at most this share of the images shown; None: it
            is the same all along.
    """

    half_life_kimg: float = 10.0
    rampup: float | None = 0.05

    def __post_init__(self) -> None:
        _check_range(self, 0, 1e9, "half_life_kimg")
        if self.rampup is not None:
            _check_range(self, 0, 1e9, "rampup")


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """Length, cadence and device of a run.

    Attributes:
        kimg: train until this many thousands of real images were shown.
        batch: images of a step.
        seed: of everything random in the run.
        tick_kimg: write statistics this often.
        snapshot_kimg: write a snapshot and a sample grid at multiples of this ...
        snapshot_minutes: ... and after this time without one; None: by kimg only.
        keep_snapshots: how many of the last ones stay, besides the best by metric; 0: all.
        disk_quota_gb: the oldest go earlier, with their sample grids, if the run's folder takes
            more; None: no limit.
        max_minutes: stop (with a snapshot) when this time is over; None: never.
        batch_per_device: images that a device computes at once; it goes through larger batches
            in parts. None: all at once.
        class_balanced: draw real images from each class equally often.
        class_groups: show one class in each group of the minibatch deviations, real or not: else
            hardly any deviation within a class is seen, and classes may become the generator's
            only variety.
        metrics: names of the metrics to take of the average generator while it trains.
        metric_ticks: take them every so many ticks.
        metric_images: images drawn for them.
        metric_max_reals: real images for them, at most; None: all.
        metric_features: network whose features they compare.
        metric_weights: its weights file; None: where it is looked for.
        metric_minutes: give a measurement up after this time; None: never.
        device: "auto" takes a GPU if there is one, else the CPU.
        precision: "auto" takes bfloat16 where the device computes in it, else float32.
        num_low_precision_res: how many of the top resolutions that concerns; 0: none.
    """

    kimg: float = 25000.0
    batch: int = 32
    seed: int = 0
    tick_kimg: float = 4.0
    snapshot_kimg: float = 50.0
    snapshot_minutes: float | None = 10.0
    keep_snapshots: int = 20
    disk_quota_gb: float | None = None
    max_minutes: float | None = None
    batch_per_device: int | None = None
    class_balanced: bool = False
    class_groups: bool = False
    metrics: tuple[str, ...] = ()
    metric_ticks: int = 25
    metric_images: int = 10000
    metric_max_reals: int | None = None
    metric_features: str = "inception"
    metric_weights: str | None = None
    metric_minutes: float | None = None
    device: str = "auto"
    precision: Precision = "auto"
    num_low_precision_res: int = NUM_LOW_PRECISION_RES

    def __post_init__(self) -> None:
        _check_range(self, 0, 1e9, "kimg")
        _check_range(self, 1e-3, 1e9, "tick_kimg", "snapshot_kimg")
        _check_range(self, 0, 2**32 - 1, "seed")
        _check_range(self, 0, 100, "num_low_precision_res")
        _check_range(self, 0, 1e9, "keep_snapshots")
        _check_count(self, "batch", "metric_ticks", "metric_images")
        for name in ("max_minutes", "snapshot_minutes", "metric_minutes"):
            if getattr(self, name) is not None:
                _check_range(self, 0, 1e9, name)
        quota = self.disk_quota_gb
        if quota is not None and (not isinstance(quota, int | float) or not quota > 0):
            raise InputError(f"disk_quota_gb is {quota!r}; wanted a number above 0, in gigabytes")
        if self.batch_per_device is not None:
            _check_count(self, "batch_per_device")
        if self.precision not in PRECISIONS:
            raise InputError(
                f"precision is {self.precision!r}; wanted one of {', '.join(PRECISIONS)}"
            )


@dataclass(frozen=True, kw_only=True)
class TransferConfig:
    """Weights that a run begins from, and what of them stays as it is.

    Attributes:
        snapshot: the file.
        match: "all": every weight must fit; "resolution": blocks that only one of the networks
            has, and layers at their border, begin anew.
        freeze_d: how many of the discriminator's top resolutions are not trained.
    """

    snapshot: str
    match: Literal["all", "resolution"] = "all"
    freeze_d: int = 0

    def __post_init__(self) -> None:
        _check_range(self, 0, 100, "freeze_d")


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
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    health: HealthConfig = field(default_factory=HealthConfig)
    transfer: TransferConfig | None = None

    @property
    def class_group(self) -> int:
        """How many samples of a minibatch group show one class; 1: whatever comes."""
        return (self.discriminator.mbstd_group_size or 1) if self.loop.class_groups else 1

    @property
    def uses_r1(self) -> bool:
        """Whether the R1 penalty is taken at any moment of the run, as its schedule has it."""
        for ramp in self.schedule.ramps:
            if ramp.of == "gamma":
                return any(gamma > 0 for _, gamma in ramp.points)
        of_phases = [phase.gamma for phase in self.schedule.phases] or [None]
        return any(self.loss.r1_gamma if g is None else g for g in of_phases)

    @property
    def augment_kinds(self) -> tuple[Kind, ...]:
        """Kinds of augmentation that the run has, one after the other."""
        usual = self.augment.kind
        return tuple(p.augment or usual for p in self.schedule.phases) or (usual,)

    def __post_init__(self) -> None:
        g, d = self.generator, self.discriminator
        phases = self.schedule.phases
        if phases and phases[-1].resolution != g.resolution:
            raise InputError(
                f"the schedule ends at {phases[-1].resolution} px, but the run's resolution is "
                f"{g.resolution}; they should be equal"
            )
        if phases:
            self._check_end(phases[-1])
        for name in ("class_balanced", "class_groups"):
            if getattr(self.loop, name) and not g.c_dim:
                raise InputError(f"{name} needs a run with classes; give --labels too")
        if self.loop.class_groups and (d.mbstd_group_size or 1) < 2:
            raise InputError(
                "class_groups needs minibatch groups of a size from 2 on, but --mbstd-group-size "
                f"is {d.mbstd_group_size}"
            )
        for name in ("resolution", "base_size", "img_channels", "c_dim"):
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

    def _check_end(self, last: PhaseConfig) -> None:
        kimg, end = self.loop.kimg, last.to_kimg
        if end is not None and end < kimg:
            raise InputError(
                f"the schedule ends at {end:g} kimg, but the run at {kimg:g}; leave the last phase "
                f"open ({last.resolution}:{last.from_kimg:g}-), or give --kimg {end:g}"
            )
