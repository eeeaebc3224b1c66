"""The benchmarks: which measurements each is made of."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks import generation, operators, peaks, training
from benchmarks.results import FOLDER, Results
from benchmarks.timing import Budget
from benchmarks.variants import PLAIN, STANDARD, TINY, Variant, Workload, fast

MATRIX = tuple(
    Workload(name="matrix", resolution=r, batch=n, channel_base=base)
    for r, base, n in product((32, 128), (2048, 16384), (4, 32))
)
_LEAST_SEC = 0.02  # short functions are repeated within a round until they fill this time


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the command line asked for.

    Attributes:
        device: what is timed.
        precisions: the fast path's.
        rounds: how often each thing is timed.
        minutes: begin nothing after this time; None: no limit.
        out: folder of the results.
        tiny: rehearse with tiny sizes.
    """

    device: torch.device
    precisions: tuple[str, ...] = ("fp32",)
    rounds: int = 7
    minutes: float | None = None
    out: Path = FOLDER
    tiny: bool = False

    @property
    def variants(self) -> list[Variant]:
        """The plain path, then the fast one in each precision, the widest type first."""
        named = [fast(name) for name in self.precisions]
        return [PLAIN, *sorted(named, key=lambda variant: -variant.dtype.itemsize)]

    @property
    def least(self) -> float:
        """Seconds that a short function's round fills."""
        return 0.0 if self.tiny else _LEAST_SEC

    def results(self, name: str, **arguments: Any) -> Results:
        """Begin the files of a benchmark."""
        told = {
            "precisions": list(self.precisions),
            "rounds": self.rounds,
            "minutes": self.minutes,
            **arguments,
        }
        return Results(name, self.device, self.out, told, self.tiny)

    def workload(self, usual: Workload) -> Workload:
        """Return the workload, or the tiny one in a rehearsal."""
        return TINY if self.tiny else usual


def measure_peaks(settings: Settings, results: Results) -> peaks.Peaks:
    """Measure the machine's peaks and note them; float32's always, which the plain path uses."""
    names = list(dict.fromkeys(["fp32", *settings.precisions]))
    found, rows = peaks.measure(settings.device, names, settings.rounds, settings.tiny)
    for row in rows:
        results.add("peaks", row)
    return found


def run_peaks(settings: Settings) -> Results:
    """Measure convolution peaks and copy bandwidth."""
    results = settings.results("peaks")
    measure_peaks(settings, results)
    results.finish()
    return results


def _train(
    settings: Settings,
    results: Results,
    found: peaks.Peaks,
    workload: Workload,
    seconds: float | None,
) -> None:
    times, operations = training.phase_times(
        workload, settings.variants, settings.device, settings.rounds, seconds
    )
    for row in training.rows(workload, times, operations, found):
        results.add("amortised" if row["phase"] == "step" else "phases", row)
    training.free(settings.device)


def run_standard(settings: Settings) -> Results:
    """Time training in the standard configuration, all phases."""
    workload = settings.workload(STANDARD)
    results = settings.results("standard", workload=asdict(workload))
    budget = Budget(settings.minutes, 1)
    found = measure_peaks(settings, results)
    _train(settings, results, found, workload, budget.share())
    results.finish()
    return results


def _matrix(settings: Settings) -> tuple[Workload, ...]:
    if not settings.tiny:
        return MATRIX
    return tuple(replace(TINY, batch=batch) for batch in (2, 4))


def run_matrix(settings: Settings) -> Results:
    """Time training at several resolutions, batches and widths: is anything slower than plain?"""
    workloads = _matrix(settings)
    results = settings.results("matrix", workloads=[asdict(w) for w in workloads])
    budget = Budget(settings.minutes, len(workloads))
    found = measure_peaks(settings, results)
    for workload in workloads:
        if budget.over:
            results.note(f"Left out, as the time was over: {asdict(workload)}.")
            continue
        _train(settings, results, found, workload, budget.share())
    rows = results.tables.get("phases", []) + results.tables.get("amortised", [])
    slow = [row for row in rows if row["verdict"] == "slower than plain"]
    results.note(f"Slower than plain: {len(slow)} of {len(rows)} rows.")
    results.finish()
    return results


def run_ops(settings: Settings) -> Results:
    """Time each operator alone, forward and backward, at several sizes."""
    cases = list(product(operators.OPERATORS, operators.sizes(settings.device, settings.tiny)))
    results = settings.results("ops")
    budget = Budget(settings.minutes, len(cases))
    found = measure_peaks(settings, results)
    for name, shape in cases:
        if budget.over:
            results.note(f"Left out, as the time was over: {name}, {shape}.")
            continue
        for row in operators.rows(
            name, shape, settings.variants, settings.device, settings.rounds, found,
            budget.share(), settings.least,
        ):  # fmt: skip
            results.add("operators", row)
        training.free(settings.device)
    results.finish()
    return results


def run_generate(settings: Settings, workloads: Sequence[Workload] = (STANDARD,)) -> Results:
    """Time drawing images at several batch sizes."""
    workloads = [TINY] if settings.tiny else workloads
    results = settings.results("generate", workloads=[asdict(w) for w in workloads])
    cases = list(product(workloads, (1, 2) if settings.tiny else generation.BATCHES))
    budget = Budget(settings.minutes, len(cases))
    found = measure_peaks(settings, results)
    for workload, batch in cases:
        if budget.over:
            results.note(f"Left out, as the time was over: {asdict(workload)}, batch {batch}.")
            continue
        for row in generation.rows(
            workload, settings.variants, settings.device, batch, settings.rounds, found,
            budget.share(), settings.least,
        ):  # fmt: skip
            results.add("generation", row)
        training.free(settings.device)
    results.finish()
    return results
