"""What this machine can do, measured beside what is made of it: the measures of utilisation.

Convolution peak: 3x3, channels_last, best over shapes of the network, by type. Copy bandwidth:
bytes read plus bytes written of a large tensor's copy.

N batch, C channels, R resolution.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from benchmarks.memory import keep
from benchmarks.results import Row, rounded
from benchmarks.timing import Clock, take_turns
from benchmarks.variants import DTYPES

Shape = tuple[int, int, int]
CPU_SHAPES: tuple[Shape, ...] = ((8, 256, 64), (8, 512, 32), (8, 512, 16))
GPU_SHAPES: tuple[Shape, ...] = ((32, 512, 32), (32, 512, 64), (32, 256, 128), (16, 128, 256))
TINY_SHAPES: tuple[Shape, ...] = ((2, 8, 8),)


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """The machine's peaks.

    Attributes:
        forward: convolutions by precision, FLOP/s.
        both: the same, forward and backward (three convolutions).
        copy: bytes/s.
    """

    forward: dict[str, float]
    both: dict[str, float]
    copy: float


def conv_flops(shape: Shape) -> int:
    """Return the operations of a 3x3 convolution C to C that keeps the size."""
    n, c, r = shape
    return 2 * n * c * c * 9 * r * r


def _convolution(shape: Shape, dtype: torch.dtype, device: torch.device, backward: bool) -> object:
    n, c, r = shape
    x = torch.randn(n, c, r, r, device=device).to(dtype, memory_format=torch.channels_last)
    w = torch.randn(c, c, 3, 3, device=device).to(dtype, memory_format=torch.channels_last)
    if not backward:
        return lambda: F.conv2d(x, w, padding=1)
    x.requires_grad_(), w.requires_grad_()
    dy = torch.randn_like(x, requires_grad=False)
    return lambda: torch.autograd.grad(F.conv2d(x, w, padding=1), (x, w), dy)


def convolution_rates(
    precision: str, device: torch.device, shapes: tuple[Shape, ...], rounds: int, least: float
) -> dict[tuple[Shape, bool], float]:
    """Return FLOP/s by shape, and by whether the backward pass is included."""
    functions: dict[tuple[Shape, bool], Callable[[], object]] = {
        (shape, backward): _convolution(shape, DTYPES[precision], device, backward)  # type: ignore[misc]
        for shape in shapes
        for backward in (False, True)
    }
    times = take_turns(functions, Clock(device), rounds, least=least)
    return {
        (shape, backward): conv_flops(shape)
        * (3 if backward else 1)
        / times[shape, backward].median
        for shape, backward in functions
    }


def copy_bandwidth(device: torch.device, size: int, rounds: int) -> float:
    """Return bytes/s of copying ``size`` bytes: bytes read plus bytes written."""
    source = torch.ones(size // 4, device=device)
    target = torch.empty_like(source)
    times = take_turns({0: lambda: target.copy_(source)}, Clock(device), max(rounds, 5), least=0.02)
    return 2 * size / times[0].median


def shapes_for(device: torch.device, tiny: bool) -> tuple[Shape, ...]:
    """Return the shapes over which the best is taken."""
    if tiny:
        return TINY_SHAPES
    return GPU_SHAPES if device.type == "cuda" else CPU_SHAPES


def copy_size(device: torch.device, tiny: bool) -> int:
    """Return how many bytes are copied: many times what caches hold."""
    if tiny:
        return 1 << 20
    return 1 << (31 if device.type == "cuda" else 28)


@contextlib.contextmanager
def _best_algorithms() -> Iterator[None]:
    """Let cuDNN try its algorithms, so that the peak is one."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@_best_algorithms()
def measure(
    device: torch.device, names: list[str], rounds: int, tiny: bool
) -> tuple[Peaks, list[Row]]:
    """Measure the peaks.

    Args:
        device: what to measure.
        names: precisions.
        rounds: how often; the median counts.
        tiny: a rehearsal with sizes that mean nothing.

    Returns:
        The peaks, and a row for each shape and precision.
    """
    keep(True, device)
    rows: list[Row] = []
    forward, both = dict[str, float](), dict[str, float]()
    shapes, least = shapes_for(device, tiny), 0.0 if tiny else 0.02
    for name in names:
        rates = convolution_rates(name, device, shapes, rounds, least)
        forward[name] = max(rates[shape, False] for shape in shapes)
        both[name] = max(rates[shape, True] for shape in shapes)
        for n, c, r in shapes:
            row: Row = {
                "what": f"conv 3x3, {c} channels, {r} px, batch {n}",
                "precision": name,
                "forward GFLOP/s": rounded(rates[(n, c, r), False] / 1e9),
                "forward+backward GFLOP/s": rounded(rates[(n, c, r), True] / 1e9),
            }
            rows.append(row)
    copy = copy_bandwidth(device, copy_size(device, tiny), rounds)
    rows.append({"what": "copy", "GB/s": rounded(copy / 1e9)})
    return Peaks(forward=forward, both=both, copy=copy), rows
