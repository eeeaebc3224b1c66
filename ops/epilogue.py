"""epilogue: what follows a convolution, in one pass over the activation.

    out = clip(gain * act(x * scale + noise + b), -clamp, clamp)

With z the activation's argument and dz = dout * gain * act'(z) * [|out| < clamp],

    dx = dz * scale      dscale = sum over pixels of dz * x
    dnoise = sum over channels of dz      db = sum over samples and pixels of dz

act is linear or leaky ReLU, so that act' follows from the output and has no derivative of its own.
The gradient's gradient is written with this operator and its kin, so it can go on.

Source: Karras et al. 2020 (StyleGAN2), section 2.2: demodulation, noise, bias and activation.

N batch, C channels, H height, W width.
"""

from typing import Any

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops.activations import ACTIVATIONS
from stylegen.ops.bias_act import NO_CLAMP, plain_bias_act, slope_times
from stylegen.ops.dispatch import Impl, kernels_for, use_reference
from stylegen.ops.layout import layout_of
from stylegen.ops.operator import Operator

_ACTS = ("linear", "lrelu")


def _per_channel(t: Tensor) -> Tensor:
    """Turn (N, C) into (N, C, 1, 1)."""
    return t[:, :, None, None]


def _plain(
    x: Tensor,
    scale: Tensor | None,
    noise: Tensor | None,
    b: Tensor | None,
    act: str,
    alpha: float,
    gain: float,
    clamp: float,
) -> Tensor:
    """Compute the operator from torch operations, in the order of its equation."""
    if scale is not None:
        x = x * _per_channel(scale).to(x.dtype)
    if noise is not None:
        x = x + noise.to(x.dtype)
    return plain_bias_act(x, b, 1, act, alpha, gain, clamp)


def _body(
    x: Tensor,
    scale: Tensor | None,
    noise: Tensor | None,
    b: Tensor | None,
    act: str,
    alpha: float,
    gain: float,
    clamp: float,
) -> Tensor:
    if (kernels := kernels_for("epilogue", x)) is not None:
        code = ACTIVATIONS[act].code
        out: Tensor = kernels.epilogue(x, scale, noise, b, code, alpha, gain, clamp)
        return out
    out = _plain(x, scale, noise, b, act, alpha, gain, clamp)
    out = out.clone() if out is x else out
    return out.contiguous(memory_format=layout_of(x))


