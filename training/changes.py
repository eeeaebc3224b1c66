"""What of a run may change while it lasts: its end, its saving, its devices, and a few numbers.

A learning rate, R1 weight or batch that phases of the schedule have of their own is given as that
of the last phase; those of the others keep their ratio to it. A kind of augmentation is that of the
last phase, too, and of all others that had the same; those of another kind keep theirs.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from stylegen.errors import InputError
from stylegen.training.augment.config import Kind
from stylegen.training.config import RunConfig
from stylegen.training.schedule import PhaseConfig

_OF_LOOP = frozenset(
    (
        "kimg", "tick_kimg", "snapshot_kimg", "snapshot_minutes", "keep_snapshots",
        "disk_quota_gb", "max_minutes", "device", "precision", "num_low_precision_res",
        "batch_per_device", "metrics", "metric_ticks", "metric_images", "metric_max_reals",
        "metric_features", "metric_weights", "metric_minutes",
    )
)  # fmt: skip
_OF_AUGMENT = {
    "augment": "kind",
    "augpipe": "pipe",
    "augment_p": "p",
    "ada_target": "target",
    "ada_kimg": "speed_kimg",
    "ada_max": "max_p",
}
_NUMBERS = frozenset(("lr", "gamma", "style_mixing"))
LOOP_CHANGEABLE = _OF_LOOP
CHANGEABLE = _OF_LOOP | _NUMBERS | frozenset(_OF_AUGMENT)
CHANGEABLE_ANEW = CHANGEABLE | {"seed", "batch"}

_OfPhases = Literal["lr", "gamma", "batch"]


def _check_schedule(config: RunConfig, names: Iterable[str]) -> None:
    """Refuse what the schedule says instead."""
    for name in sorted(names):
        if any(ramp.of == name for ramp in config.schedule.ramps):
            raise InputError(
                f"{name} cannot change here: this run's schedule says what it is at each moment"
            )


def _in_ratio(name: _OfPhases, number: float, last: float, wanted: float) -> float:
    """Return what becomes of a number when that of the last phase becomes the wanted one."""
    if number == last:
        return wanted
    if last == 0:
        raise InputError(
            f"{name} cannot change here: it is 0 in the last phase of this run's schedule, so "
            "those of the others have no ratio to it"
        )
    changed = number * wanted / last
    if name != "batch":
        return changed
    if changed < 1 or changed != round(changed):
        raise InputError(
            f"batch cannot become {wanted:g} here: it is {last:g} in the last phase of this run's "
            f"schedule, and what is {number:g} before it would be {changed:g}"
        )
    return round(changed)


def _with_number(
    config: RunConfig, name: _OfPhases, usual: float, wanted: float
) -> tuple[RunConfig, Any]:
    """Change a number of the last phase, and those of the others in their ratio to it.

    Args:
        config: the run.
        name: of the number.
        usual: what it is where the phases do not say.
        wanted: what it shall be in the last phase.

    Returns:
        The run with its phases changed, and what the usual number becomes.
    """
    phases = config.schedule.phases
    own = [getattr(phase, name) for phase in phases] or [None]
    last = usual if own[-1] is None else own[-1]

    def follow(phase: PhaseConfig) -> PhaseConfig:
        value = getattr(phase, name)
        new: Any = {} if value is None else {name: _in_ratio(name, value, last, wanted)}
        return replace(phase, **new)

    schedule = replace(config.schedule, phases=tuple(map(follow, phases)))
    config = replace(config, schedule=schedule)
    return config, _in_ratio(name, usual, last, wanted) if None in own else wanted


def _with_numbers(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    """Change numbers that phases may have of their own."""
    if "lr" in changes:
        config, lr = _with_number(config, "lr", config.optimizer.generator_lr, changes["lr"])
        rates = replace(config.optimizer, generator_lr=lr, discriminator_lr=lr)
        config = replace(config, optimizer=rates)
    if "gamma" in changes:
        config, gamma = _with_number(config, "gamma", config.loss.r1_gamma, changes["gamma"])
        config = replace(config, loss=replace(config.loss, r1_gamma=gamma))
    if "batch" in changes:
        replace(config.loop, batch=changes["batch"])  # refuses what is no batch
        config, batch = _with_number(config, "batch", config.loop.batch, changes["batch"])
        config = replace(config, loop=replace(config.loop, batch=batch))
    return config


def _with_kind(config: RunConfig, wanted: Kind) -> RunConfig:
    """Change the augmentation of the last phase, and of all that have the same."""
    last, usual = config.augment_kinds[-1], config.augment.kind

    def follow(phase: PhaseConfig) -> PhaseConfig:
        return replace(phase, augment=wanted) if phase.augment == last else phase

    schedule = replace(config.schedule, phases=tuple(map(follow, config.schedule.phases)))
    changed = replace(config.augment, kind=wanted)  # refuses what is none
    augment = changed if usual == last else config.augment
    return replace(config, schedule=schedule, augment=augment)


def _changed(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    _check_schedule(config, changes)
    loop = {k: v for k, v in changes.items() if k in _OF_LOOP or k == "seed"}
    augment = {_OF_AUGMENT[k]: v for k, v in changes.items() if k in _OF_AUGMENT}
    kind = augment.pop("kind", None)
    loss = {k: v for k, v in changes.items() if k == "style_mixing"}
    config = replace(
        config,
        loop=replace(config.loop, **loop),
        loss=replace(config.loss, **loss),
        augment=replace(config.augment, **augment),
    )
    config = config if kind is None else _with_kind(config, kind)
    return _with_numbers(config, changes)


def with_changes(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    """Return a run's configuration with some of its values changed, for the run to go on with.

    Args:
        config: the run.
        changes: by the names in ``CHANGEABLE``.

    Raises:
        InputError: a value cannot change, or not to that.
    """
    if fixed := sorted(set(changes) - CHANGEABLE):
        raise InputError(f"{', '.join(fixed)} cannot change when a run is resumed")
    return _changed(config, changes)


def begun_anew(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    """Return a run's configuration with some of its values changed, for another run to begin with.

    Args:
        config: the run.
        changes: by the names in ``CHANGEABLE_ANEW``.

    Raises:
        InputError: a value cannot change, or not to that.
    """
    if fixed := sorted(set(changes) - CHANGEABLE_ANEW):
        raise InputError(f"{', '.join(fixed)} cannot change in a run's configuration")
    return _changed(config, changes)
