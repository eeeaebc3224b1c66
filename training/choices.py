"""What a user chooses of a run, and the usual numbers where nothing is chosen.

Source: Karras et al. 2020 (ADA), appendix C, for the numbers by resolution.

R resolution.
"""

from dataclasses import dataclass

from stylegen.data.config import DataConfig
from stylegen.errors import InputError
from stylegen.networks.config import (
    DiscriminatorArchitecture,
    DiscriminatorConfig,
    GeneratorArchitecture,
    GeneratorConfig,
)
from stylegen.precision import CONV_CLAMP, Precision
from stylegen.training.config import (
    EmaConfig,
    LoopConfig,
    LossConfig,
    OptimizerConfig,
    RunConfig,
)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """A user's choices; None leaves a number to the resolution and the batch.

    Attributes:
        batch: images of a step; None: :func:`auto_batch`.
        gamma: R1 weight; None: :func:`auto_gamma`.
        lr: learning rate of both networks; None: :func:`auto_lr`.
        channel_base: features of a layer are this / resolution; None: :func:`auto_channel_base`.
        channel_max: most features of a layer.
        mapping_layers: depth of the mapping network.
        z_dim: width of z.
        w_dim: width of w.
        mbstd_group_size: samples over which minibatch deviations are taken.
        generator_architecture: skip, resnet or orig.
        discriminator_architecture: resnet, skip or orig.
        conv_clamp: clip activations to +-this, 0 does not; None: :func:`auto_conv_clamp`.
        style_mixing: probability of two latents in one image.
        pl_weight: weight of the path length penalty; 0 turns it off.
        ema_kimg: half life of the generator's average; None: batch * 10 / 32.
        kimg: length, in thousands of real images shown.
        max_minutes: stop after this time; None: never.
        tick_kimg: write statistics this often.
        snapshot_kimg: write snapshots this often.
        seed: of everything random.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32, bf16 or fp16.
        num_low_precision_res: how many of the top resolutions that concerns.
    """

    batch: int | None = None
    gamma: float | None = None
    lr: float | None = None
    channel_base: int | None = None
    channel_max: int = GeneratorConfig.channel_max
    mapping_layers: int = 2
    z_dim: int = GeneratorConfig.z_dim
    w_dim: int = GeneratorConfig.w_dim
    mbstd_group_size: int = 4
    generator_architecture: GeneratorArchitecture = GeneratorConfig.architecture
    discriminator_architecture: DiscriminatorArchitecture = DiscriminatorConfig.architecture
    conv_clamp: float | None = None
    style_mixing: float = LossConfig.style_mixing
    pl_weight: float = LossConfig.pl_weight
    ema_kimg: float | None = None
    kimg: float = LoopConfig.kimg
    max_minutes: float | None = None
    tick_kimg: float = LoopConfig.tick_kimg
    snapshot_kimg: float = LoopConfig.snapshot_kimg
    seed: int = LoopConfig.seed
    device: str = LoopConfig.device
    precision: Precision = LoopConfig.precision
    num_low_precision_res: int = LoopConfig.num_low_precision_res


def auto_batch(resolution: int) -> int:
    """Return the usual batch of one device: 4096 // R, from 1 to 32."""
    return max(1, min(4096 // max(resolution, 1), 32))


def auto_gamma(resolution: int, batch: int) -> float:
    """Return the usual R1 weight: 0.0002 R^2 / batch."""
    return 0.0002 * resolution**2 / batch


def auto_lr(resolution: int) -> float:
    """Return the usual learning rate: 0.0025, and 0.002 from 1024 px on."""
    return 0.002 if resolution >= 1024 else 0.0025


def auto_channel_base(resolution: int) -> int:
    """Return the usual channel base: 16384, and 32768 from 512 px on."""
    return 32768 if resolution >= 512 else 16384


def auto_conv_clamp(loop: LoopConfig) -> float | None:
    """Return the usual clamp: 256 if any block computes in low precision here, else none.

    Raises:
        InputError: this machine has no such device, or it cannot compute so.
    """
    from stylegen.devices import choose_device, choose_precision, precision_name  # needs torch

    dtype = choose_precision(loop.precision, choose_device(loop.device))
    is_low = precision_name(dtype) != "fp32" and loop.num_low_precision_res > 0
    return CONV_CLAMP if is_low else None


def _generator(
    data: DataConfig, resolution: int, c_dim: int, choices: Choices, loop: LoopConfig
) -> GeneratorConfig:
    base, clamp = choices.channel_base, choices.conv_clamp
    return GeneratorConfig(
        resolution=resolution,
        img_channels=data.channels,
        z_dim=choices.z_dim,
        w_dim=choices.w_dim,
        c_dim=c_dim,
        mapping_layers=choices.mapping_layers,
        channel_base=auto_channel_base(resolution) if base is None else base,
        channel_max=choices.channel_max,
        architecture=choices.generator_architecture,
        conv_clamp=auto_conv_clamp(loop) if clamp is None else clamp or None,
    )


def _discriminator(generator: GeneratorConfig, choices: Choices) -> DiscriminatorConfig:
    return DiscriminatorConfig(
        resolution=generator.resolution,
        img_channels=generator.img_channels,
        c_dim=generator.c_dim,
        channel_base=generator.channel_base,
        channel_max=generator.channel_max,
        architecture=choices.discriminator_architecture,
        mbstd_group_size=choices.mbstd_group_size,
        conv_clamp=generator.conv_clamp,
    )


def _loop(batch: int, choices: Choices) -> LoopConfig:
    return LoopConfig(
        kimg=choices.kimg,
        batch=batch,
        seed=choices.seed,
        tick_kimg=choices.tick_kimg,
        snapshot_kimg=choices.snapshot_kimg,
        max_minutes=choices.max_minutes,
        device=choices.device,
        precision=choices.precision,
        num_low_precision_res=choices.num_low_precision_res,
    )


def plan_run(
    data: DataConfig,
    resolution: int,
    c_dim: int = 0,
    name: str = "run",
    choices: Choices | None = None,
) -> RunConfig:
    """Return a run's configuration.

    Args:
        data: the images.
        resolution: R, of the networks.
        c_dim: number of classes; 0 is unconditional.
        name: ends the name of the run's folder.
        choices: the user's; None: none.

    Raises:
        InputError: a value is out of its range, or the device is not here.
    """
    choices = choices or Choices()
    lr = auto_lr(resolution) if choices.lr is None else choices.lr
    batch = auto_batch(resolution) if choices.batch is None else choices.batch
    if not isinstance(batch, int) or batch < 1:
        raise InputError(f"batch is {batch!r}; wanted an int of at least 1")
    loop = _loop(batch, choices)
    generator = _generator(data, resolution, c_dim, choices, loop)
    ema_kimg = batch * 10 / 32 if choices.ema_kimg is None else choices.ema_kimg
    return RunConfig(
        name=name,
        data=data,
        generator=generator,
        discriminator=_discriminator(generator, choices),
        loss=LossConfig(
            r1_gamma=auto_gamma(resolution, batch) if choices.gamma is None else choices.gamma,
            style_mixing=choices.style_mixing,
            pl_weight=choices.pl_weight,
        ),
        optimizer=OptimizerConfig(generator_lr=lr, discriminator_lr=lr),
        ema=EmaConfig(half_life_kimg=ema_kimg),
        loop=loop,
    )
