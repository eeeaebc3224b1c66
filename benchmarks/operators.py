"""Each operator alone: the bytes it moves against copy bandwidth, or its convolution's peak.

Bytes are the fewest that the operator must move: each input read once, each output written once;
backward, what its formula needs of them. What an implementation moves beyond that shows as a lower
rate.

N batch, C channels, R resolution, E = N C R^2 elements of the output.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.memory import switching
from benchmarks.peaks import Peaks, Shape, conv_flops
from benchmarks.results import Row, compared, rounded
from benchmarks.timing import Clock, Times, take_turns
from benchmarks.variants import PLAIN, Variant
from stylegen.ops import (
    bias_act,
    conv2d_down,
    downsample2d,
    modulated_conv2d,
    setup_filter,
    upfirdn2d,
    upsample2d,
)
from stylegen.ops.conv2d import conv2d
from stylegen.ops.epilogue import epilogue

CPU_SIZES: tuple[Shape, ...] = ((8, 512, 16), (8, 512, 32), (8, 256, 64))
GPU_SIZES: tuple[Shape, ...] = ((32, 512, 64), (16, 128, 256), (8, 32, 1024))
TINY_SIZES: tuple[Shape, ...] = ((2, 8, 8), (3, 5, 6))


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An operator with its inputs.

    Attributes:
        run: computes its output.
        inputs: what is differentiated by.
        moved: elements that the forward pass must move; 0: a convolution.
        moved_both: elements of the forward and the backward pass.
        flops: of the forward pass's convolution; the backward pass has twice as many.
    """

    run: Callable[[], Tensor]
    inputs: list[Tensor]
    moved: int = 0
    moved_both: int = 0
    flops: int = 0


class _Maker:
    """Draws tensors in a variant's type and layout."""

    def __init__(self, variant: Variant, device: torch.device) -> None:
        self.variant, self.device = variant, device
        self.taps = setup_filter(separable=False, device=device)

    def images(self, n: int, c: int, h: int, w: int | None = None) -> Tensor:
        x = torch.randn(n, c, h, h if w is None else w, device=self.device)
        return x.to(self.variant.dtype, memory_format=self.variant.layout).requires_grad_()

    def floats(self, *shape: int) -> Tensor:
        return torch.randn(shape, device=self.device).requires_grad_()


def _bias_act(make: _Maker, shape: Shape) -> Prepared:
    n, c, r = shape
    x, b = make.images(n, c, r), make.floats(c)
    e = x.numel()  # forward: x, y; backward: dy, y, dx
    return Prepared(
        run=lambda: bias_act(x, b, act="lrelu", clamp=256.0), inputs=[x, b], moved=2 * e,
        moved_both=5 * e,
    )  # fmt: skip


def _epilogue(make: _Maker, shape: Shape) -> Prepared:
    n, c, r = shape
    x, scale, b = make.images(n, c, r), make.floats(n, c), make.floats(c)
    noise, e = make.floats(n, 1, r, r), x.numel()

    # forward: x, y; backward: dy, y, x, dx
    return Prepared(
        run=lambda: epilogue(x, scale, noise, b, act="lrelu", clamp=256.0),
        inputs=[x, scale, noise, b],
        moved=2 * e,
        moved_both=6 * e,
    )


def _blur(make: _Maker, shape: Shape) -> Prepared:
    n, c, r = shape
    x = make.images(n, c, r + 1)  # as a transposed convolution of stride 2 leaves it
    moved = x.numel() + n * c * r * r
    return Prepared(
        run=lambda: upfirdn2d(x, make.taps, padding=1, gain=4.0), inputs=[x], moved=moved,
        moved_both=2 * moved,
    )  # fmt: skip


