"""Convolutions that also change the resolution, without aliasing.

Up: a transposed convolution of stride ``up``, then the FIR filter (equal to inserting zeros,
filtering, and convolving with the spatially flipped weight, at a fraction of the cost). Down: the
FIR filter, then a convolution of stride ``down``. 1x1 convolutions run at the lower resolution.

Source: Karras et al. 2020 (StyleGAN2), appendix B.

N batch, I input channels, O output channels, H height, W width, k kernel size.
"""

from torch import Tensor

from stylegen.ops.conv2d import conv2d, conv2d_transpose
from stylegen.ops.dispatch import Impl
from stylegen.ops.filters import downsample2d, upsample2d
from stylegen.ops.upfirdn2d import filter_size, upfirdn2d


def conv2d_up(
    x: Tensor, weight: Tensor, f: Tensor | None, up: int = 2, padding: int = 0, impl: Impl = "auto"
) -> Tensor:
    """Upsample and convolve.

    Args:
        x: (N, I, H, W).
        weight: (O, I, k, k), read as a transposed convolution reads it.
        f: resampling filter from :func:`~stylegen.ops.filters.setup_filter`.
        up: integer factor.
        padding: zeros on each side of the upsampled image; k // 2 gives (H * up, W * up).
        impl: see :mod:`stylegen.ops`.

    Returns:
        (N, O, H * up + 2 * padding - k + 1, likewise W).
    """
    k = weight.shape[-1]
    if k == 1 and padding == 0:
        return upsample2d(conv2d(x, weight, impl=impl), f, up=up, impl=impl)
    y = conv2d_transpose(x, weight.transpose(0, 1), stride=up, impl=impl)
    fw, fh = filter_size(f)
    px0 = padding + (fw + up - 1) // 2 - (k - 1)
    px1 = padding + (fw - up) // 2 - (k - up)
    py0 = padding + (fh + up - 1) // 2 - (k - 1)
    py1 = padding + (fh - up) // 2 - (k - up)
    return upfirdn2d(y, f, padding=(px0, px1, py0, py1), gain=up**2, impl=impl)


def conv2d_down(
    x: Tensor,
    weight: Tensor,
    f: Tensor | None,
    down: int = 2,
    padding: int = 0,
    impl: Impl = "auto",
) -> Tensor:
    """Convolve and downsample.

    Args:
        x: (N, I, H, W).
        weight: (O, I, k, k).
        f: resampling filter from :func:`~stylegen.ops.filters.setup_filter`.
        down: integer factor.
        padding: zeros on each side of the image; k // 2 gives (H / down, W / down).
        impl: see :mod:`stylegen.ops`.

    Returns:
        (N, O, H / down, W / down) for padding k // 2.
    """
    if weight.shape[-1] == 1:
        x = downsample2d(x, f, down=down, padding=padding, impl=impl)
        return conv2d(x, weight, impl=impl)
    fw, fh = filter_size(f)
    px0, px1 = padding + (fw - down + 1) // 2, padding + (fw - down) // 2
    py0, py1 = padding + (fh - down + 1) // 2, padding + (fh - down) // 2
    x = upfirdn2d(x, f, padding=(px0, px1, py0, py1), impl=impl)
    return conv2d(x, weight, stride=down, impl=impl)
