"""Weight modulation and demodulation.

    w'_oik  = s_i * w_oik                                   (modulation, equation 1)
    w''_oik = w'_oik / sqrt(sum_ik w'_oik^2 + eps)          (demodulation, equation 3)

Because s scales input channels and the demodulation output channels, the convolution itself can
use the shared weights: conv(x, w'') = d * conv(s * x, w) with d = rsqrt(sum_i s_i^2 sum_k w_oik^2
+ eps). That form is several times faster than one convolution per sample, in both passes.

Source: Karras et al. 2020 (StyleGAN2), section 2.2, equations 1 and 3.

N batch, I input channels, O output channels, H height, W width, k kernel size.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops.conv2d import conv2d
from stylegen.ops.dispatch import Impl, use_reference
from stylegen.ops.epilogue import epilogue
from stylegen.ops.resampled_conv2d import conv2d_up
from stylegen.ops.weights import weight_and_energy

Prepare = Callable[[Tensor, torch.dtype, Impl], tuple[Tensor, Tensor]]

_EPS = 1e-8


def demodulation(energy: Tensor, styles: Tensor) -> Tensor:
    """Return the factor of each output channel, equation 3.

    Args:
        energy: (O, I), sums of squared weights.
        styles: (N, I).

    Returns:
        (N, O), in the wider of the two types.
    """
    wide = torch.promote_types(energy.dtype, styles.dtype)
    return (styles.to(wide).square() @ energy.to(wide).t() + _EPS).rsqrt()


def _normalized(weight: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
    """Scale both to at most 1, which demodulation undoes: float16 would overflow otherwise."""
    _, i, kh, kw = weight.shape
    peak = weight.norm(float("inf"), dim=[1, 2, 3], keepdim=True)
    return (
        weight / (peak * (i * kh * kw) ** 0.5),
        styles / styles.norm(float("inf"), dim=1, keepdim=True),
    )


def _shared(
    x: Tensor, weight: Tensor, styles: Tensor, demodulate: bool, prepare: Prepare, impl: Impl
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the weight in the type of x, the styles, and the demodulation's factors, if any."""
    if not demodulate:
        return weight.to(x.dtype), styles, None
    if x.dtype == torch.float16:
        weight, styles = _normalized(weight, styles)
        prepare = weight_and_energy  # what is prepared is not normalised
    weight, energy = prepare(weight, x.dtype, impl)
    return weight.to(x.dtype), styles, demodulation(energy, styles)


def _convolve(
    x: Tensor, weight: Tensor, f: Tensor | None, up: int, padding: int | None, impl: Impl
) -> Tensor:
    padding = weight.shape[-1] // 2 if padding is None else padding
    if up == 1:
        return conv2d(x, weight, padding=padding, impl=impl)
    return conv2d_up(x, weight, f, up=up, padding=padding, impl=impl)


def _check(x: Tensor, weight: Tensor, styles: Tensor, impl: Impl) -> None:
    use_reference("modulated_conv2d", impl, x)  # refuses what cannot run
    fits = x.ndim == weight.ndim == 4 and x.shape[1] == weight.shape[1]
    if not fits or styles.shape != x.shape[:2]:
        raise InputError(
            f"x {tuple(x.shape)}, weight {tuple(weight.shape)} and styles {tuple(styles.shape)} "
            "do not fit: wanted (N, I, H, W), (O, I, k, k) and (N, I)"
        )


def modulated_conv2d(
    x: Tensor,
    weight: Tensor,
    styles: Tensor,
    noise: Tensor | None = None,
    b: Tensor | None = None,
    up: int = 1,
    padding: int | None = None,
    resample_filter: Tensor | None = None,
    demodulate: bool = True,
    flip_weight: bool | None = None,
    act: str = "linear",
    gain: float | None = None,
    clamp: float | None = None,
    impl: Impl = "auto",
    prepare: Prepare = weight_and_energy,
) -> Tensor:
    """Convolve each sample with its own modulated weights; add noise and bias, and activate.

    Args:
        x: (N, I, H, W), in the type of the convolution.
        weight: (O, I, k, k), shared.
        styles: (N, I), scale of each input channel.
        noise: (H', W'), (1, 1, H', W') or (N, 1, H', W'), added after demodulation; or None.
        b: (O,), or None.
        up: integer upsampling factor.
        padding: zeros on each side of the (upsampled) image; None: k // 2, which keeps the size.
        resample_filter: for ``up``, from :func:`~stylegen.ops.filters.setup_filter`.
        demodulate: scale the weights of each output channel to unit norm.
        flip_weight: True correlates, False convolves; None: correlate where ``up`` is 1.
        act: linear or lrelu; with ``gain`` and ``clamp`` as in
            :func:`~stylegen.ops.epilogue.epilogue`.
        gain: scale of the activation; None: its own.
        clamp: clip the result to [-clamp, clamp]; None: do not.
        impl: see :mod:`stylegen.ops`.
        prepare: narrows the weight and takes its energy; a
            :class:`~stylegen.ops.weights.PreparedWeight` does so once for many calls.

    Returns:
        (N, O, H * up, W * up) for the default padding, dtype of ``x``.

    Raises:
        InputError: the shapes do not fit, or ``impl`` is not for this device.
    """
    _check(x, weight, styles, impl)
    if flip_weight is not None and flip_weight != (up == 1):
        weight, prepare = weight.flip([2, 3]), weight_and_energy
    weight, styles, scale = _shared(x, weight, styles, demodulate, prepare, impl)
    modulated = epilogue(x, styles, impl=impl)
    y = _convolve(modulated, weight, resample_filter, up, padding, impl)
    if noise is not None and noise.ndim == 2:
        noise = noise[None, None]
    return epilogue(y, scale, noise, b, act, gain=gain, clamp=clamp, impl=impl)
