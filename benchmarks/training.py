"""A training step, phase by phase: the plain path and the fast one in turns.

    seconds of a step = Gmain + Greg / 4 + Dmain + Dreg / 16 + EMA

Source: Karras et al. 2020 (StyleGAN2), appendix B, "lazy regularization".
"""

import gc
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from benchmarks import flops
from benchmarks.memory import switching
from benchmarks.peaks import Peaks
from benchmarks.results import Row, compared, rounded
from benchmarks.timing import Clock, Times, add, take_turns
from benchmarks.variants import PLAIN, Variant, Workload, build
from stylegen.training import Trainer
from stylegen.training.config import LossConfig

WEIGHTS = {
    "Gmain": 1.0,
    "Greg": 1 / LossConfig.pl_interval,
    "Dmain": 1.0,
    "Dreg": 1 / LossConfig.r1_interval,
    "EMA": 1.0,
}
_BETA = 0.999  # of the average; its value costs nothing
Phases = dict[str, Callable[[], object]]


def free(device: torch.device) -> None:
    """Give back what is not held any more."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def real_images(workload: Workload, device: torch.device) -> Tensor:
    """Draw a batch to stand in for real images, as the feed gives it."""
    r = workload.resolution
    return torch.rand(workload.batch, 3, r, r, device=device) * 2 - 1


def phases(trainer: Trainer, real: Tensor, variant: Variant) -> Phases:
    """Return what a step is made of, each ready to be called any number of times."""

    def within(function: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            with variant.active():
                return function()

        return run

    each: Phases = {
        "Gmain": lambda: trainer.generator_main(len(real)),
        "Greg": lambda: trainer.generator_path_length(len(real)),
        "Dmain": lambda: trainer.discriminator_main(real, None),
        "Dreg": lambda: trainer.discriminator_r1(real, None),
        "EMA": lambda: trainer.average.update(trainer.generator, _BETA),
    }
    return {name: within(function) for name, function in each.items()}


def step_flops(each: Phases) -> float:
    """Return the operations of an amortised step; ``each`` from the plain path."""
    return sum((weight * flops.count(each[name]) for name, weight in WEIGHTS.items()), 0.0)


def phase_times(
    workload: Workload,
    variants: Sequence[Variant],
    device: torch.device,
    rounds: int,
    seconds: float | None = None,
) -> tuple[dict[str, dict[str, Times]], float]:
    """Time all phases of all variants in turns: a round is all phases of the plain path, then
    all of the next variant, and so on.

    Args:
        workload: networks and batch.
        variants: the plain path first.
        device: where.
        rounds: how often.
        seconds: begin no further round after this time.

    Returns:
        Times by variant's name and phase, and the operations of the plain path's amortised step.
    """
    parts: dict[str, Phases] = {}
    for variant in variants:
        trainer = build(workload, variant, device)
        parts[variant.name] = phases(trainer, real_images(workload, device), variant)
    functions = {(name, phase): parts[name][phase] for name in parts for phase in WEIGHTS}
    operations = step_flops(parts[PLAIN.name])
    before = switching(functions, lambda key: key[0], device)
    times = take_turns(functions, Clock(device), rounds, seconds, before=before)
    sorted_ = {name: {phase: times[name, phase] for phase in WEIGHTS} for name in parts}
    for name in sorted_:
        sorted_[name]["step"] = add(sorted_[name], WEIGHTS)
    return sorted_, operations


def rows(
    workload: Workload, times: Mapping[str, Mapping[str, Times]], operations: float, peaks: Peaks
) -> list[Row]:
    """Return a row for each phase of each fast variant, and one for the amortised step.

    Args:
        workload: what was timed.
        times: from :func:`phase_times`.
        operations: of the amortised step.
        peaks: the machine's, from the same run; utilisation is of the forward peak.
    """
    plain, result = times[PLAIN.name], list[Row]()
    for name, fast in times.items():
        if name == PLAIN.name:
            continue
        for phase, mine in fast.items():
            row = _row(workload, phase, name, plain[phase], mine)
            if phase == "step":
                row |= _rates(workload, name, plain[phase], mine, operations, peaks)
            result.append(row)
    return result


def _row(workload: Workload, phase: str, name: str, plain: Times, mine: Times) -> Row:
    return {
        "resolution": workload.resolution,
        "batch": workload.batch,
        "channel base": workload.channel_base,
        "precision": name,
        "phase": phase,
        **compared(plain, mine),
    }


def _rates(
    workload: Workload, name: str, plain: Times, mine: Times, operations: float, peaks: Peaks
) -> Row:
    rate = operations / mine.median
    return {
        "plain img/s": rounded(workload.batch / plain.median),
        "img/s": rounded(workload.batch / mine.median),
        "GFLOP/img": rounded(operations / workload.batch / 1e9),
        "GFLOP/s": rounded(rate / 1e9),
        "% of peak": rounded(100 * rate / peaks.forward[name], 3),
        "% of fwd+bwd peak": rounded(100 * rate / peaks.both[name], 3),
        "plain % of fp32 peak": rounded(100 * operations / plain.median / peaks.forward["fp32"], 3),
    }
