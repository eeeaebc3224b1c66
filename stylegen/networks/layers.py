"""The layers that all parts share, with the equalised learning rate.

Weights are stored as unit Gaussians (divided by the learning-rate multiplier) and scaled to He's
deviation at run time, so that Adam moves all of them at the same relative speed.

Source: Karras et al. 2018 (progressive GAN), section 4.1; Karras et al. 2020 (StyleGAN2).

N batch, I input features, O output features, H height, W width, k kernel size.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylegen.ops import (
    ACTIVATIONS,
    PreparedWeight,
    bias_act,
    conv2d,
    conv2d_down,
    conv2d_up,
    epilogue,
    scaled_weight,
    setup_filter,
    weight_and_energy,
)


def normalize_2nd_moment(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Scale each row to a mean square of 1: x / sqrt(mean x^2 + eps).

    Args:
        x: (N, I).
        eps: keeps a row of zeros finite.

    Returns:
        (N, I).
    """
    return x * (x.square().mean(dim=1, keepdim=True) + eps).rsqrt()


def block_resolutions(resolution: int) -> list[int]:
    """Return the resolutions of the blocks, from 4 px up."""
    return [2**i for i in range(2, resolution.bit_length())]


def low_precision_blocks(resolution: int, num_res: int) -> set[int]:
    """Return which of the blocks compute in low precision: the top ``num_res``, from 8 px up."""
    return {r for r in block_resolutions(resolution)[-num_res:] if r >= 8} if num_res else set()


_Network = TypeVar("_Network", bound=nn.Module)


def lay_out(network: _Network) -> _Network:
    """Lay out weights and buffers as convolutions read them fastest: channels last.

    A weight that a transposed convolution reads, of an upsampling layer, is channels last with its
    input and output channels exchanged. Shapes and values stay what they are.

    Args:
        network: changed in place.

    Returns:
        The network.
    """
    network.to(memory_format=torch.channels_last)
    for module in network.modules():
        weight = getattr(module, "weight", None)
        if getattr(module, "up", 1) > 1 and isinstance(weight, nn.Parameter) and weight.ndim == 4:
            swapped = weight.data.transpose(0, 1).contiguous(memory_format=torch.channels_last)
            weight.data = swapped.transpose(0, 1)
    return network


def freeze(network: _Network) -> _Network:
    """Prepare a network for drawing alone: evaluation mode, no gradients, weights narrowed once.

    A weight that is changed in place later is narrowed again, unless the change went by ``.data``
    or a fused optimizer, which torch does not count.

    Args:
        network: changed in place.

    Returns:
        The network.
    """
    for module in network.modules():
        if hasattr(module, "prepare"):
            module.prepare = PreparedWeight()  # type: ignore[assignment]
    return network.eval().requires_grad_(False)


def thaw(network: _Network) -> _Network:
    """Let a network that :func:`freeze` prepared be trained: weights narrowed for each call again.

    It stays in evaluation mode, in which the running mean of w is left alone.

    Args:
        network: changed in place; one that was never frozen gets all its gradients, no more.

    Returns:
        The network.
    """
    for module in network.modules():
        if hasattr(module, "prepare"):
            module.prepare = weight_and_energy  # type: ignore[assignment]
    return network.requires_grad_(True)


class FullyConnected(nn.Module):
    """y = act(x W^T + b), (N, I) to (N, O).

    Args:
        in_features: I.
        out_features: O.
        activation: of :func:`stylegen.ops.bias_act`.
        bias_init: initial value of the bias.
        lr_multiplier: learning rate relative to the network's.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str = "linear",
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init / lr_multiplier))
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, I) to (N, O), in float32."""
        y = F.linear(x.to(torch.float32), self.weight * self.weight_gain)
        return bias_act(y, self.bias * self.bias_gain, act=self.activation)


class Conv2d(nn.Module):
    """Convolution with bias, activation and resampling, (N, I, H, W) to (N, O, H', W').

    Args:
        in_channels: I.
        out_channels: O.
        kernel_size: k, odd.
        bias: add one.
        activation: linear or lrelu.
        up: upsampling factor.
        down: downsampling factor.
        resample_filter: 1-D taps.
        conv_clamp: clip the output to +-this.
    """

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        bias: bool = True,
        activation: str = "linear",
        up: int = 1,
        down: int = 1,
        resample_filter: Sequence[float] = (1.0, 3.0, 3.0, 1.0),
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.activation, self.up, self.down, self.conv_clamp = activation, up, down, conv_clamp
        self.padding = kernel_size // 2
        self.weight_gain = 1 / math.sqrt(in_channels * kernel_size**2)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.register_buffer("resample_filter", setup_filter(resample_filter, separable=False))

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """Convolve; the type of ``x`` is the type of the computation.

        Args:
            x: (N, I, H, W).
            gain: scales the output, and the clamp with it.

        Returns:
            (N, O, H * up / down, W * up / down).
        """
        w = scaled_weight(self.weight, self.weight_gain, x.dtype)
        if self.up > 1:
            y = conv2d_up(x, w, self.resample_filter, up=self.up, padding=self.padding)
        elif self.down > 1:
            y = conv2d_down(x, w, self.resample_filter, down=self.down, padding=self.padding)
        else:
            y = conv2d(x, w, padding=self.padding)
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        act_gain = ACTIVATIONS[self.activation].gain * gain
        return epilogue(y, b=self.bias, act=self.activation, gain=act_gain, clamp=clamp)
