"""Options that would change nothing: they are refused, so that nobody believes they did."""

from collections.abc import Iterator

from stylegen.errors import InputError
from stylegen.metrics.catalogue import ALL, PATH_LENGTHS
from stylegen.metrics.config import EvaluateConfig
from stylegen.metrics.planning import Plan
from stylegen.metrics.sides_opening import is_reference, is_snapshot, name_of, snapshots_of

_USUAL = ("path_samples", "crop", "sweep", "sweep_samples", "lpips")
_DEFAULTS = {name: getattr(EvaluateConfig, name) for name in _USUAL}


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _given(config: EvaluateConfig, *names: str) -> list[str]:
    """Return which of the fields say other than what they say unasked."""
    return [name for name in names if getattr(config, name) != _DEFAULTS.get(name)]


def _of_drawing(config: EvaluateConfig) -> Iterator[tuple[list[str], str]]:
    """Yield options of drawn images where none are drawn."""
    sides = (config.a, config.against)
    drawn = any(is_snapshot(side) or snapshots_of(side) for side in sides)
    if not drawn:
        yield _given(config, "psi", "noise"), "of a snapshot's images, and no side is a snapshot"
    if not (drawn or any(map(callable, sides))):
        yield _given(config, "samples"), "of a snapshot's images, and no side is a snapshot"


def _of_metrics(
    config: EvaluateConfig, metrics: tuple[str, ...]
) -> Iterator[tuple[list[str], str]]:
    """Yield options of metrics that are not taken."""
    draws = is_snapshot(config.a) or bool(snapshots_of(config.a))
    everything = ALL in metrics
    walks = draws and (everything or bool(set(PATH_LENGTHS) & set(metrics)))
    if not (everything or "memorisation" in metrics):
        yield _given(config, "held_out", "mirror"), "of the metric memorisation, which is not taken"
    if not walks:
        yield _given(config, "crop", "path_samples"), "of path lengths, which are not taken"
    if not (walks or "lpips" in metrics):
        yield (
            _given(config, "lpips", "lpips_weights", "lpips_heads"),
            "of LPIPS, which is not taken",
        )
    if not (draws and (everything or "psi_sweep" in metrics)):
        yield (
            _given(config, "sweep", "sweep_samples"),
            "of the metric psi_sweep, which is not taken",
        )


def _of_reading(config: EvaluateConfig) -> Iterator[tuple[list[str], str]]:
    """Yield options of reading images where none are read."""
    if not is_reference(config.against):
        return
    held = f"of reading images, and {name_of(config.against)} holds statistics alone"
    yield _given(config, "max_images"), held
    if is_snapshot(config.a) or snapshots_of(config.a):
        yield _given(config, "resolution", "filter"), held


def refuse_ignored(config: EvaluateConfig, plan: Plan) -> None:
    """Refuse what would change nothing.

    Args:
        config: what was asked for.
        plan: what is taken.

    Raises:
        InputError: an option has no effect on these sides and metrics.
    """
    found = (*_of_reading(config), *_of_drawing(config), *_of_metrics(config, plan.metrics))
    for names, reason in found:
        if names:
            options = ", ".join(map(_option, names))
            verb = "is" if len(names) == 1 else "are"
            raise InputError(f"{options} {verb} {reason}: it would change nothing; leave it out")
