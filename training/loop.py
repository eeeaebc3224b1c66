"""The training loop: begin a run or go on with one, and when to stop.

A run is a folder (see :mod:`stylegen.training.folder`). :func:`train` begins one, :func:`resume`
goes on with one.
"""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stylegen.data import open_images
from stylegen.data.threads import Progress
from stylegen.devices import choose_device, choose_precision, full_float32
from stylegen.errors import InputError
from stylegen.training.config import RunConfig
from stylegen.training.folder import RunFolder, new_run_folder
from stylegen.training.interrupts import stop_requests
from stylegen.training.run import Run

CHANGEABLE = frozenset(
    (
        "kimg", "tick_kimg", "snapshot_kimg", "max_minutes", "device", "precision",
        "num_low_precision_res",
    )
)  # fmt: skip
Reason = Literal["finished", "interrupted", "out of time"]


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a run stands after a step.

    Attributes:
        folder: the run's folder.
        images_shown: so far.
        images_total: when it will end.
        means: statistics of the last whole tick; empty before it.
    """

    folder: Path
    images_shown: int
    images_total: int
    means: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        folder: the run's folder.
        snapshot: its newest snapshot.
        kimg: thousands of images shown.
        reason: why it stopped.
    """

    folder: Path
    snapshot: Path
    kimg: float
    reason: Reason


Report = Callable[[Status], None]


def _loop(run: Run, report: Report | None) -> Reason:
    loop = run.config.loop
    total = int(loop.kimg * 1000)
    limit = None if loop.max_minutes is None else run.begin + loop.max_minutes * 60
    with stop_requests() as stop_requested:
        while run.trainer.images_shown < total:
            run.step()
            if report is not None:
                shown = run.trainer.images_shown
                report(
                    Status(
                        folder=run.folder.path,
                        images_shown=shown,
                        images_total=total,
                        means=run.last_means,
                    )
                )
            if stop_requested():
                return "interrupted"
            if limit is not None and time.perf_counter() >= limit:
                return "out of time"
    return "finished"


def _run(run: Run, report: Report | None) -> Outcome:
    with full_float32():
        reason = _loop(run, report)
    run.finish()
    assert run.snapshot_path is not None
    return Outcome(folder=run.folder.path, snapshot=run.snapshot_path, kimg=run.kimg, reason=reason)


def train(
    config: RunConfig,
    out: str | Path,
    report: Report | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Begin a run and train it to its end.

    Args:
        config: all of it.
        out: the folder of all runs; the run gets the next free number in it.
        report: told after each step.
        progress: told (files decoded, files in all) while the images are read.

    Returns:
        Where the run lies and how it ended. Ctrl-C and SIGTERM end it after a step, saved.

    Raises:
        InputError: the images or a setting cannot be used.
        OSError: a file cannot be written.
    """
    images = open_images(config.data)
    if images.resolution != config.generator.resolution:
        raise InputError(
            f"the images are read at {images.resolution} px, but the networks are for "
            f"{config.generator.resolution} px"
        )
    choose_precision(config.loop.precision, choose_device(config.loop.device))
    folder = new_run_folder(out, config.name)
    folder.write_config(config)
    run = Run(config, folder, images, False, progress)
    run.write_reals()
    run.write_snapshot()
    return _run(run, report)


def resume(
    path: str | Path,
    report: Report | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Outcome:
    """Go on with a run, in its own folder.

    Args:
        path: the run's folder.
        report: told after each step.
        progress: told (files decoded, files in all) while the images are read.
        changes: what may differ from now on: see ``CHANGEABLE``.

    Returns:
        Where the run lies and how it ended.

    Raises:
        InputError: the folder is no run, its state is damaged, or the images are gone.
        OSError: a file cannot be written.
    """
    if fixed := sorted(set(changes) - CHANGEABLE):
        raise InputError(f"{', '.join(fixed)} cannot change when a run is resumed")
    folder = RunFolder(path)
    config = folder.read_config()
    config = dataclasses.replace(config, loop=dataclasses.replace(config.loop, **changes))
    images = open_images(config.data)
    run = Run(config, folder, images, True, progress)
    folder.write_config(config)
    return _run(run, report)
