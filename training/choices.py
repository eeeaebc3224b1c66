"""What a user chooses of a run, and the usual numbers where nothing is chosen.

A choice wins over the preset, the preset over the rules by resolution and batch.

The rules: :mod:`stylegen.training.rules`.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from stylegen.data.config import DataConfig
from stylegen.errors import InputError
from stylegen.networks.config import (
    DiscriminatorArchitecture,
    DiscriminatorConfig,
    GeneratorArchitecture,
    GeneratorConfig,
)
from stylegen.networks.shapes import shape_for
from stylegen.precision import Precision
from stylegen.training.augment.config import AugmentConfig
from stylegen.training.config import (
    EmaConfig,
    LoopConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
    TransferConfig,
)
from stylegen.training.presets import Preset, preset
from stylegen.training.rules import (
    auto_batch,
    auto_channel_base,
    auto_class_groups,
    auto_conv_clamp,
    auto_gamma,
    auto_lr,
    auto_mbstd_group_size,
)
from stylegen.training.schedule import PhaseConfig, ScheduleConfig


@dataclass(frozen=True, kw_only=True)
class Choices:
    """A user's choices; None leaves a number to the preset, and then to resolution and batch.

    Attributes:
        preset: name of the table of numbers to begin from.
        batch: images of a step, in every phase without its own; None: :func:`auto_batch`.
        gamma: R1 weight, in every phase without its own; None: :func:`auto_gamma`.
        lr: learning rate of both networks; None: :func:`auto_lr`.
        channel_base: features of a layer are this / resolution; None: :func:`auto_channel_base`.
        channel_max: most features of a layer.
        mapping_layers: depth of the mapping network.
        z_dim: width of z.
        w_dim: width of w.
        mbstd_group_size: samples over which minibatch deviations are taken; None:
            :func:`auto_mbstd_group_size`.
        generator_architecture: skip, resnet or orig.
        discriminator_architecture: resnet, skip or orig.
        conv_clamp: clip activations to +-this, 0 does not; None: :func:`auto_conv_clamp`.
        style_mixing: probability of two latents in one image.
        pl_weight: weight of the path length penalty; 0 turns it off.
        ema_kimg: half life of the generator's average; None: batch * 10 / 32.
        ema_rampup: at the start, at most this share of the images shown; 0 does not ramp.
        kimg: length, in thousands of real images shown.
        augment: of what the discriminator sees.
        schedule: phases and ramps; where a batch or gamma is not chosen, phases without their own
            get the usual one for their resolution.
        transfer: weights to begin from.
        class_groups: one class in each minibatch group; None: :func:`auto_class_groups`.
        max_minutes, tick_kimg, snapshot_kimg, snapshot_minutes, keep_snapshots, disk_quota_gb,
            batch_per_device, class_balanced, metrics, metric_*, seed, device, precision,
            num_low_precision_res: as in :class:`LoopConfig`.
    """

    preset: str = "auto"
    batch: int | None = None
    gamma: float | None = None
    lr: float | None = None
    channel_base: int | None = None
    channel_max: int | None = None
    mapping_layers: int | None = None
    z_dim: int = GeneratorConfig.z_dim
    w_dim: int = GeneratorConfig.w_dim
    mbstd_group_size: int | None = None
    generator_architecture: GeneratorArchitecture = GeneratorConfig.architecture
    discriminator_architecture: DiscriminatorArchitecture | None = None
    conv_clamp: float | None = None
    style_mixing: float | None = None
    pl_weight: float | None = None
    ema_kimg: float | None = None
    ema_rampup: float | None = None
    kimg: float | None = None
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    transfer: TransferConfig | None = None
    max_minutes: float | None = None
    tick_kimg: float = LoopConfig.tick_kimg
    snapshot_kimg: float = LoopConfig.snapshot_kimg
    snapshot_minutes: float | None = LoopConfig.snapshot_minutes
    keep_snapshots: int = LoopConfig.keep_snapshots
    disk_quota_gb: float | None = None
    batch_per_device: int | None = None
    class_balanced: bool = False
    class_groups: bool | None = None
    metrics: tuple[str, ...] = ()
    metric_ticks: int = LoopConfig.metric_ticks
    metric_images: int = LoopConfig.metric_images
    metric_max_reals: int | None = None
    metric_features: str = LoopConfig.metric_features
    metric_weights: str | None = None
    metric_minutes: float | None = None
    seed: int = LoopConfig.seed
    device: str = LoopConfig.device
    precision: Precision = LoopConfig.precision
    num_low_precision_res: int = LoopConfig.num_low_precision_res


_LOOP = {f.name for f in dataclasses.fields(Choices)} & {
    f.name for f in dataclasses.fields(LoopConfig)
}


def _chosen(choices: Choices, numbers: Preset, name: str) -> Any:
    value = getattr(choices, name)
    return getattr(numbers, name) if value is None else value


def _generator(
    data: DataConfig, size: tuple[int, int], c_dim: int, choices: Choices, loop: LoopConfig
) -> GeneratorConfig:
    numbers = preset(choices.preset)
    resolution, base_size = shape_for(*size)
    base, clamp = _chosen(choices, numbers, "channel_base"), choices.conv_clamp
    return GeneratorConfig(
        resolution=resolution,
        base_size=base_size,
        img_channels=data.channels,
        z_dim=choices.z_dim,
        w_dim=choices.w_dim,
        c_dim=c_dim,
        mapping_layers=_chosen(choices, numbers, "mapping_layers"),
        channel_base=auto_channel_base(resolution) if base is None else base,
        channel_max=_chosen(choices, numbers, "channel_max"),
        architecture=choices.generator_architecture,
        conv_clamp=auto_conv_clamp(loop) if clamp is None else clamp or None,
    )


def _group_size(choices: Choices, batch: int, devices: int) -> int:
    group: int | None = _chosen(choices, preset(choices.preset), "mbstd_group_size")
    return auto_mbstd_group_size(batch, devices) if group is None else group


def _discriminator(
    generator: GeneratorConfig, choices: Choices, loop: LoopConfig, devices: int
) -> DiscriminatorConfig:
    numbers = preset(choices.preset)
    return DiscriminatorConfig(
        resolution=generator.resolution,
        base_size=generator.base_size,
        img_channels=generator.img_channels,
        c_dim=generator.c_dim,
        channel_base=generator.channel_base,
        channel_max=generator.channel_max,
        architecture=_chosen(choices, numbers, "discriminator_architecture"),
        mbstd_group_size=_group_size(choices, loop.batch, devices),
        conv_clamp=generator.conv_clamp,
    )


def _kimg(choices: Choices) -> float:
    """Return the length of the run: chosen, or where the schedule ends, or the preset's."""
    phases = choices.schedule.phases
    if choices.kimg is None and phases and phases[-1].to_kimg is not None:
        return phases[-1].to_kimg
    kimg: float = _chosen(choices, preset(choices.preset), "kimg")
    return kimg


