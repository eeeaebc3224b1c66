"""The command line: ``python -m benchmarks COMMAND``."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks import building, distances, learning, metrics, profiling, suites, sweep
from benchmarks.results import FOLDER
from benchmarks.suites import Settings
from benchmarks.variants import STANDARD, precisions
from stylegen.cli import Program
from stylegen.devices import choose_device, full_float32
from stylegen.errors import InputError

_SHARED = (
    click.option(
        "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
    ),
    click.option(
        "--out", default=FOLDER, show_default="benchmarks/results", type=click.Path(path_type=Path),
        help="Folder for the JSON and the table.",
    ),
    click.option("--tiny", is_flag=True, help="Rehearse with tiny sizes that mean nothing."),
    click.option("--minutes", type=float, help="Begin nothing after so many."),
    click.option(
        "--precision", help="Of the fast path, such as bf16,fp32.  [default: all the device has]"
    ),
    click.option("--rounds", type=click.IntRange(1), default=7, show_default=True),
)  # fmt: skip


def _device(name: str) -> torch.device:
    chosen = choose_device(name)
    if chosen.type not in ("cpu", "cuda"):
        raise InputError(f"device is {name!r}; only cpu and cuda can be timed")
    return chosen


def _settings(function: Callable[..., None]) -> Callable[..., None]:
    """Add the shared options, and pass them on as one value."""

    @wraps(function)
    def run(
        device: str, out: Path, tiny: bool, minutes: float | None, precision: str | None,
        rounds: int, **rest: Any,
    ) -> None:  # fmt: skip
        chosen = _device(device)
        settings = Settings(
            device=chosen,
            precisions=tuple(precisions(precision, chosen)),
            rounds=rounds,
            minutes=minutes,
            out=out,
            tiny=tiny,
        )
        on_gpu = chosen.type == "cuda"
        with full_float32(), torch.cuda.device(chosen) if on_gpu else nullcontext():
            function(settings, **rest)

    for option in _SHARED:
        run = option(run)
    return run


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Time stylegen against StyleGAN2 written straightforwardly in PyTorch, in one process."""


def _command(name: str, run: Callable[[Settings], object]) -> click.Command:
    """Make a command of a benchmark that takes the shared options only."""

    def command(settings: Settings) -> None:
        run(settings)

    command.__doc__ = run.__doc__
    return click.command(name)(_settings(command))


for _name, _run in {
    "standard": suites.run_standard,
    "matrix": suites.run_matrix,
    "ops": suites.run_ops,
    "distances": distances.run_distances,
    "peaks": suites.run_peaks,
    "train": sweep.run_train,
    "profile": profiling.run_profile,
}.items():
    main.add_command(_command(_name, _run))


@main.command("generate")
@click.option("--large", is_flag=True, help="At 256 and 1024 px instead of the standard size.")
@_settings
def generate(settings: Settings, large: bool) -> None:
    """Time drawing images at several batch sizes."""
    suites.run_generate(settings, sweep.SIZES if large else (STANDARD,))


@main.command("metrics")
@click.option(
    "--images",
    type=click.IntRange(24),
    default=5000,
    show_default=True,
    help="Of each of two folders.",
)
@_settings
def time_metrics(settings: Settings, images: int) -> None:
    """Time FID of two folders, from files to the number, against torch-fidelity."""
    metrics.run_metrics(settings, images)


@main.command("build")
@click.option(
    "--cache", required=True, type=click.Path(path_type=Path), help="An empty folder for them."
)
@_settings
def build(settings: Settings, cache: Path) -> None:
    """Build the device's kernels, timed, in a folder that holds none; they stay there."""
    building.run_build(settings, cache)


@main.command("learn")
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--work", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--features", default="squeezenet", show_default=True, help="Feature network.")
@click.option("--features-weights", type=click.Path(path_type=Path), help="Its weights file.")
@click.option("--batch", type=int, default=64, show_default=True)
@click.option("--channel-base", type=int, default=16384, show_default=True)
@click.option("--samples", type=int, default=10000, show_default=True, help="For each distance.")
@click.option("--extra", default="", help="Further options of stylegen train, in quotes.")
@_settings
def learn(settings: Settings, **options: Any) -> None:
    """Train on DATA through the command line, stopped and resumed once; distance over kimg."""
    learning.run_learn(settings, learning.Lesson(**options))
