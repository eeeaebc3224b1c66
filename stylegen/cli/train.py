"""``stylegen train``: begin a run on images, or go on with one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from stylegen.cli import training_options as groups
from stylegen.cli.options import bar
from stylegen.cli.stage_bar import StageBar
from stylegen.cli.training_bar import (
    echo_outcome,
    echo_rehearsal,
    is_first_process,
    training_bar,
)
from stylegen.cli.training_plan import check_used, flags, from_config, loop_numbers, plan
from stylegen.errors import InputError
from stylegen.training.config import RunConfig


def _given(ctx: click.Context) -> set[str]:
    return {
        name for name in ctx.params if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE
    }


def _fit(config: RunConfig) -> RunConfig:
    """Find what fits on a device, once, and say so."""
    from stylegen.training.rehearsal import fitting_batch
    from stylegen.training.world import world_of

    with world_of(config.loop.device) as world:
        fits = fitting_batch(config, world)
    if is_first_process():
        click.echo(f"batch per device: {fits}")
    return replace(config, loop=replace(config.loop, batch_per_device=fits))


def _changes(given: set[str], path: str, options: dict[str, Any], known: bool) -> dict[str, Any]:
    """Return what was given of what may change.

    A number of images at once that was found when a run began is kept if the same options go on
    with it; else what fits is looked for again.
    """
    from stylegen.training.changes import CHANGEABLE, LOOP_CHANGEABLE, with_changes
    from stylegen.training.finding import run_folder

    names = given & (LOOP_CHANGEABLE if known else CHANGEABLE)
    changes = loop_numbers({name: options[name] for name in names})
    if not known:  # else they were looked at where the run was planned
        check_used(given, with_changes(run_folder(path).read_config(), changes))
    if options["batch_per_device"] == "auto":
        config = run_folder(path).read_config()
        found = config.loop.batch_per_device if known else None
        if found is None:
            found = _fit(with_changes(config, changes)).loop.batch_per_device
        changes["batch_per_device"] = found
    return changes


def _resume(
    given: set[str],
    path: str,
    data: str | None,
    options: dict[str, Any],
    known: bool = False,
) -> None:
    """Go on with a run; ``known``: it was found by its options, which are therefore its own."""
    from stylegen.training import resume
    from stylegen.training.changes import CHANGEABLE

    fixed = sorted(given - CHANGEABLE - {"resume", "profile", "data"})
    if fixed and not known:
        raise InputError(f"{flags(fixed)} cannot change when a run is resumed; leave it out")
    changes = _changes(given, path, options, known)
    with bar("reading", "img") as progress, training_bar() as report:
        outcome = resume(path, report, progress, _metric, options["profile"], data, **changes)
    echo_outcome(outcome)


def _rehearse(config: RunConfig) -> None:
    """Show what a run would be."""
    from stylegen.training.rehearsal import rehearse
    from stylegen.training.world import world_of

    with world_of(config.loop.device) as world:
        seen = rehearse(config, world)
    if is_first_process():
        echo_rehearsal(config, seen)


def _metric(config: RunConfig) -> Any:
    """Return what takes the run's metrics; None: it wants none."""
    from stylegen.metrics import TrainingMetricConfig, metric_for_training

    loop = config.loop
    if not loop.metrics:
        return None
    progress = StageBar() if is_first_process() else None
    return metric_for_training(
        TrainingMetricConfig(
            data=config.data,
            metrics=loop.metrics,
            samples=loop.metric_images,
            max_images=loop.metric_max_reals,
            features=loop.metric_features,
            weights=loop.metric_weights,
            minutes=loop.metric_minutes,
        ),
        progress,
    )


def _begin(config: RunConfig, out: Path, profile: int) -> None:
    from stylegen.training import train

    if is_first_process():
        click.echo(
            f"gamma {config.loss.r1_gamma:.4g}, batch {config.loop.batch}, "
            f"learning rate {config.optimizer.generator_lr:g}"
        )
    with bar("reading", "img") as progress, training_bar() as report:
        outcome = train(config, out, report, progress, _metric, profile)
    echo_outcome(outcome)


def _latest(out: Path, config: RunConfig) -> Path | None:
    """Return the last run that was begun with the same options."""
    from stylegen.training.changes import LOOP_CHANGEABLE
    from stylegen.training.finding import latest_like

    return latest_like(out, config, LOOP_CHANGEABLE)


@click.command("train")
@groups.begin_options
@groups.data_options
@groups.preset_options
@groups.schedule_options
@groups.saving_options
@groups.metric_options
@groups.device_options
@click.pass_context
def train(
    ctx: click.Context,
    /,
    data: str | None,
    out: Path,
    resume: str | None,
    config: Path | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Train on a folder or zip of images; the run is OUT/00000-name.

    It holds config.json, stats.jsonl, TensorBoard events, curves.png, sample grids and snapshots.
    Ctrl-C saves; --resume goes on. Several GPUs or machines: torchrun -m stylegen train ...
    """
    given = _given(ctx)
    if resume is not None and resume != "auto":
        _resume(given, resume, data, options)
        return
    if data is None and config is None:
        raise InputError("train needs --data FOLDER_OR_ZIP, --config FILE, or --resume RUN")
    wants_fit = options["batch_per_device"] == "auto"
    if config is not None:
        run = from_config(config, data, given, options)
    else:
        assert data is not None
        run = plan(data, {k: v for k, v in options.items() if k != "profile"})
    check_used(given, run, dry_run)
    if resume == "auto" and not dry_run and (found := _latest(out, run)) is not None:
        if is_first_process():
            click.echo(f"going on with {found}")
        _resume(given, str(found), None, options, known=True)
        return
    run = _fit(run) if wants_fit else run
    if dry_run:
        _rehearse(run)
    else:
        _begin(run, out, options["profile"])
