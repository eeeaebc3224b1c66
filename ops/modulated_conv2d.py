"""Weight modulation and demodulation.

    w'_oik  = s_i * w_oik                                   (modulation, equation 1)
    w''_oik = w'_oik / sqrt(sum_ik w'_oik^2 + eps)          (demodulation, equation 3)

Because s scales input channels and the demodulation output channels, the convolution itself can
use the shared weights: conv(x, w'') = d * conv(s * x, w) with d = rsqrt(sum_i s_i^2 sum_k w_oik^2
+ eps). That form is several times faster than one convolution per sample, in both passes.

Source: Karras et al. 2020 (StyleGAN2), section 2.2, equations 1 and 3.

N batch, I input channels, O output channels, H height, W width, k kernel size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops.dispatch import Impl, use_reference
from stylegen.ops.resampled_conv2d import conv2d_up

_EPS = 1e-8


def demodulation(weight: Tensor, styles: Tensor) -> Tensor:
    """Return the factor of each output channel, equation 3.

    Args:
        weight: (O, I, k, k).
        styles: (N, I).

    Returns:
        (N, O), in the wider of the two types.
    """
    energy = weight.square().sum([2, 3])
    return (styles.square() @ energy.t() + _EPS).rsqrt()


def _normalized(weight: Tensor, styles: Tensor) -> tuple[Tensor, Tensor]:
    """Scale both to at most 1, which demodulation undoes: float16 would overflow otherwise."""
    _, i, kh, kw = weight.shape
    peak = weight.norm(float("inf"), dim=[1, 2, 3], keepdim=True)
    return (
        weight / (peak * (i * kh * kw) ** 0.5),
        styles / styles.norm(float("inf"), dim=1, keepdim=True),
    )


def _scaled(x: Tensor, factors: Tensor) -> Tensor:
    """Scale each channel of each sample, (N, C, H, W) by (N, C)."""
    return x * factors.to(x.dtype)[:, :, None, None]


def _convolve(
    x: Tensor, weight: Tensor, f: Tensor | None, up: int, padding: int | None, impl: Impl
) -> Tensor:
    padding = weight.shape[-1] // 2 if padding is None else padding
    if up == 1:
        return F.conv2d(x, weight, padding=padding)
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
    up: int = 1,
    padding: int | None = None,
    resample_filter: Tensor | None = None,
    demodulate: bool = True,
    flip_weight: bool | None = None,
    impl: Impl = "auto",
) -> Tensor:
    """Convolve each sample with its own modulated weights.

    Args:
        x: (N, I, H, W), in the type of the convolution.
        weight: (O, I, k, k), shared.
        styles: (N, I), scale of each input channel.
        noise: added after demodulation, broadcastable to (N, O, H', W'), or None.
        up: integer upsampling factor.
        padding: zeros on each side of the (upsampled) image; None: k // 2, which keeps the size.
        resample_filter: for ``up``, from :func:`~stylegen.ops.filters.setup_filter`.
        demodulate: scale the weights of each output channel to unit norm.
        flip_weight: True correlates, False convolves; None: correlate where ``up`` is 1.
        impl: see :mod:`stylegen.ops`.

    Returns:
        (N, O, H * up, W * up) for the default padding, dtype of ``x``.

    Raises:
        InputError: the shapes do not fit, or ``impl`` is not for this device.
    """
    _check(x, weight, styles, impl)
    if x.dtype == torch.float16 and demodulate:
        weight, styles = _normalized(weight, styles)
    if flip_weight is not None and flip_weight != (up == 1):
        weight = weight.flip([2, 3])
    y = _convolve(_scaled(x, styles), weight.to(x.dtype), resample_filter, up, padding, impl)
    y = _scaled(y, demodulation(weight, styles)) if demodulate else y
    return y if noise is None else y + noise.to(y.dtype)
