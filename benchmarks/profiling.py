"""Where a training step's time goes: torch's profiler over a whole round of lazy phases."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import torch
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.results import Results, Row, rounded
from benchmarks.suites import Settings
from benchmarks.sweep import BATCHES, SIZES
from benchmarks.training import free, real_images
from benchmarks.variants import TINY, Workload, build, fast
from stylegen.training.config import LossConfig

_STEPS = LossConfig.r1_interval
_ROWS = 25
_NAME_LENGTH = 90


def _events(step: Callable[[], object], steps: int, device: torch.device) -> list[Any]:
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler:
        for _ in range(steps):
            step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    return list(profiler.key_averages())


def slowest(events: list[Any], images: int, on_gpu: bool, kernels: bool) -> list[Row]:
    """Return the events that took longest themselves, without what they called.

    Args:
        events: the profiler's averages.
        images: that were trained on meanwhile.
        on_gpu: take the device's time, else the CPU's.
        kernels: the GPU's kernels, else the operations that launched them.
    """
    wanted = [e for e in events if (e.device_type == DeviceType.CUDA) == kernels]
    name = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    ranked = sorted(wanted, key=lambda e: -getattr(e, name))
    total = sum(getattr(e, name) for e in wanted) or 1.0
    return [
        {
            "name": " ".join(e.key.split())[:_NAME_LENGTH].replace("|", "/"),
            "calls": e.count,
            "ms/kimg": rounded(getattr(e, name) / images),
            "%": rounded(100 * getattr(e, name) / total, 3),
        }
        for e in ranked[:_ROWS]
    ]


def _profile(settings: Settings, results: Results, workload: Workload, precision: str) -> None:
    trainer = build(workload, fast(precision), settings.device)
    real = real_images(workload, settings.device)
    trainer.step(real)  # the first step has all phases
    steps = 2 if settings.tiny else _STEPS
    events = _events(lambda: trainer.step(real), steps, settings.device)
    on_gpu, images = settings.device.type == "cuda", steps * workload.batch
    title = f"{workload.resolution} px, batch {workload.batch}, {precision}"
    for row in slowest(events, images, on_gpu, kernels=False):
        results.add(f"operations, {title}", row)
    if on_gpu:
        for row in slowest(events, images, on_gpu, kernels=True):
            results.add(f"kernels, {title}", row)


def run_profile(settings: Settings) -> Results:
    """List the slowest operations of training at 256 and 1024 px, in the first precision given."""
    sizes = [TINY] if settings.tiny else [replace(s, batch=BATCHES[s.resolution][0]) for s in SIZES]
    results = settings.results("profile", sizes=[asdict(size) for size in sizes])
    for workload in sizes:
        _profile(settings, results, workload, settings.precisions[0])
        free(settings.device)
    results.finish()
    return results
