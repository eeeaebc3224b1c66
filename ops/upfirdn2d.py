"""upfirdn2d: pad, upsample, FIR-filter and downsample a batch of images in one operator.

    y[i] = gain * sum_k f[k] * u[i * down - k + pad + ...]      (per axis)

where u is x with ``up - 1`` zeros behind every sample, then padded (or cropped, for negative
padding). Its gradient is the same operator with ``up`` and ``down`` exchanged, the filter flipped
and the padding mirrored, so that it can be differentiated any number of times at the cost of the
forward pass.

Source: Karras et al. 2020 (StyleGAN2), appendix B; Crochiere & Rabiner, "Multirate Digital Signal
Processing" (1983), chapter 2.

N batch, C channels, H height, W width; (x, y) pairs are (horizontal, vertical).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops.dispatch import Impl, kernels_for, use_reference
from stylegen.ops.layout import is_channels_last, layout_of
from stylegen.ops.operator import Operator

Pair = int | Sequence[int]
Padding = int | Sequence[int]


def _values(value: int | Sequence[int]) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,)


def pair(value: Pair, name: str) -> tuple[int, int]:
    """Read a factor given as int or (x, y).

    Raises:
        InputError: it is neither, or below 1.
    """
    both = (value, value) if isinstance(value, int) else _values(value)
    if len(both) != 2 or not all(isinstance(v, int) and v >= 1 for v in both):
        raise InputError(f"{name} is {value!r}; wanted a positive int or two of them (x, y)")
    return both


def pad4(padding: Padding) -> tuple[int, int, int, int]:
    """Read a padding given as int, (x, y) or (x0, x1, y0, y1); negative values crop.

    Raises:
        InputError: it has another form.
    """
    p = _values(padding)
    if len(p) not in (1, 2, 4) or not all(isinstance(v, int) for v in p):
        raise InputError(f"padding is {padding!r}; wanted an int, (x, y) or (x0, x1, y0, y1)")
    if len(p) == 4:
        return p[0], p[1], p[2], p[3]
    return p[0], p[0], p[-1], p[-1]


def filter_size(f: Tensor | None) -> tuple[int, int]:
    """Return a filter's (width, height); (1, 1) for None."""
    return (1, 1) if f is None else (f.shape[-1], f.shape[0])


def _out_size(size: int, up: int, down: int, p0: int, p1: int, taps: int) -> int:
    return (size * up + p0 + p1 - taps) // down + 1


def _insert_zeros(x: Tensor, ux: int, uy: int) -> Tensor:
    if ux == uy == 1:
        return x
    n, c, h, w = x.shape
    if layout_of(x) == torch.channels_last:
        u = x.new_zeros(n, h * uy, w * ux, c).permute(0, 3, 1, 2)
    else:
        u = x.new_zeros(n, c, h * uy, w * ux)
    u[:, :, ::uy, ::ux] = x
    return u


def _plain(
    x: Tensor,
    f: Tensor,
    up: Sequence[int],
    down: Sequence[int],
    padding: Sequence[int],
    flip_filter: bool,
    gain: float,
) -> Tensor:
    """Compute the operator for a 2-D filter from torch operations, in the order of its name."""
    u = _insert_zeros(x.contiguous(memory_format=layout_of(x)), *up)
    px0, px1, py0, py1 = padding
    even = px0 == px1 >= 0 and py0 == py1 >= 0  # then the convolution pads without a copy
    if not even:
        u = F.pad(u, list(padding))
    taps = (f * gain).to(x.dtype)
    if not flip_filter:
        taps = taps.flip([0, 1])
    c = x.shape[1]
    weight = taps.expand(c, 1, *taps.shape)
    if is_channels_last(u):
        weight = weight.contiguous(memory_format=torch.channels_last)
    around = (py0, px0) if even else (0, 0)
    return F.conv2d(u, weight, stride=(down[1], down[0]), padding=around, groups=c)


def _body(
    x: Tensor,
    f: Tensor,
    up: Sequence[int],
    down: Sequence[int],
    padding: Sequence[int],
    flip_filter: bool,
    gain: float,
) -> Tensor:
    if (kernels := kernels_for("upfirdn2d", x)) is not None:
        y: Tensor = kernels.upfirdn2d(x, f, list(up), list(down), list(padding), flip_filter, gain)
        return y
    y = _plain(x, f, up, down, padding, flip_filter, gain)
    return y.contiguous(memory_format=layout_of(x))


def _fake(
    x: Tensor,
    f: Tensor,
    up: Sequence[int],
    down: Sequence[int],
    padding: Sequence[int],
    flip_filter: bool,
    gain: float,
) -> Tensor:
    n, c, h, w = x.shape
    px0, px1, py0, py1 = padding
    width = _out_size(w, up[0], down[0], px0, px1, f.shape[1])
    height = _out_size(h, up[1], down[1], py0, py1, f.shape[0])
    size = (n, c, height, width)
    return torch.empty(size, dtype=x.dtype, device=x.device, memory_format=layout_of(x))


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, f, ctx.up, ctx.down, ctx.padding, ctx.flip_filter, ctx.gain = inputs
    ctx.save_for_backward(f)
    ctx.in_size, ctx.out_size = x.shape[2:], output.shape[2:]


