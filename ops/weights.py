"""weights: scale a convolution's weights, narrow them, and take their energy, in one pass.

    w' = gain * w,    e_oi = sum over k of w_oik^2

The energy is what demodulation needs of the weights. With both gradients known,

    dw = gain * dw' + 2 w de

Source: Karras et al. 2020 (StyleGAN2), equation 3.

O output channels, I input channels, k kernel size.
"""

from typing import Any

import torch
from torch import Tensor

from stylegen.ops.dispatch import Impl, auto_means, kernels_for, use_reference
from stylegen.ops.operator import Operator

_LAST = torch.channels_last


def _plain(w: Tensor, gain: float, dtype: torch.dtype) -> Tensor:
    return (w if gain == 1 else w * gain).to(dtype)


def _plain_energy(w: Tensor) -> Tensor:
    return w.square().sum([2, 3])


def _as_rows(w: Tensor) -> tuple[Tensor, bool] | None:
    """Return a view (outer, taps, inner) of dense memory, and whether inner is O; or None."""
    k2 = w.shape[2] * w.shape[3]
    for t, swapped in ((w, False), (w.transpose(0, 1), True)):
        if t.is_contiguous(memory_format=_LAST):
            return t.permute(0, 2, 3, 1).reshape(t.shape[0], k2, t.shape[1]), swapped
    return None


def _as_weight(rows: Tensor, like: Tensor, swapped: bool) -> Tensor:
    outer, _, inner = rows.shape
    w = rows.view(outer, *like.shape[2:], inner).permute(0, 3, 1, 2)
    return w.transpose(0, 1) if swapped else w


def _fast(w: Tensor, other: torch.dtype | None) -> tuple[Any, tuple[Tensor, bool] | None]:
    """Return the kernels, and what they take of w, if they can convert to or from ``other``."""
    fits = other in (None, w.dtype) or (w.dtype, other) == (torch.float32, torch.bfloat16)
    kernels = kernels_for("weights", w) if w.device.type == "cpu" and fits else None
    return kernels, None if kernels is None else _as_rows(w)


def _body(w: Tensor, gain: float, dtype: torch.dtype | None, energy: bool) -> tuple[Tensor, Tensor]:
    """Return w' (empty without a dtype) and the energy (empty if not wanted)."""
    nothing = w.new_empty(0)
    kernels, found = _fast(w, dtype)
    if kernels is None or found is None:
        scaled = nothing if dtype is None else _plain(w, gain, dtype)
        scaled = scaled.clone() if scaled is w else scaled
        return scaled, _plain_energy(w) if energy else w.new_empty(0)
    rows, swapped = found
    scaled, sums = kernels.weights(rows, gain, dtype, energy)
    if sums is not None and swapped:
        sums = sums.t()
    scaled = nothing if scaled is None else _as_weight(scaled, w, swapped)
    return scaled, w.new_empty(0) if sums is None else sums


def _body_backward(
    dscaled: Tensor | None, denergy: Tensor | None, w: Tensor, gain: float
) -> Tensor:
    kernels, found = _fast(w, None if dscaled is None else dscaled.dtype)
    if kernels is None or found is None:
        dw = torch.zeros_like(w) if dscaled is None else dscaled.to(w.dtype) * gain
        return dw if denergy is None else dw + 2 * w * denergy[:, :, None, None]
    rows, swapped = found
    if dscaled is not None:
        dscaled = dscaled.transpose(0, 1) if swapped else dscaled
        dscaled = dscaled.permute(0, 2, 3, 1).reshape(rows.shape)
    if denergy is not None and swapped:
        denergy = denergy.t()
    return _as_weight(kernels.weights_backward(dscaled, denergy, rows, gain), w, swapped)


def _fake(w: Tensor, gain: float, dtype: torch.dtype | None, energy: bool) -> tuple[Tensor, Tensor]:
    _, found = _fast(w, dtype)
    scaled = w.new_empty(0) if dtype is None else torch.empty_like(w, dtype=dtype)
    if energy and found is not None and found[1]:
        return scaled, w.new_empty(w.shape[1], w.shape[0]).t()
    return scaled, w.new_empty(w.shape[:2] if energy else [0])


