"""Affine maps of images: reflected at their borders, resampled at twice the resolution.

The image is continued by reflection, upsampled by two with a wavelet's low-pass filter, looked up
bilinearly where the map says, and downsampled with the same filter reversed. The filter is
orthonormal to its shifts: what is moved by whole pixels comes out as it went in. It delays a
signal by the centre of its weight, which is where a pixel's centre is taken to lie.

Source: Karras et al. 2020 (ADA), appendix B, figure "Pseudocode". There, the reflection ends one
image away and zeros follow; here it goes on, and only its nearest part is stored.

On the CPU, the resampling of small images is a product with a matrix along each axis, which is
several times faster there.

N batch, C channels, H height, W width.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegen.ops import layout_of, upfirdn2d
from stylegen.training.augment.borders import reflected, source_places, take
from stylegen.training.augment.wavelets import SYM6, Constant, centre

_UNIT_TAPS = Constant(torch.tensor(SYM6, dtype=torch.float64) / sum(SYM6))
_RIM = len(SYM6) // 2  # pixels beyond the border that the filters see
_PHASE = centre(SYM6) - (_RIM - 1)  # where pixel 0 lies at the double resolution
_LARGEST_BY_MATRICES = 256  # pixels of a side


class _Lookup(torch.autograd.Function):
    """Bilinear lookup, linear in the image: keeps no image for its gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.size = x.shape
        return F.grid_sample(x, grid, "bilinear", "border", align_corners=False)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _Spread.apply(dy, grid, ctx.size), None


