"""Which run a user means: a folder, one of its snapshots, or the last one begun like this."""

import dataclasses
from pathlib import Path

from stylegen.checkpoints import SUFFIX, read_info
from stylegen.errors import InputError
from stylegen.training.config import RunConfig
from stylegen.training.folder import STATE_NAME, RunFolder
from stylegen.training.state import read_saved


def run_folder(path: str | Path) -> RunFolder:
    """Return the run of a folder, or of a snapshot in it.

    Raises:
        InputError: there is no run, or the snapshot is not where its state stands.
    """
    path = Path(path)
    if path.is_dir() or path.suffix != SUFFIX:
        return RunFolder(path)
    folder = RunFolder(path.parent)
    if not path.is_file():
        raise InputError(f"{path} is no file; wanted a run's folder or its newest snapshot")
    if path.name == STATE_NAME:
        return folder
    kimg, shown = read_info(path).kimg, read_saved(folder.state).images_shown
    if round(kimg * 1000) != shown:
        raise InputError(
            f"{path.name} is of {kimg:g} kimg, but {folder.path} can only go on from its last save "
            f"at {shown / 1000:g} kimg: resume the folder, or begin a run from this snapshot with "
            "--transfer"
        )
    return folder


def _comparable(config: RunConfig, changeable: frozenset[str]) -> RunConfig:
    usual = type(config.loop)()
    loop = dataclasses.replace(
        config.loop, **{name: getattr(usual, name) for name in changeable if hasattr(usual, name)}
    )
    return dataclasses.replace(config, loop=loop)


def latest_like(out: str | Path, config: RunConfig, changeable: frozenset[str]) -> Path | None:
    """Return the newest run in a folder that was begun with the same configuration.

    Args:
        out: the folder of all runs; it need not exist.
        config: the configuration.
        changeable: names of the loop's numbers that may differ.

    Returns:
        The run's folder; None: there is none that has been saved.
    """
    out = Path(out)
    wanted = _comparable(config, changeable)
    for path in sorted(out.iterdir(), reverse=True) if out.is_dir() else ():
        folder = RunFolder(path)
        if not folder.state.is_file():
            continue
        try:
            if _comparable(folder.read_config(), changeable) == wanted:
                return path
        except InputError:
            continue
    return None
