"""Which run a user means: a folder, one of its snapshots, or the last one begun like this."""

import dataclasses
import logging
import os
from pathlib import Path
from typing import Any

from stylegen import configs
from stylegen.checkpoints import SUFFIX, read_info
from stylegen.errors import InputError
from stylegen.precision import CONV_CLAMP
from stylegen.training.config import RunConfig
from stylegen.training.folder import EARLIER_STATE_NAME, STATE_NAME, RunFolder
from stylegen.training.rules import auto_conv_clamp
from stylegen.training.state import read_saved

_log = logging.getLogger(__name__)
_TOLD = 4  # values of the nearest run that differ


def run_folder(path: str | Path) -> RunFolder:
    """Return the run of a folder, or of a snapshot or state in it.

    Raises:
        InputError: there is no run, or the snapshot is not where its state stands.
    """
    path = Path(path)
    if path.is_dir() or path.suffix != SUFFIX:
        return RunFolder(path)
    folder = RunFolder(path.parent)
    if not path.is_file():
        raise InputError(f"{path} is no file; wanted a run's folder or its newest snapshot")
    if path.name in (STATE_NAME, EARLIER_STATE_NAME):
        return folder
    kimg, shown = read_info(path).kimg, read_saved(folder.state).images_shown
    if round(kimg * 1000) != shown:
        raise InputError(
            f"{path.name} is of {kimg:g} kimg, but {folder.path} can only go on from its last save "
            f"at {shown / 1000:g} kimg: resume the folder, or begin a run from this snapshot with "
            "--transfer"
        )
    return folder


def state_of(path: str | Path, folder: RunFolder) -> Path:
    """Return the state to go on from: a run's last one, unless the one before it is meant."""
    return folder.earlier_state if Path(path).name == EARLIER_STATE_NAME else folder.state


def _comparable(config: RunConfig, changeable: frozenset[str]) -> RunConfig:
    usual = type(config.loop)()
    loop = dataclasses.replace(
        config.loop, **{name: getattr(usual, name) for name in changeable if hasattr(usual, name)}
    )
    return dataclasses.replace(config, loop=loop)


def _clamped_as(found: RunConfig, wanted: RunConfig) -> RunConfig:
    """Return a run with the clamp of another, where each may be the usual one of its device."""
    clamps = {c.conv_clamp for r in (found, wanted) for c in (r.generator, r.discriminator)}
    clamp = wanted.generator.conv_clamp
    if clamps != {None, CONV_CLAMP} or clamp != auto_conv_clamp(wanted.loop):
        return found
    return dataclasses.replace(
        found,
        generator=dataclasses.replace(found.generator, conv_clamp=clamp),
        discriminator=dataclasses.replace(found.discriminator, conv_clamp=clamp),
    )


def _versions(folder: RunFolder) -> list[RunConfig]:
    """Return a run's configuration, and the one it began with, wherever its images lie now."""
    try:
        now, begun = folder.read_config(), folder.read_begun_config()
    except InputError:
        return []
    return [now, begun, dataclasses.replace(begun, data=now.data)]


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        where = f"{before}{name}"
        flat |= _flat(value, f"{where}.") if isinstance(value, dict) else {where: value}
    return flat


def _differences(there: RunConfig, here: RunConfig) -> list[str]:
    """Say which values differ, in words."""
    theirs, ours = _flat(configs.to_dict(there)), _flat(configs.to_dict(here))
    names = [n for n in theirs | ours if theirs.get(n) != ours.get(n)]
    return [f"{n} is {theirs.get(n)!r} there, {ours.get(n)!r} here" for n in names]


def _say(level: int, text: str, *values: object) -> None:
    if os.environ.get("RANK", "0") == "0":  # else each process that torchrun started would
        _log.log(level, text, *values)


def _tell_found(path: Path, now: RunConfig, wanted: RunConfig) -> None:
    """Say which run goes on, and which of its numbers are no longer those it began with."""
    kept = "; ".join(_differences(now, wanted))
    if kept:
        _say(logging.WARNING, "going on with %s, which keeps its numbers: %s", path, kept)
    else:
        _say(logging.INFO, "going on with %s", path)


def _tell_none(out: Path, others: list[tuple[Path, list[str]]]) -> None:
    """Say that there is no such run, and what is nearest."""
    if not others:
        _say(logging.INFO, "no run in %s: this begins one", out)
        return
    path, differences = min(others, key=lambda pair: len(pair[1]))
    more = "" if len(differences) <= _TOLD else f"; and {len(differences) - _TOLD} more"
    text = "no run in %s was begun with these settings: this begins a new one. %s is nearest: %s%s"
    _say(logging.WARNING, text, out, path.name, "; ".join(differences[:_TOLD]), more)


def latest_like(out: str | Path, config: RunConfig, changeable: frozenset[str]) -> Path | None:
    """Return the newest run in a folder that was begun with the same configuration, or has it now.

    What it does is logged: which run goes on, and what has changed in it since; or that there is
    none, and what the nearest one differs in.

    Args:
        out: the folder of all runs; it need not exist.
        config: the configuration.
        changeable: names of the loop's numbers that may differ. So may the networks' clamp, where
            it is the usual one of another device.

    Returns:
        The run's folder; None: there is none that has been saved.
    """
    out, wanted = Path(out), _comparable(config, changeable)
    others = []
    for path in sorted(out.iterdir(), reverse=True) if out.is_dir() else ():
        folder = RunFolder(path)
        if not folder.state.is_file() or not (versions := _versions(folder)):
            continue
        now, *begun = (_comparable(_clamped_as(v, config), changeable) for v in versions)
        if wanted in (now, *begun):
            _tell_found(path, now, wanted)
            return path
        others.append((path, _differences(now, wanted)))
    _tell_none(out, others)
    return None
