"""Published settings, as one table of numbers.

Source: Karras et al. 2020 (StyleGAN2), appendix B, config F; Karras et al. 2020 (ADA), appendix C
and table of configurations (paper256, paper512, paper1024, CIFAR-10, auto); growing: after Karras
et al. 2018, appendix A, with the new block fading in over as many images as it then trains alone.

R resolution.
"""

from dataclasses import dataclass

from stylegen.errors import InputError
from stylegen.networks.config import DiscriminatorArchitecture


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A configuration; None leaves a number to the resolution, the batch and the devices.

    Attributes:
        summary: for whom, in a few words.
        kimg: length of the run.
        batch: images of a step.
        mbstd_group_size: samples of a minibatch group; None: the batch of a device, up to 4.
        channel_base: features of a layer are this / resolution.
        channel_max: and at most this many.
        lr: learning rate of both networks.
        gamma: R1 weight.
        ema_kimg: half life of the generator's average.
        ema_rampup: at the start, at most this share of the images shown; None: not ramped.
        mapping_layers: depth of the mapping network.
        pl_weight: weight of the path length penalty.
        style_mixing: probability of two latents in one image.
        discriminator_architecture: resnet, skip or orig.
    """

    summary: str
    kimg: float = 25000.0
    batch: int | None = None
    mbstd_group_size: int | None = None
    channel_base: int | None = None
    channel_max: int = 512
    lr: float | None = None
    gamma: float | None = None
    ema_kimg: float | None = None
    ema_rampup: float | None = None
    mapping_layers: int = 8
    pl_weight: float = 2.0
    style_mixing: float = 0.9
    discriminator_architecture: DiscriminatorArchitecture = "resnet"


PRESETS = {
    "auto": Preset(
        summary="a good start on any set: numbers from resolution and batch",
        ema_rampup=0.05,
        mapping_layers=2,
    ),
    "stylegan2": Preset(
        summary="config F of the StyleGAN2 paper, 1024 px",
        batch=32,
        mbstd_group_size=4,
        channel_base=32768,
        lr=0.002,
        gamma=10.0,
        ema_kimg=10.0,
    ),
    "paper256": Preset(
        summary="256 px as in the ADA paper",
        batch=64,
        mbstd_group_size=8,
        channel_base=16384,
        lr=0.0025,
        gamma=1.0,
        ema_kimg=20.0,
    ),
    "paper512": Preset(
        summary="512 px as in the ADA paper",
        batch=64,
        mbstd_group_size=8,
        channel_base=32768,
        lr=0.0025,
        gamma=0.5,
        ema_kimg=20.0,
    ),
    "paper1024": Preset(
        summary="1024 px as in the ADA paper",
        batch=32,
        mbstd_group_size=4,
        channel_base=32768,
        lr=0.002,
        gamma=2.0,
        ema_kimg=10.0,
    ),
    "cifar": Preset(
        summary="32 px as in the ADA paper's CIFAR-10",
        kimg=100000.0,
        batch=64,
        mbstd_group_size=32,
        channel_base=32768,
        lr=0.0025,
        gamma=0.01,
        ema_kimg=500.0,
        ema_rampup=0.05,
        mapping_layers=2,
        pl_weight=0.0,
        style_mixing=0.0,
        discriminator_architecture="orig",
    ),
    "tiny": Preset(
        summary="small networks that learn within an hour on a CPU",
        kimg=200.0,
        batch=16,
        mbstd_group_size=4,
        channel_base=2048,
        channel_max=64,
        lr=0.005,
        gamma=1.0,
        ema_kimg=2.5,
        ema_rampup=0.05,
        mapping_layers=2,
        pl_weight=0.0,
        style_mixing=0.0,
    ),
}

GROWING = {
    64: "8:0-200,16:200-600,32:600-1400,64:1400-,fade=200",
    128: "8:0-300,16:300-900,32:900-1800,64:1800-3000,128:3000-,fade=300",
    256: "8:0-400,16:400-1200,32:1200-2400,64:2400-3600,128:3600-4800,256:4800-,fade=400",
    512: "8:0-600,16:600-1800,32:1800-3000,64:3000-4200,128:4200-5400,256:5400-6600,512:6600-,"
    "fade=600",
    1024: "8:0-600,16:600-1800,32:1800-3000,64:3000-4200,128:4200-5400,256:5400-6600,"
    "512:6600-7800,1024:7800-,fade=600",
}


def preset(name: str) -> Preset:
    """Return a preset by name.

    Raises:
        InputError: there is no such preset.
    """
    if name not in PRESETS:
        raise InputError(f"preset {name!r} is unknown; wanted one of {', '.join(PRESETS)}")
    return PRESETS[name]


def growing(resolution: int) -> str:
    """Return the schedule of a progressive run that ends at a resolution, in its inline form.

    Raises:
        InputError: there is none for it.
    """
    if resolution not in GROWING:
        known = ", ".join(str(r) for r in GROWING)
        raise InputError(
            f"there is no ready schedule for {resolution} px (only for {known}); write one such as "
            "8:0-40,16:40-100,32:100-,fade=20"
        )
    return GROWING[resolution]
