"""Drawing images: the plain path and the fast one in turns, at several batch sizes."""

from collections.abc import Callable, Sequence

import torch

from benchmarks import flops
from benchmarks.memory import switching
from benchmarks.peaks import Peaks
from benchmarks.results import Row, compared, rounded
from benchmarks.timing import Clock, Times, take_turns
from benchmarks.variants import PLAIN, Variant, Workload, build_generator

BATCHES = (1, 8, 32)


def drawing(
    workload: Workload, variant: Variant, device: torch.device
) -> Callable[[int], Callable[[], object]]:
    """Return a function of the batch that gives the drawing of so many images."""
    generator = build_generator(workload, variant, device)

    def of_batch(batch: int) -> Callable[[], object]:
        z = torch.randn(batch, workload.latents, device=device)

        @torch.no_grad()
        def draw() -> object:
            with variant.active():
                return generator(z, noise="const")

        return draw

    return of_batch


def rows(
    workload: Workload,
    variants: Sequence[Variant],
    device: torch.device,
    batch: int,
    rounds: int,
    peaks: Peaks,
    seconds: float | None = None,
    least: float = 0.0,
) -> list[Row]:
    """Time drawing ``batch`` images with all variants; return a row for each but the plain one.

    Args:
        workload: the network.
        variants: the plain path first.
        device: where.
        batch: images at a time.
        rounds: how often.
        peaks: the machine's, from the same run.
        seconds: begin no further round after this time.
        least: fill this time within a round, in seconds.
    """
    functions = {v.name: drawing(workload, v, device)(batch) for v in variants}
    operations = flops.count(functions[PLAIN.name])
    before = switching(functions, lambda name: name, device)
    times = take_turns(functions, Clock(device), rounds, seconds, least, before)
    return [
        _row(workload, batch, name, times[PLAIN.name], times[name], operations, peaks)
        for name in functions
        if name != PLAIN.name
    ]


def _row(
    workload: Workload,
    batch: int,
    name: str,
    plain: Times,
    mine: Times,
    operations: int,
    peaks: Peaks,
) -> Row:
    return {
        "resolution": workload.resolution,
        "channel base": workload.channel_base,
        "batch": batch,
        "precision": name,
        **compared(plain, mine),
        "plain img/s": rounded(batch / plain.median),
        "img/s": rounded(batch / mine.median),
        "GFLOP/img": rounded(operations / batch / 1e9),
        "% of peak": rounded(100 * operations / mine.median / peaks.forward[name], 3),
    }
