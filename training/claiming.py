"""One run of processes at a time trains in a folder: a lock that the system frees when they die."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from stylegen.errors import InputError
from stylegen.training.retention import remove_partial_files
from stylegen.training.world import World

if sys.platform != "win32":
    import fcntl

_log = logging.getLogger(__name__)
_held: set[IO[bytes]] = set()


def _let_go() -> None:
    """In a forked process: a worker that outlives a killed run by a moment holds no claim of it."""
    for file in _held:
        file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _take(folder: Path) -> IO[bytes] | None:
    """Lock a folder's ``.lock``; None: there are no locks here.

    Raises:
        InputError: another process holds it.
        OSError: the folder may not be written.
    """
    if sys.platform == "win32":
        return None
    file = (folder / ".lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise InputError(
            f"another process is training in {folder}; stop it before going on with the run"
        ) from error
    except OSError as error:
        file.close()
        text = "files cannot be locked in %s (%s): see to it that no other process trains there"
        _log.warning(text, folder, error)
        return None
    return file


@contextlib.contextmanager
def claimed(folder: Path, world: World) -> Iterator[None]:
    """Keep other runs' processes from training in a folder within the block.

    The first process claims it, and removes what killed writes left there; the others wait for its
    answer. Where the file system has no locks, the block is entered all the same, with a warning.

    Args:
        folder: the run's.
        world: the processes of the run.

    Raises:
        InputError: another run's process trains in it.
        OSError: the folder may not be written.
    """
    file, refusal = None, ""
    if world.is_first:
        try:
            file = _take(folder)
        except InputError as error:
            refusal = str(error)
    if refusal := world.first_says(refusal):
        raise InputError(refusal)
    if file is None:
        yield
        return
    with file:
        _held.add(file)
        try:
            remove_partial_files(folder)
            yield
        finally:
            _held.discard(file)
