"""What of a run may change while it lasts: its end, its saving, its devices, and a few numbers."""

from dataclasses import replace
from typing import Any

from stylegen.errors import InputError
from stylegen.training.config import RunConfig

_OF_LOOP = frozenset(
    (
        "kimg", "tick_kimg", "snapshot_kimg", "snapshot_minutes", "keep_snapshots",
        "disk_quota_gb", "max_minutes", "device", "precision", "num_low_precision_res",
        "batch_per_device", "metrics", "metric_ticks", "metric_images", "metric_max_reals",
        "metric_features", "metric_weights",
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


def _check_schedule(config: RunConfig, names: set[str]) -> None:
    """Refuse numbers that the schedule says instead."""
    schedule = config.schedule
    for name in sorted(names):
        ramped = any(ramp.of == name for ramp in schedule.ramps)
        if ramped or any(getattr(phase, name, None) is not None for phase in schedule.phases):
            raise InputError(
                f"{name} cannot change here: this run's schedule says what it is at each moment"
            )


def with_changes(config: RunConfig, changes: dict[str, Any]) -> RunConfig:
    """Return a run's configuration with some of its values changed.

    Args:
        config: the run.
        changes: by the names in ``CHANGEABLE``.

    Raises:
        InputError: a value cannot change, or not to that.
    """
    if fixed := sorted(set(changes) - CHANGEABLE):
        raise InputError(f"{', '.join(fixed)} cannot change when a run is resumed")
    _check_schedule(config, set(changes) & (_NUMBERS | {"augment"}))
    loop = replace(config.loop, **{k: v for k, v in changes.items() if k in _OF_LOOP})
    augment = {_OF_AUGMENT[k]: v for k, v in changes.items() if k in _OF_AUGMENT}
    loss, optimizer = config.loss, config.optimizer
    if "lr" in changes:
        lr = changes["lr"]
        optimizer = replace(optimizer, generator_lr=lr, discriminator_lr=lr)
    if "gamma" in changes:
        loss = replace(loss, r1_gamma=changes["gamma"])
    if "style_mixing" in changes:
        loss = replace(loss, style_mixing=changes["style_mixing"])
    return replace(
        config,
        loop=loop,
        loss=loss,
        optimizer=optimizer,
        augment=replace(config.augment, **augment),
    )
