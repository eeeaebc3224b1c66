"""The synthesis network: intermediate latents w to an image.

    layer:  x <- clip(sqrt2 * lrelu(demod_conv(x, A(w)) + strength * noise + b))
    toRGB:  y <- clip(conv_1x1(x, A(w)) + b),   image <- upsample(image) + y

Source: Karras et al. 2020 (StyleGAN2), sections 2.2 and 4.1, figures 2 and 7.

N batch, L number of layers that take a w, D width of w, I and O features, r resolution of a block,
(h, w) = (h0 r / 4, w0 r / 4) its size in pixels, (H, W) that of the image.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.networks.blocks import BlockNetwork
from stylegen.networks.config import GeneratorConfig
from stylegen.networks.fading import GeneratorFade
from stylegen.networks.layers import Conv2d, FullyConnected, block_resolutions
from stylegen.ops import (
    ACTIVATIONS,
    Prepare,
    modulated_conv2d,
    setup_filter,
    upsample2d,
    weight_and_energy,
)

# By name, or a callable that is given (N, h, w) of each layer in turn and returns (N, 1, h, w) unit
# Gaussians, float32 on the network's device: for noise that a seed or a batch's share decides.
Noise = Literal["random", "const", "none"] | Callable[[int, int, int], Tensor]
NOISES = ("random", "const", "none")
_RESIDUAL_GAIN = math.sqrt(0.5)


class SynthesisLayer(nn.Module):
    """Modulated convolution, noise, bias and leaky ReLU, (N, I, h / up, w / up) to (N, O, h, w).

    Args:
        in_channels: I.
        out_channels: O.
        w_dim: D.
        size: (h, w) in pixels, of the output.
        up: upsampling factor.
        resample_filter: 1-D taps.
        conv_clamp: clip the output to +-this.

    Attributes:
        prepare: narrows the weight for each call; see :func:`stylegen.networks.freeze`.
    """

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        size: tuple[int, int],
        up: int = 1,
        resample_filter: Sequence[float] = (1.0, 3.0, 3.0, 1.0),
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.size, self.up, self.conv_clamp = size, up, conv_clamp
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.prepare: Prepare = weight_and_energy
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("resample_filter", setup_filter(resample_filter, separable=False))
        self.register_buffer("noise_const", torch.randn(size))

    def _noise(self, x: Tensor, noise: Noise) -> Tensor | None:
        if noise == "none":
            return None
        if noise == "const":
            return self.noise_const * self.noise_strength
        shape = (x.shape[0], 1, *self.size)
        if noise == "random":
            drawn = torch.randn(shape, device=x.device)
        elif (drawn := noise(x.shape[0], *self.size)).shape != shape:
            raise InputError(f"noise should have shape {shape}, not {tuple(drawn.shape)}")
        return drawn * self.noise_strength

    def forward(self, x: Tensor, w: Tensor, noise: Noise = "random", gain: float = 1.0) -> Tensor:
        """Run the layer; the type of ``x`` is the type of the computation.

        Args:
            x: (N, I, h / up, w / up).
            w: (N, D).
            noise: "random" draws it, "const" takes the stored one, "none" adds none; or see
                :data:`Noise`.
            gain: scales the output, and the clamp with it.

        Returns:
            (N, O, h, w).

        Raises:
            InputError: the noise that a callable gave has another shape.
        """
        return modulated_conv2d(
            x,
            self.weight,
            self.affine(w),
            noise=self._noise(x, noise),
            b=self.bias,
            up=self.up,
            resample_filter=self.resample_filter,
            act="lrelu",
            gain=ACTIVATIONS["lrelu"].gain * gain,
            clamp=None if self.conv_clamp is None else self.conv_clamp * gain,
            prepare=self.prepare,
        )


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to the image's channels, without demodulation.

    Args:
        in_channels: I.
        out_channels: channels of the image.
        w_dim: D.
        conv_clamp: clip the output to +-this.
    """

    def __init__(
        self, in_channels: int, out_channels: int, w_dim: int, conv_clamp: float | None = None
    ) -> None:
        super().__init__()
        self.conv_clamp = conv_clamp
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1 / math.sqrt(in_channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Map (N, I, h, w) and (N, D) to (N, channels, h, w)."""
        styles = self.affine(w) * self.weight_gain
        return modulated_conv2d(
            x, self.weight, styles, b=self.bias, demodulate=False, clamp=self.conv_clamp
        )


class SynthesisBlock(nn.Module):
    """The layers of one resolution.

    Args:
        config: the generator.
        resolution: r.
    """

    resample_filter: Tensor

    def __init__(self, config: GeneratorConfig, resolution: int) -> None:
        super().__init__()
        self.dtype = torch.float32
        self.residual = config.architecture == "resnet"
        is_first, is_last = resolution == 4, resolution == config.resolution
        self.num_conv, self.has_torgb = 1 if is_first else 2, is_last
        self.has_torgb |= config.architecture == "skip"
        taps, clamp = config.resample_filter, config.conv_clamp
        out, size = config.channels(resolution), config.size(resolution)
        into = out if is_first else config.channels(resolution // 2)
        self.register_buffer("resample_filter", setup_filter(taps, separable=False))
        if is_first:
            self.const = nn.Parameter(torch.randn(out, *size))
        else:
            self.conv0 = SynthesisLayer(into, out, config.w_dim, size, 2, taps, clamp)
        self.conv1 = SynthesisLayer(out, out, config.w_dim, size, 1, taps, clamp)
        if self.has_torgb:
            self.torgb = ToRGB(out, config.img_channels, config.w_dim, clamp)
        if self.residual and not is_first:
            self.skip = Conv2d(into, out, 1, bias=False, up=2, resample_filter=taps)

    def _features(self, x: Tensor | None, ws: Tensor, noise: Noise) -> Tensor:
        if x is None:
            x = self.const.to(self.dtype).expand(ws.shape[0], -1, -1, -1)
            first: Tensor = self.conv1(x, ws[:, 0], noise)
            return first
        x = x.to(self.dtype)
        y: Tensor = self.conv0(x, ws[:, 0], noise)
        if self.residual:
            y = self.conv1(y, ws[:, 1], noise, gain=_RESIDUAL_GAIN)
            y = self.skip(x, gain=_RESIDUAL_GAIN) + y
        else:
            y = self.conv1(y, ws[:, 1], noise)
        return y

    def forward(
        self, x: Tensor | None, image: Tensor | None, ws: Tensor, noise: Noise
    ) -> tuple[Tensor, Tensor | None]:
        """Run the block.

        Args:
            x: (N, I, h / 2, w / 2), or None for the first block.
            image: (N, channels, h / 2, w / 2) float32, or None if there is none yet.
            ws: (N, num_conv or num_conv + 1, D).
            noise: see :class:`SynthesisLayer`.

        Returns:
            (N, O, h, w) and (N, channels, h, w) float32 or None.
        """
        x = self._features(x, ws, noise)
        if image is not None:
            image = upsample2d(image, self.resample_filter)
        if self.has_torgb:
            y = self.torgb(x, ws[:, self.num_conv]).to(torch.float32)
            image = y if image is None else image + y
        return x, image


class SynthesisNetwork(BlockNetwork):
    """All blocks, (N, L, D) to (N, channels, H, W).

    Args:
        config: the generator.
    """

    fade: GeneratorFade | None

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(config.resolution)
        self.num_ws, self.w_dim = config.num_ws, config.w_dim
        for r in block_resolutions(config.resolution):
            self.add_module(f"b{r}", SynthesisBlock(config, r))

    def _check(self, ws: Tensor, noise: Noise) -> None:
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            raise InputError(
                f"ws should have shape (N, {self.num_ws}, {self.w_dim}), not {tuple(ws.shape)}"
            )
        if not callable(noise) and noise not in NOISES:
            raise InputError(f"noise is {noise!r}; wanted one of {', '.join(NOISES)}")

    def forward(self, ws: Tensor, noise: Noise = "random") -> Tensor:
        """Draw images.

        Args:
            ws: (N, L, D), a w for each layer: two for each block, and one for the last toRGB.
            noise: "random" draws it, "const" takes the stored one, "none" adds none; or see
                :data:`Noise`.

        Returns:
            (N, channels, H, W) float32, about [-1, 1].

        Raises:
            InputError: ws has another shape, or noise another name or shape.
        """
        self._check(ws, noise)
        ws = ws.to(torch.float32)
        x: Tensor | None = None
        image: Tensor | None = None
        first = 0
        for r, block in self.blocks():
            assert isinstance(block, SynthesisBlock)
            fade = self.fade if r == self.resolution else None
            smaller = None if fade is None else fade.smaller(x, image, ws[:, first])
            x, image = block(x, image, ws[:, first : first + block.num_conv + 1], noise)
            first += block.num_conv
            if fade is not None:
                image = fade(smaller, image, block.resample_filter)
        assert image is not None
        return image
