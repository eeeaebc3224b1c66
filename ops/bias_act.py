"""bias_act: add a bias, apply an activation, scale and clamp, in one operator.

    y = clip(gain * act(x + b), -clamp, clamp)

With a = act(z), z = x + b, the first derivative is

    dx = dy * gain * act'(z) * [|y| < clamp]

and act' is expressed by a itself wherever possible, so that only the output is kept for the
backward pass. The second derivative follows from the curvature of that expression.

Source: Karras et al. 2020 (StyleGAN2), appendix B.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops.activations import ACTIVATIONS
from stylegen.ops.dispatch import Impl, kernels_for, use_reference
from stylegen.ops.operator import Operator

NO_CLAMP = -1.0


def _add_bias(x: Tensor, b: Tensor | None, dim: int) -> Tensor:
    if b is None:
        return x
    return x + b.reshape([-1 if i == dim else 1 for i in range(x.ndim)]).to(x.dtype)


def plain_bias_act(
    x: Tensor, b: Tensor | None, dim: int, act: str, alpha: float, gain: float, clamp: float
) -> Tensor:
    """Compute the operator from torch operations, in the order of its equation."""
    y = ACTIVATIONS[act].value(_add_bias(x, b, dim), alpha)
    if gain != 1:
        y = y * gain
    return y.clamp(-clamp, clamp) if clamp >= 0 else y


def _in_place(
    x: Tensor, b: Tensor | None, dim: int, act: str, alpha: float, gain: float, clamp: float
) -> Tensor:
    """Compute what ``plain_bias_act`` does, with one new tensor instead of several."""
    y = x.clone() if b is None else _add_bias(x, b, dim)
    y = F.leaky_relu_(y, alpha) if act == "lrelu" else ACTIVATIONS[act].value(y, alpha)
    if gain != 1:
        y.mul_(gain)
    return y.clamp_(-clamp, clamp) if clamp >= 0 else y


def _times_slope(dy: Tensor, ref: Tensor, b: Tensor | None, args: tuple[Any, ...]) -> Tensor:
    """Return dy * gain * act', in one pass for the activation that everything uses."""
    dim, act, alpha, gain = args
    dx: Tensor
    if act == "lrelu" and gain > 0:  # then y has the sign of a
        dx = torch.ops.aten.leaky_relu_backward(dy, ref, alpha, True)
    else:
        dx = dy * ACTIVATIONS[act].slope(_reference_point(ref, b, dim, act, gain), alpha)
    return dx.mul_(gain)


def _reference_point(ref: Tensor, b: Tensor | None, dim: int, act: str, gain: float) -> Tensor:
    return ref / gain if ACTIVATIONS[act].from_output else _add_bias(ref, b, dim)


def _laid_out(t: Tensor, like: Tensor) -> Tensor:
    """Return ``t`` in the memory layout of ``like``, which the results shall have."""
    return t if t.stride() == like.stride() else torch.empty_like(like).copy_(t)


def _inside(ref: Tensor, b: Tensor | None, dim: int, act: str, args: tuple[float, ...]) -> Tensor:
    """Tell where the clamp lets the gradient through."""
    alpha, gain, clamp = args
    y = ref
    if not ACTIVATIONS[act].from_output:
        y = plain_bias_act(ref, b, dim, act, alpha, gain, NO_CLAMP)
    return y.abs() < clamp


def _body(
    x: Tensor, b: Tensor | None, dim: int, act: str, alpha: float, gain: float, clamp: float
) -> Tensor:
    if (kernels := kernels_for("bias_act", x)) is not None:
        y: Tensor = kernels.bias_act(x, b, dim, ACTIVATIONS[act].code, alpha, gain, clamp)
        return y
    return _in_place(x, b, dim, act, alpha, gain, clamp)


def _slope_times(
    dy: Tensor,
    ref: Tensor,
    b: Tensor | None,
    dim: int,
    act: str,
    alpha: float,
    gain: float,
    clamp: float,
) -> Tensor:
    """Return dy * gain * act' * inside; ``ref`` is the output y, or the input x (swish)."""
    if (kernels := kernels_for("bias_act", dy)) is not None:
        code = ACTIVATIONS[act].code
        dx: Tensor = kernels.bias_act_backward(dy, ref, b, dim, code, alpha, gain, clamp)
        return dx
    dx = _times_slope(_laid_out(dy, ref), ref, b, (dim, act, alpha, gain))
    if clamp < 0:
        return dx
    return torch.where(_inside(ref, b, dim, act, (alpha, gain, clamp)), dx, 0.0)


