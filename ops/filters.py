"""FIR filters: set-up, and filtering, upsampling and downsampling with them.

Source: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), where all
resampling uses the filter [1, 3, 3, 1]; Zhang, "Making Convolutional Networks Shift-Invariant
Again" (2019).

N batch, C channels, H height, W width.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops.dispatch import Impl
from stylegen.ops.upfirdn2d import Padding, Pair, filter_size, pad4, pair, upfirdn2d

_SEPARABLE_FROM = 8  # taps; a shorter 1-D filter is cheaper as one 2-D pass


def setup_filter(
    f: Sequence[float] | Sequence[Sequence[float]] | Tensor | None = (1.0, 3.0, 3.0, 1.0),
    normalize: bool = True,
    flip: bool = False,
    gain: float = 1.0,
    separable: bool | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Prepare a filter for :func:`upfirdn2d`.

    Args:
        f: taps, 1-D or 2-D; None is the identity.
        normalize: scale to a sum of 1, so that a constant image stays what it is.
        flip: reverse the taps.
        gain: overall scale for signal magnitude.
        separable: keep a 1-D filter 1-D (applied along both axes). None: from 8 taps on.
        device: where the filter shall lie.

    Returns:
        float32 taps, (fh, fw) or (taps,).

    Raises:
        InputError: ``f`` is neither 1-D nor 2-D, or empty, or a 2-D filter shall be separable.
    """
    taps = torch.as_tensor(1.0 if f is None else f, dtype=torch.float32, device=device)
    taps = taps.reshape(1) if taps.ndim == 0 else taps.clone()
    if taps.ndim not in (1, 2) or taps.numel() == 0:
        raise InputError(f"a filter has 1 or 2 dimensions; this one has shape {tuple(taps.shape)}")
    if separable is None:
        separable = taps.ndim == 1 and taps.numel() >= _SEPARABLE_FROM
    if separable and taps.ndim == 2:
        raise InputError("a 2-D filter cannot be made separable; give its 1-D taps")
    if taps.ndim == 1 and not separable:
        taps = torch.outer(taps, taps)
    if normalize:
        taps = taps / taps.sum()
    if flip:
        taps = taps.flip(list(range(taps.ndim)))
    return taps * math.pow(gain, taps.ndim / 2)


def filter2d(
    x: Tensor,
    f: Tensor | None,
    padding: Padding = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """Filter a batch of images, keeping their size (plus ``padding``).

    Args:
        x: (N, C, H, W).
        f: filter from :func:`setup_filter`.
        padding: pixels beyond those that keep the size; see :func:`upfirdn2d`.
        flip_filter: correlate instead of convolve.
        gain: overall scale.
        impl: see :mod:`stylegen.ops`.

    Returns:
        (N, C, H + pad, W + pad).
    """
    px0, px1, py0, py1 = pad4(padding)
    fw, fh = filter_size(f)
    around = (px0 + fw // 2, px1 + (fw - 1) // 2, py0 + fh // 2, py1 + (fh - 1) // 2)
    return upfirdn2d(x, f, padding=around, flip_filter=flip_filter, gain=gain, impl=impl)


def upsample2d(
    x: Tensor,
    f: Tensor | None,
    up: Pair = 2,
    padding: Padding = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """Upsample a batch of images by zero insertion and filtering.

    Args:
        x: (N, C, H, W).
        f: filter from :func:`setup_filter`.
        up: factor, int or (x, y).
        padding: pixels of the upsampled image beyond those that give an exact multiple.
        flip_filter: correlate instead of convolve.
        gain: overall scale; the factor for the inserted zeros is added here.
        impl: see :mod:`stylegen.ops`.

    Returns:
        (N, C, H * up, W * up) for zero ``padding``.
    """
    ux, uy = pair(up, "up")
    px0, px1, py0, py1 = pad4(padding)
    fw, fh = filter_size(f)
    around = (
        px0 + (fw + ux - 1) // 2,
        px1 + (fw - ux) // 2,
        py0 + (fh + uy - 1) // 2,
        py1 + (fh - uy) // 2,
    )
    return upfirdn2d(
        x, f, up=(ux, uy), padding=around, flip_filter=flip_filter, gain=gain * ux * uy, impl=impl
    )


def downsample2d(
    x: Tensor,
    f: Tensor | None,
    down: Pair = 2,
    padding: Padding = 0,
    flip_filter: bool = False,
    gain: float = 1.0,
    impl: Impl = "auto",
) -> Tensor:
    """Downsample a batch of images by filtering and keeping every ``down``-th pixel.

    Args:
        x: (N, C, H, W).
        f: filter from :func:`setup_filter`.
        down: factor, int or (x, y).
        padding: pixels of the input beyond those that give an exact fraction.
        flip_filter: correlate instead of convolve.
        gain: overall scale.
        impl: see :mod:`stylegen.ops`.

    Returns:
        (N, C, H / down, W / down) for zero ``padding``.
    """
    dx, dy = pair(down, "down")
    px0, px1, py0, py1 = pad4(padding)
    fw, fh = filter_size(f)
    around = (
        px0 + (fw - dx + 1) // 2,
        px1 + (fw - dx) // 2,
        py0 + (fh - dy + 1) // 2,
        py1 + (fh - dy) // 2,
    )
    return upfirdn2d(
        x, f, down=(dx, dy), padding=around, flip_filter=flip_filter, gain=gain, impl=impl
    )