def _loop(choices: Choices, resolution: int, c_dim: int, devices: int) -> LoopConfig:
    numbers = preset(choices.preset)
    batch = _chosen(choices, numbers, "batch")
    batch = auto_batch(resolution, devices) if batch is None else batch
    if not isinstance(batch, int) or batch < 1:
        raise InputError(f"batch is {batch!r}; wanted an int of at least 1")
    values = {name: getattr(choices, name) for name in _LOOP}
    values |= {"batch": batch, "kimg": _kimg(choices)}
    if choices.class_groups is None:
        group = _group_size(choices, batch, devices)
        values["class_groups"] = c_dim > 0 and auto_class_groups(batch, group)
    return LoopConfig(**values)


def _loss(choices: Choices, resolution: int, batch: int) -> LossConfig:
    numbers = preset(choices.preset)
    gamma = _chosen(choices, numbers, "gamma")
    return LossConfig(
        r1_gamma=auto_gamma(resolution, batch) if gamma is None else gamma,
        style_mixing=_chosen(choices, numbers, "style_mixing"),
        pl_weight=_chosen(choices, numbers, "pl_weight"),
    )


def _phase(phase: PhaseConfig, choices: Choices, devices: int) -> PhaseConfig:
    numbers = preset(choices.preset)
    batch, gamma, usual = phase.batch, phase.gamma, _chosen(choices, numbers, "batch")
    if batch is None and usual is None:
        batch = auto_batch(phase.resolution, devices)
    if gamma is None and _chosen(choices, numbers, "gamma") is None:
        gamma = auto_gamma(phase.resolution, usual if batch is None else batch)
    return dataclasses.replace(phase, batch=batch, gamma=gamma)


def _schedule(choices: Choices, devices: int) -> ScheduleConfig:
    phases = tuple(_phase(phase, choices, devices) for phase in choices.schedule.phases)
    return dataclasses.replace(choices.schedule, phases=phases)


def _optimizer(choices: Choices, resolution: int) -> OptimizerConfig:
    lr = _chosen(choices, preset(choices.preset), "lr")
    lr = auto_lr(resolution) if lr is None else lr
    return OptimizerConfig(generator_lr=lr, discriminator_lr=lr)


def _ema(choices: Choices, batch: int) -> EmaConfig:
    """Return the average's numbers: without a ramp-up where the weights are another run's."""
    numbers = preset(choices.preset)
    kimg, rampup = _chosen(choices, numbers, "ema_kimg"), choices.ema_rampup
    if rampup is None and not choices.transfer:
        rampup = numbers.ema_rampup
    half_life_kimg = batch * 10 / 32 if kimg is None else kimg
    return EmaConfig(half_life_kimg=half_life_kimg, rampup=rampup or None)


def plan_run(
    data: DataConfig,
    size: int | tuple[int, int],
    c_dim: int = 0,
    name: str = "run",
    choices: Choices | None = None,
    devices: int = 1,
) -> RunConfig:
    """Return a run's configuration.

    Args:
        data: the images.
        size: of the images: height and width, or the side of a square.
        c_dim: number of classes; 0 is unconditional.
        name: ends the name of the run's folder.
        choices: the user's; None: none.
        devices: how many share each batch.

    Raises:
        InputError: a value is out of its range, a size out of reach, or the device is not here.
    """
    choices = choices or Choices()
    size = (size, size) if isinstance(size, int) else size
    resolution, _ = shape_for(*size)
    loop = _loop(choices, resolution, c_dim, devices)
    generator = _generator(data, size, c_dim, choices, loop)
    return RunConfig(
        name=name,
        data=data,
        generator=generator,
        discriminator=_discriminator(generator, choices, loop, devices),
        loss=_loss(choices, resolution, loop.batch),
        optimizer=_optimizer(choices, resolution),
        ema=_ema(choices, loop.batch),
        loop=loop,
        augment=choices.augment,
        schedule=_schedule(choices, devices),
        transfer=choices.transfer,
    )
