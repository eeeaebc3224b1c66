"""Training at large sizes: seconds per kimg and peak memory, kernels against references.

What a row times is the amortised step (:mod:`benchmarks.training`), with R1 and path length. A
few steps in a row, as a run takes them, stand beside it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product

import torch

from benchmarks.memory import keep
from benchmarks.peaks import Peaks
from benchmarks.results import Results, Row, rounded
from benchmarks.suites import Settings, measure_peaks
from benchmarks.timing import Budget, Clock, Times, add, take_turns
from benchmarks.training import WEIGHTS, free, phases, real_images, step_flops
from benchmarks.variants import PLAIN, TINY, Variant, Workload, build
from stylegen.errors import InputError
from stylegen.training import Trainer
from stylegen.training.config import LossConfig
from stylegen.training.statistics import peak_memory_mib

SIZES = (
    Workload(name="256 px", resolution=256, channel_base=16384, mapping_layers=2),
    Workload(name="1024 px", resolution=1024, channel_base=32768, mapping_layers=2),
)
BATCHES = {256: (32, 16, 64), 1024: (8, 4, 16)}  # the first is the one compared with references
_COUNT_BATCH = 4  # operations are counted on so few images
_STEPS = LossConfig.r1_interval  # in a row: one round of all phases


@dataclass(frozen=True, kw_only=True)
class Case:
    """A row: what is trained, and how."""

    workload: Workload
    variant: Variant

    def to_row(self) -> Row:
        """Return what the row says of the case; "augment" waits for augmentation to exist."""
        return {
            "resolution": self.workload.resolution,
            "batch": self.workload.batch,
            "precision": self.variant.precision,
            "operators": "plain path" if self.variant.plain else self.variant.operators,
            "augment": "none",
        }


def _sizes(tiny: bool) -> list[tuple[Workload, tuple[int, ...]]]:
    if tiny:
        return [(TINY, (4, 2))]
    return [(size, BATCHES[size.resolution]) for size in SIZES]


def cases(precisions: Sequence[str], tiny: bool = False) -> list[Case]:
    """Return the rows to take, those that matter most first.

    Kernels at all sizes and batches, a precision after the other; then, at one batch, the same
    with the operators' references, and the plain path.
    """
    order = [p for p in ("bf16", "fp16", "fp32") if p in precisions]
    sizes = _sizes(tiny)
    kernels = [
        Case(workload=replace(size, batch=batch), variant=Variant(name=p, precision=p))
        for p in order
        for size, batches in sizes
        for batch in batches
    ]
    references = [
        Case(
            workload=replace(size, batch=batches[0]),
            variant=Variant(name=f"{p} reference", precision=p, operators="reference"),
        )
        for p, (size, batches) in product(order, sizes)
    ]
    plain = [Case(workload=replace(s, batch=batches[0]), variant=PLAIN) for s, batches in sizes]
    return kernels + references + plain


def _in_a_row(trainer: Trainer, real: torch.Tensor, variant: Variant) -> float:
    """Return the seconds per kimg of whole steps."""

    def run() -> None:
        with variant.active():
            for _ in range(_STEPS):
                trainer.step(real)

    images = _STEPS * len(real)
    return Clock(trainer.device)(run) / images * 1000


def _times(
    case: Case, device: torch.device, rounds: int, seconds: float | None
) -> tuple[dict[str, Times], Row]:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    keep(not case.variant.plain, device)
    trainer = build(case.workload, case.variant, device)
    real = real_images(case.workload, device)
    each = phases(trainer, real, case.variant)
    times = take_turns(each, Clock(device), rounds, seconds)
    rest: Row = {"peak MiB": round(peak_memory_mib(device))}
    if case.variant.operators == "auto":
        rest[f"s/kimg, {_STEPS} steps in a row"] = rounded(_in_a_row(trainer, real, case.variant))
    return times, rest


def measure(
    case: Case,
    device: torch.device,
    rounds: int,
    seconds: float | None,
    image_flops: float,
    peaks: Peaks,
) -> Row:
    """Take one row; what cannot run says why in "error".

    Args:
        case: what to train.
        device: where.
        rounds: how often.
        seconds: begin no further round after this time.
        image_flops: operations of an amortised step, by image.
        peaks: the machine's, from the same run.
    """
    try:
        times, rest = _times(case, device, rounds, seconds)
    except torch.OutOfMemoryError:
        return {**case.to_row(), "error": "out of memory"}
    except InputError as error:
        return {**case.to_row(), "error": str(error)}
    step, batch = add(times, WEIGHTS).median, case.workload.batch
    rate, precision = image_flops * batch / step, case.variant.precision
    return {
        **case.to_row(),
        "s/kimg": rounded(step / batch * 1000),
        "img/s": rounded(batch / step),
        **{f"{phase} ms": rounded(t.median * 1e3) for phase, t in times.items()},
        **rest,
        "TFLOP/s": rounded(rate / 1e12),
        "% of peak": rounded(100 * rate / peaks.forward[precision], 3),
        "seconds": list(add(times, WEIGHTS).rounds),
    }


def _image_flops(workload: Workload, device: torch.device) -> float:
    """Count the operations of an amortised step, by image."""
    few = replace(workload, batch=min(_COUNT_BATCH, workload.batch))
    each = phases(build(few, PLAIN, device), real_images(few, device), PLAIN)
    return step_flops(each) / few.batch


def _count(settings: Settings, results: Results) -> dict[int, float]:
    found = {}
    for size, batches in _sizes(settings.tiny):
        found[size.resolution] = _image_flops(replace(size, batch=batches[0]), settings.device)
        amount = rounded(found[size.resolution] / 1e9)
        results.add("operations", {"resolution": size.resolution, "GFLOP/img": amount})
        free(settings.device)
    return found


def run_train(settings: Settings) -> Results:
    """Time training at 256 and 1024 px by batch and precision: s/kimg and peak memory."""
    todo = cases(settings.precisions, settings.tiny)
    sizes = [asdict(size) for size, _ in _sizes(settings.tiny)]
    results = settings.results("train", sizes=sizes)
    budget = Budget(settings.minutes, len(todo))
    found = measure_peaks(settings, results)
    operations = _count(settings, results)
    for case in todo:
        if budget.over:
            results.note(f"Left out, as the time was over: {case.to_row()}.")
            continue
        row = measure(
            case, settings.device, settings.rounds, budget.share(),
            operations[case.workload.resolution], found,
        )  # fmt: skip
        results.add("training", row)
        free(settings.device)
    results.finish()
    return results
