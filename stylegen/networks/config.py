"""What a generator and a discriminator are made of, as plain values.

Source: Karras et al. 2020 (StyleGAN2), section 2 and table 1; Karras et al. 2020 (ADA), appendix D
for the smaller channel counts.

R nominal resolution, r block resolution (4, 8, ..., R), (h0, w0) base grid.
"""

from dataclasses import dataclass
from typing import Literal

from stylegen.errors import InputError
from stylegen.networks.shapes import BaseSize, block_size, check_base_size

GeneratorArchitecture = Literal["skip", "resnet", "orig"]
DiscriminatorArchitecture = Literal["resnet", "skip", "orig"]
_ARCHITECTURES = ("skip", "resnet", "orig")


def _positive(config: object, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or value < 1:
            raise InputError(f"{name} is {value!r}; wanted an int of at least 1")


def _not_negative(config: object, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or value < 0:
            raise InputError(f"{name} is {value!r}; wanted an int of at least 0")


def _check_resolution(resolution: int) -> None:
    if not isinstance(resolution, int) or resolution < 4 or resolution & (resolution - 1):
        raise InputError(f"resolution is {resolution!r}; wanted a power of two from 4 on")


def _check_common(config: "GeneratorConfig | DiscriminatorConfig") -> None:
    _check_resolution(config.resolution)
    check_base_size(config.base_size)
    _positive(config, ("img_channels", "channel_base", "channel_max"))
    _not_negative(config, ("c_dim", "mapping_layers"))
    if config.architecture not in _ARCHITECTURES:
        raise InputError(
            f"architecture is {config.architecture!r}; wanted one of {', '.join(_ARCHITECTURES)}"
        )
    if config.conv_clamp is not None and config.conv_clamp <= 0:
        raise InputError(f"conv_clamp is {config.conv_clamp!r}; wanted None or a positive number")
    if config.channels(config.resolution) < 1:
        raise InputError(
            f"channel_base {config.channel_base} leaves no channel at {config.resolution} px"
        )


class _Blocks:
    """What follows from the numbers that both configurations have."""

    resolution: int
    base_size: BaseSize
    channel_base: int
    channel_max: int

    def channels(self, resolution: int) -> int:
        """Return the number of features of the block at a resolution."""
        return min(self.channel_base // resolution, self.channel_max)

    def size(self, resolution: int) -> tuple[int, int]:
        """Return (height, width) in pixels of the block at a resolution."""
        return block_size(self.base_size, resolution)

    @property
    def height(self) -> int:
        """Height of the images in pixels, h0 R / 4."""
        return self.size(self.resolution)[0]

    @property
    def width(self) -> int:
        """Width of the images in pixels, w0 R / 4."""
        return self.size(self.resolution)[1]


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig(_Blocks):
    """A generator.

    Attributes:
        resolution: R, a power of two from 4 on; nominal where the base grid is not 4 x 4.
        base_size: (h0, w0), the grid that all blocks double; images are (h0 R / 4, w0 R / 4).
            :func:`~stylegen.networks.shapes.shape_for` gives R and it for images of a size.
        img_channels: channels of the image.
        z_dim: width of the input latent z; 0 for a purely conditional network.
        w_dim: width of the intermediate latent w.
        c_dim: number of classes; 0 is unconditional.
        mapping_layers: depth of the mapping network.
        channel_base: features of the block at resolution r are channel_base // r ...
        channel_max: ... and at most this many.
        architecture: "skip" sums an RGB image over all blocks, "resnet" has residual blocks,
            "orig" has neither.
        conv_clamp: clip each layer's output to +-this; None does not. Set for networks trained in
            low precision, and then needed in float32 too.
        mapping_lr_multiplier: learning rate of the mapping network, relative.
        w_avg_beta: decay of the running mean of w, per call in training mode.
        resample_filter: 1-D taps of the filter for all resampling.
    """

    resolution: int = 64
    base_size: BaseSize = (4, 4)
    img_channels: int = 3
    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    mapping_layers: int = 8
    channel_base: int = 32768
    channel_max: int = 512
    architecture: GeneratorArchitecture = "skip"
    conv_clamp: float | None = None
    mapping_lr_multiplier: float = 0.01
    w_avg_beta: float = 0.995
    resample_filter: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)

    def __post_init__(self) -> None:
        _check_common(self)
        _positive(self, ("w_dim",))
        _not_negative(self, ("z_dim",))
        if self.z_dim == 0 and self.c_dim == 0:
            raise InputError("z_dim and c_dim are both 0; the mapping network needs an input")
        if self.mapping_layers < 1:
            raise InputError("mapping_layers is 0; a generator needs at least 1")

    @property
    def num_ws(self) -> int:
        """Number of copies of w that the synthesis network takes: 2 log2 R - 2."""
        return 2 * (self.resolution.bit_length() - 1) - 2


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig(_Blocks):
    """A discriminator.

    Attributes:
        resolution: R, a power of two from 4 on; nominal where the base grid is not 4 x 4.
        base_size: (h0, w0), the grid that all blocks double; images are (h0 R / 4, w0 R / 4).
            :func:`~stylegen.networks.shapes.shape_for` gives R and it for images of a size.
        img_channels: channels of the image.
        c_dim: number of classes; 0 is unconditional.
        architecture: "resnet" has residual blocks, "skip" feeds the image into every block,
            "orig" has neither.
        channel_base: features of the block at resolution r are channel_base // r ...
        channel_max: ... and at most this many.
        mapping_layers: depth of the class embedding's mapping network, if conditional.
        cmap_dim: width of the class embedding; None: the features at 4 px.
        mbstd_group_size: samples over which minibatch deviations are taken; None: the batch.
        mbstd_channels: features that these deviations fill; 0 has none.
        conv_clamp: clip each layer's output to +-this; None does not.
        resample_filter: 1-D taps of the filter for all resampling.
    """

    resolution: int = 64
    base_size: BaseSize = (4, 4)
    img_channels: int = 3
    c_dim: int = 0
    architecture: DiscriminatorArchitecture = "resnet"
    channel_base: int = 32768
    channel_max: int = 512
    mapping_layers: int = 8
    cmap_dim: int | None = None
    mbstd_group_size: int | None = 4
    mbstd_channels: int = 1
    conv_clamp: float | None = None
    resample_filter: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)

    def __post_init__(self) -> None:
        _check_common(self)
        _not_negative(self, ("mbstd_channels",))
        if self.mbstd_group_size is not None:
            _positive(self, ("mbstd_group_size",))
        if self.cmap_dim is not None:
            _positive(self, ("cmap_dim",))
        if self.mbstd_channels and self.channels(4) % self.mbstd_channels:
            raise InputError(
                f"mbstd_channels {self.mbstd_channels} does not divide the {self.channels(4)} "
                "features at 4 px"
            )