class _Spread(torch.autograd.Function):
    """The transposed lookup: each value goes to the four pixels that it came from."""

    @staticmethod
    def forward(ctx: Any, dy: Tensor, grid: Tensor, size: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        like = torch.empty(size, dtype=dy.dtype, device=dy.device)  # its values do not matter
        bilinear, border, wanted = 0, 1, [True, False]
        dx: Tensor = torch.ops.aten.grid_sampler_2d_backward(
            dy.contiguous(), like, grid, bilinear, border, False, wanted
        )[0]
        return dx

    @staticmethod
    def backward(ctx: Any, ddx: Tensor) -> tuple[Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return _Lookup.apply(ddx, grid), None, None


def _lookup(canvas: Tensor, grid: Tensor) -> Tensor:
    """Look up (N, C, H, W) at (N, H', W', 2), positions from -1 to 1."""
    found: Tensor = _Lookup.apply(canvas, grid)
    return found


def _reflect(images: Tensor, x: int, y: int) -> Tensor:
    """Continue (N, C, H, W) by x and y pixels on each side, reflected as often as it takes."""
    while x or y:
        px, py = min(x, images.shape[3] - 1), min(y, images.shape[2] - 1)
        images = F.pad(images, [px, px, py, py], mode="reflect")
        x, y = x - px, y - py
    return images


def _out_positions(size: int, like: Tensor) -> Tensor:
    """Return where the values that make the output lie, in pixels from the image's centre."""
    count = 2 * (size + _RIM - 1)
    first = -(_RIM - 1) - _PHASE
    steps = torch.arange(count, device=like.device, dtype=like.dtype)
    return (steps + (first - (size - 1))) / 2


def _canvas_positions(x: Tensor, size: int, rim: int) -> Tensor:
    """Return where positions from the centre lie on the canvas of one axis, from -1 to 1.

    Args:
        x: positions in pixels.
        size: pixels of the image.
        rim: pixels by which it was continued on each side.
    """
    at = 2 * x + (size - 1 + _PHASE)
    first, count = _RIM - 2 * rim, 2 * (size + 2 * rim - _RIM)
    on_canvas = (at >= first) & (at <= first + count - 1)
    at = torch.where(on_canvas, at, reflected(at - _PHASE, 2 * size - 1) + _PHASE)
    return (at - first) * (2 / count) + (1 / count - 1)


@torch.no_grad()
def _grid(images: Tensor, inverse: Tensor, rims: tuple[int, int]) -> Tensor:
    """Return where to look on the canvas, (N, H', W', 2)."""
    height, width = images.shape[2:]
    x, y = _out_positions(width, images), _out_positions(height, images)[:, None]
    a = inverse.to(images.dtype)[:, :, :, None, None]
    sides = zip((width, height), rims, strict=True)
    axes = [
        _canvas_positions((a[:, i, 0] * x + a[:, i, 2]) + a[:, i, 1] * y, size, rim)
        for i, (size, rim) in enumerate(sides)
    ]
    return torch.stack(axes, dim=-1)


def _upsample(continued: Tensor, along_y: bool = True) -> Tensor:
    """Double the resolution, but for the pixels to which the filter lacks neighbours."""
    taps = _UNIT_TAPS.like(continued)
    if along_y:
        return upfirdn2d(continued, taps, up=2, padding=(0, -1, 0, -1), gain=4)
    return upfirdn2d(continued, taps[None], up=(2, 1), padding=(0, -1, 0, 0), gain=2)


def _downsample(found: Tensor, along_y: bool = True) -> Tensor:
    """Halve the resolution again."""
    taps = _UNIT_TAPS.like(found)
    if along_y:
        return upfirdn2d(found, taps, down=2, flip_filter=True)
    return upfirdn2d(found, taps[None], down=(2, 1), flip_filter=True)


class _Matrices:
    """The resampling along one axis as matrices: what the filters make of unit vectors.

    Args:
        size: pixels of the image.
        rim: pixels by which it is continued on each side.
    """

    def __init__(self, size: int, rim: int) -> None:
        units = torch.eye(size, dtype=torch.float64)[None, None]
        self.up = Constant(_upsample(_reflect(units, rim, 0), along_y=False)[0, 0].T)
        units = torch.eye(2 * (size + _RIM - 1), dtype=torch.float64)[None, None]
        self.down = Constant(_downsample(units, along_y=False)[0, 0].T)


class Warp:
    """Maps images of one size, reflected at their borders.

    Args:
        height: H, at least 2.
        width: W, at least 2.
        reach: pixels (x, y) beyond the image that are kept at full precision. Further out, what
            is reflected is the upsampled image, which differs in its highest frequencies since
            the filter is not quite symmetric.
    """

    def __init__(self, height: int, width: int, reach: tuple[int, int] = (0, 0)) -> None:
        self._rims = (_RIM + reach[0], _RIM + reach[1])
        self._axes: tuple[_Matrices, ...] = ()
        if max(height, width) <= _LARGEST_BY_MATRICES:
            sides = zip((width, height), self._rims, strict=True)
            self._axes = tuple(_Matrices(size, rim) for size, rim in sides)

    def __call__(self, images: Tensor, inverse: Tensor) -> Tensor:
        """Map images.

        Args:
            images: (N, C, H, W).
            inverse: (N, 2, 3), the map from output to input, in pixels from the image's centre
                (x, y).

        Returns:
            (N, C, H, W), the layout of ``images``.
        """
        grid, x = _grid(images, inverse, self._rims), images.contiguous()
        if self._axes and x.device.type == "cpu":
            along_x, along_y = self._axes
            canvas = along_y.up.like(x) @ (x @ along_x.up.like(x).mT)
            result = along_y.down.like(x) @ (_lookup(canvas, grid) @ along_x.down.like(x).mT)
        else:
            canvas = _upsample(_reflect(x, *self._rims))
            result = _downsample(_lookup(canvas, grid))
        return result.contiguous(memory_format=layout_of(images))


def step_pixels(images: Tensor, steps: Tensor) -> Tensor:
    """Move images by whole pixels, exactly, reflected at their borders.

    Args:
        images: (N, C, H, W), H and W at least 2.
        steps: (N, 2) whole pixels (x, y).

    Returns:
        (N, C, H, W).
    """
    for axis, step in ((3, steps[:, 0]), (2, steps[:, 1])):
        at = reflected(source_places(images, axis, step), images.shape[axis])
        images = take(images, axis, at)
    return images
