"""From the options of ``stylegen train`` to the configuration of a run, or to changes of one."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from stylegen.data.config import DataConfig
from stylegen.errors import InputError
from stylegen.training.augment.config import AugmentConfig
from stylegen.training.config import RunConfig, TransferConfig
from stylegen.training.schedule import ScheduleConfig

_DATA = ("channels", "background", "filter", "xflip", "labels")
_WITH_CONFIG = frozenset(("data", "out", "name", "config", "dry_run", "profile", "resume"))


def flags(names: list[str]) -> str:
    """Return options as users write them."""
    return ", ".join("--" + name.replace("_", "-") for name in names)


_FOR_KINDS = {
    "augpipe": ("ada", "fixed"),
    "augment_p": ("fixed",),
    "ada_target": ("ada",),
    "ada_kimg": ("ada",),
    "ada_max": ("ada",),
    "diffaug_policy": ("diffaug",),
}
_FOR_METRICS = frozenset(f"metric_{k}" for k in ("ticks", "images", "max_reals", "features"))


def check_used(given: set[str], config: RunConfig, dry_run: bool = False) -> None:
    """Refuse options that the run would take no notice of.

    Args:
        given: names of the options that were.
        config: the run, as they have made it.
        dry_run: nothing is trained.

    Raises:
        InputError: there is one.
    """
    for name, kinds in _FOR_KINDS.items():
        if name in given and not set(kinds) & set(config.augment_kinds):
            raise InputError(f"{flags([name])} needs --augment {' or '.join(kinds)}")
    if not config.loop.metrics:
        names = {**{k: k for k in _FOR_METRICS}, "metric_weights": "features_weights"}
        if unused := sorted(names[name] for name in given & names.keys()):
            raise InputError(f"without --metrics, such as fid,kid, leave out {flags(unused)}")
    if dry_run and "profile" in given:
        raise InputError("--profile is of a run's first steps, and --dry-run trains nothing")


def _devices() -> int:
    text = os.environ.get("WORLD_SIZE", "1")
    return int(text) if text.isdecimal() else 1


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _images_at_once(text: str | None) -> int | None:
    """Return the number; None where there is none yet: what fits is found of the whole plan."""
    if text is None or text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"--batch-per-device is {text!r}; wanted a number of at least 1, or auto")
    return int(text)


def loop_numbers(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with those of the loop as its configuration has them.

    Raises:
        InputError: one cannot be read.
    """
    read: dict[str, Any] = {
        "batch_per_device": _images_at_once,
        "snapshot_minutes": lambda minutes: minutes or None,
        "metrics": _names,
    }
    return {k: read[k](v) if k in read else v for k, v in options.items()}


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


def plan(data: str, options: dict[str, Any]) -> RunConfig:
    """Read the options of a new run.

    Raises:
        InputError: an option or the images cannot be used.
    """
    from stylegen.data import open_images
    from stylegen.data.sizes import parse_resolution, resolution_of
    from stylegen.networks.shapes import shape_for
    from stylegen.training import Choices, plan_run

    options = dict(options)
    name, resolution = options.pop("name"), options.pop("resolution")
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
        Choices(**loop_numbers(options)),
        devices=_devices(),
    )


def _read_config(path: Path, data: str | None, name: str | None) -> RunConfig:
    """Read the configuration of another run, and put this one's data and name in it."""
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
    return config if name is None else replace(config, name=name)


def from_config(
    path: Path, data: str | None, given: set[str], options: dict[str, Any]
) -> RunConfig:
    """Read the configuration of another run, and apply what was given besides.

    Raises:
        InputError: the file is no configuration, or what was given cannot change it.
    """
    from stylegen.training.changes import CHANGEABLE_ANEW, begun_anew

    if other := sorted(given - _WITH_CONFIG - CHANGEABLE_ANEW):
        raise InputError(f"{flags(other)} cannot be given with --config; edit the file instead")
    config = _read_config(path, data, options["name"])
    return begun_anew(config, loop_numbers({k: options[k] for k in given & CHANGEABLE_ANEW}))
