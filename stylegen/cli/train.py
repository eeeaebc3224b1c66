"""``stylegen train``: begin a run on images, or go on with one."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from stylegen.cli import training_options as groups
from stylegen.cli.options import bar
from stylegen.cli.training_bar import (
    echo_outcome,
    echo_rehearsal,
    is_first_process,
    training_bar,
)
from stylegen.data.config import DataConfig
from stylegen.errors import InputError
from stylegen.training.augment.config import AugmentConfig
from stylegen.training.config import RunConfig, TransferConfig
from stylegen.training.schedule import ScheduleConfig

_DATA = ("channels", "background", "filter", "xflip", "labels")
_WITH_CONFIG = frozenset(
    ("data", "out", "name", "seed", "batch", "config", "dry_run", "profile", "resume")
)


def _devices() -> int:
    text = os.environ.get("WORLD_SIZE", "1")
    return int(text) if text.isdecimal() else 1


def _given(ctx: click.Context) -> set[str]:
    return {
        name for name in ctx.params if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE
    }


def _flags(names: list[str]) -> str:
    return ", ".join("--" + name.replace("_", "-") for name in names)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _whole_number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"{name} is {text!r}; wanted a number of at least 1, or auto")
    return int(text)


def _loop_numbers(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with those of the loop as its configuration has them."""
    read: dict[str, Any] = {
        "batch_per_device": lambda text: _whole_number(text, "--batch-per-device"),
        "snapshot_minutes": lambda minutes: minutes or None,
        "metrics": _names,
    }
    return {k: read[k](v) if k in read else v for k, v in options.items()}


def _changes(given: set[str], options: dict[str, Any]) -> dict[str, Any]:
    """Return what was given of what may change; a batch that fits was found when the run began."""
    from stylegen.training.changes import CHANGEABLE

    changes = {name: options[name] for name in given & CHANGEABLE}
    if changes.get("batch_per_device") == "auto":
        del changes["batch_per_device"]
    return _loop_numbers(changes)


def _resume(
    given: set[str],
    path: str,
    data: str | None,
    options: dict[str, Any],
    known: bool = False,
) -> None:
    """Go on with a run; ``known``: it was found by its options, which are therefore its own."""
    from stylegen.training import resume
    from stylegen.training.changes import CHANGEABLE, LOOP_CHANGEABLE

    fixed = sorted(given - CHANGEABLE - {"resume", "profile", "data"})
    if fixed and not known:
        raise InputError(f"{_flags(fixed)} cannot change when a run is resumed; leave it out")
    changes = _changes(given & LOOP_CHANGEABLE if known else given, options)
    with bar("reading", "img") as progress, training_bar() as report:
        outcome = resume(path, report, progress, _metric, options["profile"], data, **changes)
    echo_outcome(outcome)


def _augment(options: dict[str, Any], transferred: bool) -> AugmentConfig:
    speed = options.pop("ada_kimg")
    policy = tuple(part.strip() for part in options.pop("diffaug_policy").split(","))
    return AugmentConfig(
        kind=options.pop("augment"),
        pipe=options.pop("augpipe"),
        p=options.pop("augment_p"),
        target=options.pop("ada_target"),
        speed_kimg=(100.0 if transferred else 500.0) if speed is None else speed,
        max_p=options.pop("ada_max"),
        policy=policy,
    )


def _schedule(text: str | None, resolution: int) -> ScheduleConfig:
    from stylegen.training.presets import growing
    from stylegen.training.schedule import read_schedule

    if text is None:
        return ScheduleConfig()
    return read_schedule(growing(resolution) if text == "grow" else text)


def _transfer(options: dict[str, Any]) -> TransferConfig | None:
    snapshot, match, freeze = (options.pop(k) for k in ("transfer", "match", "freeze_d"))
    if snapshot is None:
        if freeze or match != "all":
            raise InputError("--match and --freeze-d need --transfer SNAPSHOT")
        return None
    return TransferConfig(snapshot=str(Path(snapshot).resolve()), match=match, freeze_d=freeze)


def _plan(data: str, options: dict[str, Any]) -> RunConfig:
    """Read the options of a new run."""
    from stylegen.data import open_images
    from stylegen.data.sizes import parse_resolution, resolution_of
    from stylegen.networks.shapes import shape_for
    from stylegen.training import Choices, plan_run

    name, resolution = options.pop("name"), options.pop("resolution")
    if options["batch_per_device"] == "auto":
        options["batch_per_device"] = None  # found later, of the whole plan
    config = DataConfig(
        path=str(Path(data).resolve()),
        resolution=None if resolution is None else parse_resolution(resolution),
        **{key: options.pop(key) for key in _DATA},
    )
    images = open_images(config)
    config = replace(config, resolution=resolution_of(images.width, images.height))
    options["transfer"] = _transfer(options)
    options["augment"] = _augment(options, options["transfer"] is not None)
    nominal, _ = shape_for(images.height, images.width)
    options["schedule"] = _schedule(options["schedule"], nominal)
    return plan_run(
        config,
        (images.height, images.width),
        images.num_classes,
        name or images.name,
        Choices(**_loop_numbers(options)),
        devices=_devices(),
    )


def _read_config(path: Path, data: str | None, options: dict[str, Any]) -> RunConfig:
    """Read the configuration of another run, and put this one's data, name and seed in it."""
    from stylegen import configs

    if not path.is_file():
        raise InputError(f"{path} is no file; wanted the config.json of a run")
    try:
        values = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON: {error}") from error
    config = configs.from_dict(RunConfig, values, str(path))
    if data is not None:
        config = replace(config, data=replace(config.data, path=str(Path(data).resolve())))
    return replace(config, **{k: v for k, v in options.items() if k == "name" and v is not None})


def _from_config(
    path: Path, data: str | None, given: set[str], options: dict[str, Any]
) -> RunConfig:
    """Read the configuration of another run, and apply what was given besides."""
    from stylegen.training.changes import CHANGEABLE, with_changes

    config = _read_config(path, data, options)
    if other := sorted(given - _WITH_CONFIG - CHANGEABLE):
        raise InputError(f"{_flags(other)} cannot be given with --config; edit the file instead")
    config = with_changes(config, _changes(given, options))
    loop = {name: options[name] for name in given & {"seed", "batch"}}
    return replace(config, loop=replace(config.loop, **loop))


def _fit(config: RunConfig) -> RunConfig:
    """Find what fits on a device, once, and say so."""
    from stylegen.training.rehearsal import fitting_batch
    from stylegen.training.world import world_of

    with world_of(config.loop.device) as world:
        fits = fitting_batch(config, world)
    if is_first_process():
        click.echo(f"batch per device: {fits}")
    return replace(config, loop=replace(config.loop, batch_per_device=fits))


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
    return metric_for_training(
        TrainingMetricConfig(
            data=config.data,
            metrics=loop.metrics,
            samples=loop.metric_images,
            max_images=loop.metric_max_reals,
            features=loop.metric_features,
            weights=loop.metric_weights,
        )
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
        run = _from_config(config, data, given, options)
    else:
        assert data is not None
        run = _plan(data, {k: v for k, v in options.items() if k != "profile"})
    if resume == "auto" and not dry_run and (found := _latest(out, run)) is not None:
        _resume(given, str(found), None, options, known=True)
        return
    run = _fit(run) if wants_fit else run
    if dry_run:
        _rehearse(run)
    else:
        _begin(run, out, options["profile"])