def _fake_backward(
    dscaled: Tensor | None, denergy: Tensor | None, w: Tensor, gain: float
) -> Tensor:
    return torch.empty_like(w)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    w, ctx.gain, ctx.dtype, ctx.energy = inputs
    ctx.save_for_backward(w)


def _backward(ctx: Any, dscaled: Tensor, denergy: Tensor) -> tuple[Tensor | None, ...]:
    (w,) = ctx.saved_tensors
    dw = _op_backward(
        dscaled if ctx.dtype is not None else None, denergy if ctx.energy else None, w, ctx.gain
    )
    return dw, None, None, None


def _setup_backward(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    dscaled, denergy, w, ctx.gain = inputs
    ctx.dtype = None if dscaled is None else dscaled.dtype
    ctx.save_for_backward(denergy, w)


def _backward_backward(ctx: Any, ddw: Tensor) -> tuple[Tensor | None, ...]:
    denergy, w = ctx.saved_tensors
    d_dscaled = None if ctx.dtype is None else (ddw * ctx.gain).to(ctx.dtype)
    if denergy is None:
        return d_dscaled, None, None, None
    d_denergy = 2 * (w * ddw).sum([2, 3])
    return d_dscaled, d_denergy, 2 * ddw * denergy[:, :, None, None], None


_op = Operator(_body, "weights", _fake, _setup, _backward)
_op_backward = Operator(
    _body_backward, "weights_backward", _fake_backward, _setup_backward, _backward_backward
)


def scaled_weight(w: Tensor, gain: float, dtype: torch.dtype, impl: Impl = "auto") -> Tensor:
    """Return gain * w in the type of the convolution.

    Args:
        w: (O, I, k, k), float32 or float64.
        gain: the scale.
        dtype: of the result.
        impl: see :mod:`stylegen.ops`.

    Returns:
        (O, I, k, k), laid out as ``w``; ``w`` itself if nothing is to be done.
    """
    if use_reference("weights", impl, w) or (gain == 1 and dtype == w.dtype):
        return _plain(w, gain, dtype)
    scaled: Tensor = _op(w, gain, dtype, False)[0]
    return scaled


def weight_and_energy(w: Tensor, dtype: torch.dtype, impl: Impl = "auto") -> tuple[Tensor, Tensor]:
    """Return w in the type of the convolution, and its energy.

    Args:
        w: (O, I, k, k), float32 or float64.
        dtype: of the convolution.
        impl: see :mod:`stylegen.ops`.

    Returns:
        (O, I, k, k), laid out as ``w``, and (O, I) in the type of ``w``.
    """
    if use_reference("weights", impl, w):
        return w.to(dtype), _plain_energy(w)
    if dtype == w.dtype:
        return w, _op(w, 1.0, None, True)[1]
    scaled, energy = _op(w, 1.0, dtype, True)
    return scaled, energy


class PreparedWeight:
    """Keeps what :func:`weight_and_energy` returns, for as long as the weight stays the same.

    To be called with one parameter, which outlives it. For networks that only draw, see
    :func:`stylegen.networks.freeze`: not for weights in training, since torch's fused optimizers
    do not tell that they changed one. Where gradients are recorded, nothing is kept.
    """

    def __init__(self) -> None:
        self._kept: tuple[tuple[object, ...], tuple[Tensor, Tensor]] | None = None

    def __call__(self, w: Tensor, dtype: torch.dtype, impl: Impl = "auto") -> tuple[Tensor, Tensor]:
        """Return (O, I, k, k) in ``dtype`` and (O, I), see :func:`weight_and_energy`."""
        if torch.compiler.is_compiling():
            return weight_and_energy(w, dtype, impl)
        if (torch.is_grad_enabled() and w.requires_grad) or torch.is_inference(w):
            self._kept = None
            return weight_and_energy(w, dtype, impl)
        key = (id(w), w._version, w.data_ptr(), w.stride(), dtype, impl, auto_means())
        kept = self._kept
        if kept is None or kept[0] != key:
            with torch.inference_mode(False), torch.no_grad():
                self._kept = kept = key, weight_and_energy(w, dtype, impl)
        return kept[1]
