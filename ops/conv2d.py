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
import functools
import logging
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops.dispatch import Impl, kernels_for, use_reference
from stylegen.ops.layout import layout_of
from stylegen.ops.operator import Operator

_log = logging.getLogger(__name__)

_without_weights = 0  # blocks of no_weight_gradients around us; backward runs in other threads too


@contextlib.contextmanager
def no_weight_gradients() -> Iterator[None]:
    """Leave out the gradients by weights of all backward passes within the block, in all threads.

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


def _body(x: Tensor, w: Tensor, stride: int, padding: int) -> Tensor:
    return _plain(x, w, stride, padding).contiguous(memory_format=layout_of(x, w))


def _body_transpose(x: Tensor, w: Tensor, stride: int, padding: int, extra: list[int]) -> Tensor:
    """Return (N, I, H', W') from (N, O, H, W) and (O, I, k, k); ``extra`` rows and columns."""
    y = _plain_transpose(x, w, stride, padding, extra)
    return y.contiguous(memory_format=layout_of(x, w))


def _weight_gradient_by_product(x: Tensor, dy: Tensor, k: int, stride: int, pad: int) -> Tensor:
    """Compute the gradient as one matrix product of dy^T and the patches of x."""
    patches = F.pad(x, [pad] * 4) if pad else x
    patches = patches.permute(0, 2, 3, 1).unfold(1, k, stride).unfold(2, k, stride)
    patches = patches[:, : dy.shape[2], : dy.shape[3]].permute(0, 1, 2, 4, 5, 3)
    o, i = dy.shape[1], x.shape[1]
    rows = dy.permute(0, 2, 3, 1).reshape(-1, o)
    dw = rows.t() @ patches.reshape(-1, k * k * i)
    return dw.view(o, k, k, i).permute(0, 3, 1, 2)


@functools.cache
def _block_products(kernels: Any) -> bool:
    """Tell whether torch's block matrix product, which the kernel stands on, works here."""
    x = torch.zeros(1, 16, 2, 2)
    try:
        kernels.weight_gradient(x, x, 1, 1, 0)
    except RuntimeError as error:
        _log.info("weight gradients by torch's convolution: %s", error)
        return False
    return True


_FEW_PIXELS = 2048  # times the stride: up to which one product is fastest in bfloat16


def _weight_gradient_on_cpu(
    x: Tensor, dy: Tensor, k: int, stride: int, padding: int
) -> Tensor | None:
    """Return what is faster than torch's own, where anything is.

    Measured for 16 channels up, on AVX-512 with bfloat16.
    """
    if x.shape[1] < 16 or padding >= k:
        return None
    if x.dtype == torch.bfloat16:
        few = dy.shape[0] * dy.shape[2] * dy.shape[3] <= _FEW_PIXELS * stride
        return _weight_gradient_by_product(x, dy, k, stride, padding) if few or k == 1 else None
    if x.dtype != torch.float32 or stride == 1:
        return None
    kernels = kernels_for("conv2d", x)
    if kernels is None or not _block_products(kernels):
        return None
    dw: Tensor = kernels.weight_gradient(x, dy, k, stride, padding)
    return dw


def _weight_gradient_by_torch(x: Tensor, dy: Tensor, k: int, stride: int, pad: int) -> Tensor:
    w = x.new_empty(()).expand(dy.shape[1], x.shape[1], k, k)
    dw: Tensor = torch.ops.aten.convolution_backward(
        dy, x, w, None, [stride] * 2, [pad] * 2, [1, 1], False, [0, 0], 1, [False, True, False]
    )[1]
    return dw


def _body_weight_gradient(x: Tensor, dy: Tensor, k: int, stride: int, padding: int) -> Tensor:
    """Return (O, I, k, k) from the image (N, I, H, W) and the gradient (N, O, H', W')."""
    dw = None
    if x.device.type == "cpu":
        dw = _weight_gradient_on_cpu(x, dy, k, stride, padding)
    if dw is None:
        dw = _weight_gradient_by_torch(x, dy, k, stride, padding)
    return dw.contiguous(memory_format=layout_of(x, dy))


def _fake(x: Tensor, w: Tensor, stride: int, padding: int) -> Tensor:
    return _body(x, w, stride, padding)


def _fake_transpose(x: Tensor, w: Tensor, stride: int, padding: int, extra: list[int]) -> Tensor:
    return _body_transpose(x, w, stride, padding, extra)


def _fake_weight_gradient(x: Tensor, dy: Tensor, k: int, stride: int, padding: int) -> Tensor:
    dw = x.new_empty(dy.shape[1], x.shape[1], k, k)
    return dw.contiguous(memory_format=layout_of(x, dy))


def _extra(size: torch.Size, dy: Tensor, k: int, stride: int, padding: int) -> list[int]:
    """Return the rows and columns at the end that a stride of more than 1 never saw."""
    return [size[d] - ((dy.shape[d] - 1) * stride - 2 * padding + k) for d in (2, 3)]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, w, ctx.stride, ctx.padding = inputs[:4]
    ctx.size = x.shape
    ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, w)


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


_conv = Operator(_body, "conv2d", _fake, _setup, _backward)
_transpose = Operator(
    _body_transpose, "conv2d_transpose", _fake_transpose, _setup, _backward_transpose
)
_weight_gradient = Operator(
    _body_weight_gradient,
    "conv2d_weight_gradient",
    _fake_weight_gradient,
    _setup_weights,
    _backward_weights,
)


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