def _sums(
    dz: Tensor, x: Tensor | None, noise_batch: int, has_bias: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return dscale, dnoise and db from dz, empty where they are not wanted."""
    wide = torch.promote_types(dz.dtype, torch.float32)
    dscale, dnoise, db = (dz.new_empty(0, dtype=wide) for _ in range(3))
    if x is not None:
        dscale = (dz * x).sum([2, 3], dtype=wide)
    if noise_batch:
        dnoise = dz.sum([0, 1] if noise_batch == 1 else [1], dtype=wide, keepdim=True)
    if has_bias:
        db = dz.sum([0, 2, 3], dtype=wide)
    return dscale, dnoise, db


def _body_backward(
    dout: Tensor,
    out: Tensor,
    x: Tensor | None,
    scale: Tensor | None,
    noise_batch: int,
    has_bias: bool,
    act: str,
    alpha: float,
    gain: float,
    clamp: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return dx, and dscale, dnoise, db in at least float32: empty where they are not wanted."""
    if (kernels := kernels_for("epilogue", out)) is not None:
        code = ACTIVATIONS[act].code
        grads: tuple[Tensor | None, ...] = kernels.epilogue_backward(
            dout, out, x, scale, noise_batch, has_bias, code, alpha, gain, clamp
        )
        dx, dscale, dnoise, db = (out.new_empty(0) if g is None else g for g in grads)
        return dx, dscale, dnoise, db
    dz = slope_times(dout, out, None, 1, act, alpha, gain, clamp)
    dx = dz.clone() if scale is None else dz * _per_channel(scale).to(dz.dtype)
    dx = dx.contiguous(memory_format=layout_of(out))
    return dx, *_sums(dz, x, noise_batch, has_bias)


def _fake(x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x, memory_format=layout_of(x))


def _fake_backward(
    dout: Tensor,
    out: Tensor,
    x: Tensor | None,
    scale: Tensor | None,
    noise_batch: int,
    has_bias: bool,
    *_: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    n, c, h, w = out.shape
    wide = torch.promote_types(out.dtype, torch.float32)
    dscale = out.new_empty([0] if x is None else [n, c], dtype=wide)
    dnoise = out.new_empty([noise_batch, 1, h, w] if noise_batch else [0], dtype=wide)
    dx = torch.empty_like(out, memory_format=layout_of(out))
    return dx, dscale, dnoise, out.new_empty([c * has_bias], dtype=wide)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, scale, noise, b, *ctx.args = inputs
    act, _, _, clamp = ctx.args
    ctx.plain = act == "linear" and clamp < 0  # then the slope is known without the output
    ctx.dtypes = tuple(None if t is None else t.dtype for t in (scale, noise, b))
    ctx.layout = layout_of(x)
    ctx.noise_batch = 0 if noise is None else noise.shape[0]
    needs_x = scale is not None and ctx.needs_input_grad[1]
    ctx.save_for_backward(None if ctx.plain else output, x if needs_x else None, scale)


def _as(t: Tensor, dtype: torch.dtype | None, wanted: bool) -> Tensor | None:
    return t.to(dtype) if dtype is not None and wanted else None


def _backward(ctx: Any, dout: Tensor) -> tuple[Tensor | None, ...]:
    out, x, scale = ctx.saved_tensors
    if out is None:
        out = dout = dout.contiguous(memory_format=ctx.layout)
    wanted = ctx.needs_input_grad[1:4]
    noise_batch = ctx.noise_batch if wanted[1] else 0
    dx, *sums = _op_backward(dout, out.detach(), x, scale, noise_batch, bool(wanted[2]), *ctx.args)
    dscale, dnoise, db = (
        _as(t, dtype, w) for t, dtype, w in zip(sums, ctx.dtypes, wanted, strict=True)
    )
    return dx, dscale, dnoise, db, None, None, None, None


def _setup_backward(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    dout, out, x, scale, _, _, *ctx.args = inputs
    ctx.save_for_backward(dout, out, x, scale)


def _given(t: Tensor | None) -> Tensor | None:
    return None if t is None or t.numel() == 0 else t


def _backward_backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, ...]:
    dout, out, x, scale = ctx.saved_tensors
    ddx, ddscale, ddnoise, ddb = (_given(t) for t in cotangents)
    ddz = None
    if ddx is not None:
        ddz = _op(ddx, scale, ddnoise, ddb, "linear", 0.0, 1.0, NO_CLAMP)
    if ddscale is not None:
        assert x is not None
        assert ddz is not None
        ddz = ddz + _op(x, ddscale, None, None, "linear", 0.0, 1.0, NO_CLAMP)
    assert ddz is not None
    d_dout = slope_times(ddz, out, None, 1, *ctx.args)
    d_x = d_scale = None
    if scale is not None or ddscale is not None:
        dz = slope_times(dout, out, None, 1, *ctx.args)
        if ddscale is not None:
            d_x = _op(dz, ddscale, None, None, "linear", 0.0, 1.0, NO_CLAMP)
        if scale is not None and ddx is not None:
            args = ("linear", 0.0, 1.0, NO_CLAMP)
            d_scale = _op_backward(ddx, ddx, dz, scale, 0, False, *args)[1].to(scale.dtype)
    return d_dout, None, d_x, d_scale, None, None, None, None, None, None


_op = Operator(_body, "epilogue", _fake, _setup, _backward)
_op_backward = Operator(
    _body_backward, "epilogue_backward", _fake_backward, _setup_backward, _backward_backward
)


def _check(
    x: Tensor, scale: Tensor | None, noise: Tensor | None, b: Tensor | None, act: str
) -> None:
    if act not in _ACTS:
        raise InputError(f"act is {act!r}; wanted one of {', '.join(_ACTS)}")
    if x.ndim != 4 or not x.is_floating_point() or x.numel() == 0:
        raise InputError(
            f"x should be a non-empty floating-point (N, C, H, W), not {x.dtype} {tuple(x.shape)}"
        )
    n, c, h, w = x.shape
    if scale is not None and scale.shape != (n, c):
        raise InputError(f"scale should have shape {(n, c)}, not {tuple(scale.shape)}")
    if noise is not None and tuple(noise.shape) not in ((1, 1, h, w), (n, 1, h, w)):
        raise InputError(f"noise should have shape {(n, 1, h, w)}, not {tuple(noise.shape)}")
    if b is not None and b.shape != (c,):
        raise InputError(f"b should have shape {(c,)}, not {tuple(b.shape)}")


def _constants(
    act: str, alpha: float | None, gain: float | None, clamp: float | None
) -> tuple[float, float, float]:
    """Return alpha, gain and clamp as the operator takes them, the activation's own for None."""
    alpha = ACTIVATIONS[act].alpha if alpha is None else float(alpha)
    gain = ACTIVATIONS[act].gain if gain is None else float(gain)
    if alpha < 0 or gain <= 0 or (clamp is not None and clamp < 0):
        raise InputError(
            "wanted alpha of at least 0, gain above 0 and clamp None or at least 0; "
            f"got {alpha}, {gain} and {clamp}"
        )
    return alpha, gain, NO_CLAMP if clamp is None else float(clamp)


def epilogue(
    x: Tensor,
    scale: Tensor | None = None,
    noise: Tensor | None = None,
    b: Tensor | None = None,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Scale, add noise and bias, apply an activation, scale and clamp.

    Args:
        x: (N, C, H, W), floating point, contiguous or channels_last.
        scale: (N, C), of each sample's channels, or None.
        noise: (N, 1, H, W) or (1, 1, H, W), or None.
        b: (C,), or None.
        act: linear or lrelu.
        alpha: slope of lrelu below zero, at least 0; None: 0.2.
        gain: scale of the activation, above 0; None: the activation's own.
        clamp: clip the result to [-clamp, clamp]; None: do not.
        impl: see :mod:`stylegen.ops`.

    Returns:
        Shape, dtype and memory format of ``x``.

    Raises:
        InputError: an argument is outside of what is said above.
        RuntimeError: an ``impl`` was asked for by name and its kernels cannot be built.
    """
    _check(x, scale, noise, b, act)
    constants = _constants(act, alpha, gain, clamp)
    run = _plain if use_reference("epilogue", impl, x) else _op
    return run(x, scale, noise, b, act, *constants)