@torch.library.custom_op("stylegen::bias_act_backward2", mutates_args=())
def slope_times_by_reference(
    ddx: Tensor,
    dy: Tensor,
    ref: Tensor,
    b: Tensor | None,
    dim: int,
    act: str,
    alpha: float,
    gain: float,
    clamp: float,
) -> Tensor:
    """Return the derivative of sum(ddx * backward(dy, ref)) by ``ref`` (y, or x for swish)."""
    if (kernels := kernels_for("bias_act", dy)) is not None:
        code = ACTIVATIONS[act].code
        d: Tensor = kernels.bias_act_backward2(ddx, dy, ref, b, dim, code, alpha, gain, clamp)
        return d
    activation = ACTIVATIONS[act]
    if activation.curvature is None:
        return torch.zeros_like(ref)
    point = _reference_point(ref, b, dim, act, gain)
    d = _laid_out(ddx, ref) * dy * activation.curvature(point, alpha)
    if not activation.from_output:
        d = d * gain  # by y, the factor d(gain * act')/dy = act'' / act' has lost its gain
    if clamp < 0:
        return d
    return torch.where(_inside(ref, b, dim, act, (alpha, gain, clamp)), d, 0.0)


def _fake(x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x)


def _fake_backward(dy: Tensor, ref: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(ref)


@slope_times_by_reference.register_fake
def _fake_backward2(ddx: Tensor, dy: Tensor, ref: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(ref)


def _bias_gradient(dx: Tensor, dim: int) -> Tensor:
    return dx.sum([i for i in range(dx.ndim) if i != dim])


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, b, *ctx.args = inputs
    ctx.from_output = ACTIVATIONS[ctx.args[1]].from_output
    ctx.bias_dtype = None if b is None else b.dtype
    ctx.save_for_backward(*((output, None) if ctx.from_output else (x, b)))


def _backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
    ref, b = ctx.saved_tensors
    dx = slope_times(dy, ref, b, *ctx.args)
    needs_bias = ctx.bias_dtype is not None and ctx.needs_input_grad[1]
    db = _bias_gradient(dx, ctx.args[0]).to(ctx.bias_dtype) if needs_bias else None
    return dx, db, None, None, None, None, None


def _setup_backward(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    dy, ref, b, *ctx.args = inputs
    ctx.save_for_backward(dy, ref, b)


def _backward_backward(ctx: Any, ddx: Tensor) -> tuple[Tensor | None, ...]:
    dy, ref, b = ctx.saved_tensors
    d_dy = slope_times(ddx, ref, b, *ctx.args)
    d_ref = d_b = None
    if ACTIVATIONS[ctx.args[1]].curvature is not None:
        d_ref = slope_times_by_reference(ddx, dy, ref, b, *ctx.args)
        d_b = None if b is None else _bias_gradient(d_ref, ctx.args[0]).to(b.dtype)
    return d_dy, d_ref, d_b, None, None, None, None, None


_op = Operator(_body, "bias_act", _fake, _setup, _backward)
slope_times = Operator(
    _slope_times, "bias_act_backward", _fake_backward, _setup_backward, _backward_backward
)


def _check(x: Tensor, b: Tensor | None, dim: int, act: str, clamp: float | None) -> None:
    if act not in ACTIVATIONS:
        raise InputError(f"act is {act!r}; wanted one of {', '.join(ACTIVATIONS)}")
    if not x.is_floating_point():
        raise InputError(f"x should be floating point, not {x.dtype}")
    if not 0 <= dim < x.ndim:
        raise InputError(f"dim is {dim}, but x has {x.ndim} dimensions")
    if b is not None and tuple(b.shape) != (x.shape[dim],):
        raise InputError(f"b should have shape ({x.shape[dim]},), not {tuple(b.shape)}")
    if clamp is not None and clamp < 0:
        raise InputError(f"clamp is {clamp}; wanted None or a value of at least 0")


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    dim: int = 1,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Add a bias, apply an activation, scale and clamp.

    Args:
        x: any shape, floating point, any memory format.
        b: (x.shape[dim],), or None.
        dim: the dimension that the bias belongs to.
        act: linear, relu, lrelu, tanh, sigmoid, elu, selu, softplus or swish.
        alpha: slope of lrelu below zero, at least 0; None: 0.2.
        gain: scale of the activation, not 0; None: the activation's own (sqrt 2 for relu, lrelu
            and swish, else 1).
        clamp: clip the result to [-clamp, clamp]; None: do not.
        impl: see :mod:`stylegen.ops`.

    Returns:
        Shape, dtype and memory format of ``x``.

    Raises:
        InputError: an argument is outside of what is said above.
        RuntimeError: ``impl="cuda"`` and the kernels cannot be built.
    """
    _check(x, b, dim, act, clamp)
    alpha = ACTIVATIONS[act].alpha if alpha is None else float(alpha)
    gain = ACTIVATIONS[act].gain if gain is None else float(gain)
    if alpha < 0 or gain == 0:
        raise InputError(f"alpha should be at least 0 and gain not 0; got {alpha} and {gain}")
    run = plain_bias_act if use_reference("bias_act", impl, x) else _op
    return run(x, b, dim, act, alpha, gain, NO_CLAMP if clamp is None else float(clamp))