def _up(make: _Maker, shape: Shape) -> Prepared:
    n, c, r = shape
    x = make.images(n, c, r // 2)
    moved = 5 * x.numel()
    return Prepared(
        run=lambda: upsample2d(x, make.taps), inputs=[x], moved=moved, moved_both=2 * moved
    )


def _down(make: _Maker, shape: Shape) -> Prepared:
    n, c, r = shape
    x = make.images(n, c, r)
    moved = x.numel() * 5 // 4
    return Prepared(
        run=lambda: downsample2d(x, make.taps), inputs=[x], moved=moved, moved_both=2 * moved
    )


def _conv(make: _Maker, shape: Shape) -> Prepared:
    n, c, r = shape
    x, w = make.images(n, c, r), make.images(c, c, 3)
    return Prepared(run=lambda: conv2d(x, w, padding=1), inputs=[x, w], flops=conv_flops(shape))


def _conv_down(make: _Maker, shape: Shape) -> Prepared:
    n, c, r = shape
    x, w = make.images(n, c, r), make.images(c, c, 3)
    return Prepared(
        run=lambda: conv2d_down(x, w, make.taps, padding=1),
        inputs=[x, w],
        flops=conv_flops((n, c, r // 2)),
    )


def _modulated(make: _Maker, shape: Shape, up: int = 1) -> Prepared:
    n, c, r = shape
    x, w, s = make.images(n, c, r // up), make.images(c, c, 3), make.floats(n, c)
    weight = w.detach().float().requires_grad_()  # parameters are float32
    return Prepared(
        run=lambda: modulated_conv2d(x, weight, s, up=up, resample_filter=make.taps),
        inputs=[x, weight, s],
        flops=conv_flops((n, c, r // up)),
    )


OPERATORS: dict[str, Callable[[_Maker, Shape], Prepared]] = {
    "bias_act": _bias_act,
    "epilogue": _epilogue,
    "blur": _blur,
    "up 2": _up,
    "down 2": _down,
    "conv2d": _conv,
    "conv2d_down": _conv_down,
    "modulated_conv2d": _modulated,
    "modulated_conv2d up 2": lambda make, shape: _modulated(make, shape, up=2),
}


def sizes(device: torch.device, tiny: bool) -> tuple[Shape, ...]:
    """Return the sizes that each operator is timed at."""
    if tiny:
        return TINY_SIZES
    return GPU_SIZES if device.type == "cuda" else CPU_SIZES


def _forward(prepared: Prepared, variant: Variant) -> Callable[[], object]:
    @torch.no_grad()
    def run() -> object:
        with variant.active():
            return prepared.run()

    return run


def _both(prepared: Prepared, variant: Variant) -> Callable[[], object]:
    with variant.active(), torch.no_grad():
        dy = torch.randn_like(prepared.run())

    def run() -> object:
        with variant.active():
            return torch.autograd.grad(prepared.run(), prepared.inputs, dy)

    return run


def rows(
    name: str,
    shape: Shape,
    variants: Sequence[Variant],
    device: torch.device,
    rounds: int,
    peaks: Peaks,
    seconds: float | None = None,
    least: float = 0.0,
) -> list[Row]:
    """Time an operator with all variants; return a row for each pass and fast variant.

    Args:
        name: of :data:`OPERATORS`.
        shape: (N, C, R) of its output.
        variants: the plain path first.
        device: where.
        rounds: how often.
        peaks: the machine's, from the same run.
        seconds: begin no further round after this time.
        least: fill this time within a round, in seconds.
    """
    prepared = {v.name: OPERATORS[name](_Maker(v, device), shape) for v in variants}
    functions = {
        (both, v.name): (_both if both else _forward)(prepared[v.name], v)
        for v in variants
        for both in (False, True)
    }
    before = switching(functions, lambda key: key[1], device)
    times = take_turns(functions, Clock(device), rounds, seconds, least, before)
    result: list[Row] = []
    for both in (False, True):
        for v in variants:
            if v.name != PLAIN.name:
                plain, mine = times[both, PLAIN.name], times[both, v.name]
                result.append(
                    _row(name, shape, v, both, plain, mine)
                    | _rates(prepared[v.name], v, both, mine, peaks)
                )
    return result


def _row(name: str, shape: Shape, variant: Variant, both: bool, plain: Times, mine: Times) -> Row:
    n, c, r = shape
    return {
        "operator": name,
        "size": f"{n} x {c} x {r} px",
        "pass": "forward+backward" if both else "forward",
        "precision": variant.name,
        **compared(plain, mine),
    }


def _rates(prepared: Prepared, variant: Variant, both: bool, mine: Times, peaks: Peaks) -> Row:
    if prepared.flops:
        rate = prepared.flops * (3 if both else 1) / mine.median
        peak = (peaks.both if both else peaks.forward)[variant.precision]
        return {"GFLOP/s": rounded(rate / 1e9), "% of peak": rounded(100 * rate / peak, 3)}
    moved = prepared.moved_both if both else prepared.moved
    rate = moved * variant.dtype.itemsize / mine.median
    return {"GB/s": rounded(rate / 1e9), "% of copy": rounded(100 * rate / peaks.copy, 3)}