def _transposed_padding(ctx: Any, f: Tensor) -> list[int]:
    """Return the padding that makes the gradient as large as the input."""
    sides = []
    for axis, (taps, up, down) in enumerate(zip(f.shape[::-1], ctx.up, ctx.down, strict=True)):
        before = ctx.padding[2 * axis]
        size_in, size_out = ctx.in_size[1 - axis], ctx.out_size[1 - axis]
        sides += [taps - before - 1, size_in * up - size_out * down + before - up + 1]
    return sides


def _backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
    (f,) = ctx.saved_tensors
    padding = _transposed_padding(ctx, f)
    dx = _op(dy, f, ctx.down, ctx.up, padding, not ctx.flip_filter, ctx.gain)
    return dx, None, None, None, None, None, None


_op = Operator(_body, "upfirdn2d", _fake, _setup_context, _backward)


def _check(x: Tensor, f: Tensor, impl: str) -> None:
    if x.ndim != 4 or not x.is_floating_point() or x.numel() == 0:
        raise InputError(
            f"x should be a non-empty floating-point (N, C, H, W), not {x.dtype} {tuple(x.shape)}"
        )
    if f.ndim not in (1, 2) or f.numel() == 0 or not f.is_floating_point():
        raise InputError(
            f"f should be floating-point taps (fh, fw) or (taps,), not {tuple(f.shape)}"
        )
    if f.device != x.device:
        raise InputError(f"x is on {x.device} and f on {f.device}; move one of them")
    if f.requires_grad and impl != "reference":
        raise InputError("upfirdn2d differentiates by x only; use impl='reference' to train f")


class _Pass(NamedTuple):
    taps: Tensor
    up: tuple[int, int]
    down: tuple[int, int]
    padding: tuple[int, int, int, int]
    gain: float


def _check_size(x: Tensor, each: _Pass) -> None:
    """Refuse what would leave no pixel, or crop more than there is."""
    for axis, name in enumerate(("width", "height")):
        size, up, taps = x.shape[3 - axis], each.up[axis], each.taps.shape[1 - axis]
        p0, p1 = each.padding[2 * axis : 2 * axis + 2]
        grown = f"upfirdn2d: {name} {size} upsampled {up}x and padded by ({p0}, {p1})"
        if size * up + p0 + p1 < taps:
            raise InputError(f"{grown} is smaller than the filter's {taps} taps")
        if max(-p0, 0) + max(-p1, 0) >= size * up:
            raise InputError(f"{grown} is cropped altogether")


def _passes(whole: _Pass) -> list[_Pass]:
    """Split a separable filter into its passes: along x, then along y."""
    taps, up, down, (x0, x1, y0, y1), gain = whole
    if taps.ndim == 2:
        return [whole]
    return [
        _Pass(taps[None, :], (up[0], 1), (down[0], 1), (x0, x1, 0, 0), 1.0),
        _Pass(taps[:, None], (1, up[1]), (1, down[1]), (0, 0, y0, y1), gain),
    ]


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up: Pair = 1,
    down: Pair = 1,
    padding: Padding = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """Pad, upsample, filter and downsample a batch of images.

    Args:
        x: (N, C, H, W), floating point, any memory format.
        f: taps (fh, fw), or (taps,) for a separable filter, applied along both axes; None is
            the identity. Not differentiated, except by ``impl="reference"``.
        up: zeros inserted behind every sample: factor, int or (x, y).
        down: every ``down``-th sample of the result is kept: factor, int or (x, y).
        padding: zeros around that: int, (x, y) or (x0, x1, y0, y1); negative values crop.
        flip_filter: False convolves, True correlates.
        gain: scale of the result.
        impl: see :mod:`stylegen.ops`.

    Returns:
        (N, C, (H * up + y0 + y1 - fh) // down + 1, likewise W), dtype of ``x``.

    Raises:
        InputError: an argument has another form, or no pixel would be left.
        RuntimeError: ``impl="cuda"`` and the kernels cannot be built.

    Source: Karras et al. 2020 (StyleGAN2), appendix B.
    """
    taps = torch.ones(1, 1, device=x.device) if f is None else f
    _check(x, taps, impl)
    whole = _Pass(taps, pair(up, "up"), pair(down, "down"), pad4(padding), gain)
    run = _plain if use_reference("upfirdn2d", impl, x) else _op
    for each in _passes(whole):
        _check_size(x, each)
        x = run(x, each.taps, each.up, each.down, each.padding, flip_filter, each.gain)
    return x
