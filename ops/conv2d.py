"""conv2d: a convolution whose gradients are convolutions, any number of times.

A convolution is bilinear in the image and the weight, so that with

    y = conv(x, w),   dx = conv_transpose(dy, w),   dw = weight_gradient(x, dy)

each derivative of each of the three is one of the three again. Torch's own second derivative,
which R1 and path length need, goes other ways that are several times slower. Where only the
gradient by the image is wanted, as both regularisers do at first, see :func:`no_weight_gradients`.

Source: LeCun et al. 1998; Dumoulin & Visin, "A guide to convolution arithmetic" (2016), chapter 4.

N batch, I input channels, O output channels, H height, W width, k kernel size.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops.dispatch import Impl, use_reference

_without_weights = 0  # blocks of no_weight_gradients around us; backward runs in other threads too


@contextlib.contextmanager
def no_weight_gradients() -> Iterator[None]:
    """Leave out the gradients by the weights of all backward passes within the block.

    For ``torch.autograd.grad(..., images, create_graph=True)``, which would compute and drop them.
    What is computed within can be differentiated by the weights afterwards.
    """
    global _without_weights
    _without_weights += 1
    try:
        yield
    finally:
        _without_weights -= 1


def _plain(x: Tensor, w: Tensor, stride: int, padding: int) -> Tensor:
    return F.conv2d(x, w, stride=stride, padding=padding)


def _plain_transpose(x: Tensor, w: Tensor, stride: int, padding: int, extra: list[int]) -> Tensor:
    return F.conv_transpose2d(x, w, stride=stride, padding=padding, output_padding=extra)


@torch.library.custom_op("stylegen::conv2d", mutates_args=())
def _conv(x: Tensor, w: Tensor, stride: int, padding: int) -> Tensor:
    return _plain(x, w, stride, padding)


@torch.library.custom_op("stylegen::conv2d_transpose", mutates_args=())
def _transpose(x: Tensor, w: Tensor, stride: int, padding: int, extra: list[int]) -> Tensor:
    """Return (N, I, H', W') from (N, O, H, W) and (O, I, k, k); ``extra`` rows and columns."""
    return _plain_transpose(x, w, stride, padding, extra)


def _weight_gradient_by_product(x: Tensor, dy: Tensor, k: int, stride: int, pad: int) -> Tensor:
    """Compute the gradient as one matrix product of dy^T and the patches of x."""
    patches = F.pad(x, [pad] * 4) if pad else x
    patches = patches.permute(0, 2, 3, 1).unfold(1, k, stride).unfold(2, k, stride)
    patches = patches[:, : dy.shape[2], : dy.shape[3]].permute(0, 1, 2, 4, 5, 3)
    o, i = dy.shape[1], x.shape[1]
    rows = dy.permute(0, 2, 3, 1).reshape(-1, o)
    dw = rows.t() @ patches.reshape(-1, k * k * i)
    return dw.view(o, k, k, i).permute(0, 3, 1, 2)


_FEW_PIXELS = 2048  # for which the product wins: measured for 64 to 512 channels on AVX512-BF16


def _product_wins(x: Tensor, dy: Tensor) -> bool:
    pixels = dy.shape[0] * dy.shape[2] * dy.shape[3]
    many_channels = x.shape[1] >= 16
    return (
        x.device.type == "cpu"
        and x.dtype == torch.bfloat16
        and (many_channels and pixels <= _FEW_PIXELS)
    )


@torch.library.custom_op("stylegen::conv2d_weight_gradient", mutates_args=())
def _weight_gradient(x: Tensor, dy: Tensor, k: int, stride: int, padding: int) -> Tensor:
    """Return (O, I, k, k) from the image (N, I, H, W) and the gradient (N, O, H', W')."""
    if _product_wins(x, dy):
        return _weight_gradient_by_product(x, dy, k, stride, padding)
    w = x.new_empty(()).expand(dy.shape[1], x.shape[1], k, k)
    stride2, padding2 = [stride, stride], [padding, padding]
    dw: Tensor = torch.ops.aten.convolution_backward(
        dy, x, w, None, stride2, padding2, [1, 1], False, [0, 0], 1, [False, True, False]
    )[1]
    return dw


@_conv.register_fake
def _fake(x: Tensor, w: Tensor, stride: int, padding: int) -> Tensor:
    return _plain(x, w, stride, padding)


@_transpose.register_fake
def _fake_transpose(x: Tensor, w: Tensor, stride: int, padding: int, extra: list[int]) -> Tensor:
    return _plain_transpose(x, w, stride, padding, extra)


@_weight_gradient.register_fake
def _fake_weight_gradient(x: Tensor, dy: Tensor, k: int, stride: int, padding: int) -> Tensor:
    return x.new_empty(dy.shape[1], x.shape[1], k, k)


def _extra(size: torch.Size, dy: Tensor, k: int, stride: int, padding: int) -> list[int]:
    """Return the rows and columns at the end that a stride of more than 1 never saw."""
    return [size[d] - ((dy.shape[d] - 1) * stride - 2 * padding + k) for d in (2, 3)]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, w, ctx.stride, ctx.padding = inputs[:4]
    ctx.size = x.shape
    ctx.save_for_backward(x, w)


def _wanted(ctx: Any) -> tuple[bool, bool]:
    by_image, by_weight = ctx.needs_input_grad[:2]
    return by_image, by_weight and not _without_weights


def _backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
    x, w = ctx.saved_tensors
    by_image, by_weight = _wanted(ctx)
    k, stride, padding = w.shape[-1], ctx.stride, ctx.padding
    extra = _extra(ctx.size, dy, k, stride, padding)
    dx = _transpose(dy, w, stride, padding, extra) if by_image else None
    dw = _weight_gradient(x, dy, k, stride, padding) if by_weight else None
    return dx, dw, None, None


def _backward_transpose(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
    x, w = ctx.saved_tensors
    by_image, by_weight = _wanted(ctx)
    dx = _conv(dy, w, ctx.stride, ctx.padding) if by_image else None
    dw = _weight_gradient(dy, x, w.shape[-1], ctx.stride, ctx.padding) if by_weight else None
    return dx, dw, None, None, None


def _setup_weights(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, dy, ctx.k, ctx.stride, ctx.padding = inputs
    ctx.save_for_backward(x, dy)


def _backward_weights(ctx: Any, ddw: Tensor) -> tuple[Tensor | None, ...]:
    x, dy = ctx.saved_tensors
    by_x, by_dy = ctx.needs_input_grad[:2]
    extra = _extra(x.shape, dy, ctx.k, ctx.stride, ctx.padding)
    dx = _transpose(dy, ddw, ctx.stride, ctx.padding, extra) if by_x else None
    ddy = _conv(x, ddw, ctx.stride, ctx.padding) if by_dy else None
    return dx, ddy, None, None, None


_conv.register_autograd(_backward, setup_context=_setup)
_transpose.register_autograd(_backward_transpose, setup_context=_setup)
_weight_gradient.register_autograd(_backward_weights, setup_context=_setup_weights)


def _check(x: Tensor, w: Tensor, channels: int) -> None:
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != channels or w.shape[2] != w.shape[3]:
        raise InputError(
            f"x {tuple(x.shape)} and weight {tuple(w.shape)} do not fit: wanted (N, I, H, W) and "
            "(O, I, k, k), with O for I where it is transposed"
        )


def conv2d(x: Tensor, w: Tensor, stride: int = 1, padding: int = 0, impl: Impl = "auto") -> Tensor:
    """Convolve (correlate) a batch of images.

    Args:
        x: (N, I, H, W).
        w: (O, I, k, k), dtype of ``x``.
        stride: every ``stride``-th result is kept.
        padding: zeros on each side.
        impl: see :mod:`stylegen.ops`.

    Returns:
        (N, O, (H + 2 * padding - k) // stride + 1, likewise W).

    Raises:
        InputError: the shapes do not fit, or ``impl`` is not for this device.
    """
    _check(x, w, w.shape[1])
    if use_reference("conv2d", impl, x):
        return _plain(x, w, stride, padding)
    y: Tensor = _conv(x, w, stride, padding)
    return y


def conv2d_transpose(
    x: Tensor, w: Tensor, stride: int = 1, padding: int = 0, impl: Impl = "auto"
) -> Tensor:
    """Apply the transpose of :func:`conv2d`.

    Args:
        x: (N, O, H, W).
        w: (O, I, k, k), dtype of ``x``.
        stride: distance at which each sample's patch is laid down.
        padding: rows and columns cut off on each side.
        impl: see :mod:`stylegen.ops`.

    Returns:
        (N, I, (H - 1) * stride - 2 * padding + k, likewise W).

    Raises:
        InputError: the shapes do not fit, or ``impl`` is not for this device.
    """
    _check(x, w, w.shape[0])
    if use_reference("conv2d_transpose", impl, x):
        return _plain_transpose(x, w, stride, padding, [0, 0])
    y: Tensor = _transpose(x, w, stride, padding, [0, 0])
    return y
