"""One process at a time: a file lock that the system frees when its holder dies.

The file holds who has the lock. Who finds a name in it after taking the lock knows that the
holder died at work. Where the file system has no locks, or a holder never ends, the block is
entered all the same: what is done in it must bear that.
"""

import contextlib
import logging
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

if sys.platform != "win32":
    import fcntl

_log = logging.getLogger(__name__)

_ASK_EVERY_SEC = 0.1
_REMIND_EVERY_SEC = 60.0
LIMIT_SEC = 1800.0


def _is_at(file: TextIO, path: Path) -> bool:
    """Tell whether the path still names this file, which another process may have removed."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _take(path: Path) -> TextIO | None:
    """Open and lock the file at once, or return None if another holds it.

    Raises:
        OSError: the file cannot be written, or cannot be locked at all.
    """
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except BaseException:
        file.close()
        raise
    if _is_at(file, path):
        return file
    file.close()
    return None


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8").strip() or "another process"
    return "another process"


def _wait(path: Path, limit_sec: float) -> TextIO | None:
    """Take the lock; None if there is no locking here, or after the limit."""
    begin, remind_sec = time.monotonic(), 0.0
    path.open("a").close()  # says in its own words that the folder cannot be written
    while True:
        try:
            file = _take(path)
        except OSError as error:
            _log.info("no lock on %s: %s", path, error)
            return None
        waited_sec = time.monotonic() - begin
        if file is not None:
            return file
        if waited_sec >= limit_sec:
            _log.warning("not waiting any longer for %s, which holds %s", _holder(path), path)
            return None
        if waited_sec >= remind_sec:
            _log.warning("waiting for %s, which is building in %s", _holder(path), path.parent)
            remind_sec += _REMIND_EVERY_SEC
        time.sleep(_ASK_EVERY_SEC)


@contextlib.contextmanager
def alone(path: Path, limit_sec: float = LIMIT_SEC) -> Iterator[bool]:
    """Hold the lock ``path``, a file that is made, within the block.

    Args:
        path: the file; its folder exists.
        limit_sec: enter without the lock after waiting this long.

    Yields:
        Whether it is held.

    Raises:
        OSError: the file cannot be written.
    """
    file = _wait(path, limit_sec)
    if file is None:
        yield False
        return
    with file:
        file.seek(0)
        if left := file.read().strip():
            _log.warning("%s did not finish its build in %s; taking over", left, path.parent)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
        try:
            yield True
        finally:
            file.truncate(0)


def is_held(path: Path) -> bool:
    """Tell whether a living process holds the lock."""
    if not path.exists():
        return False
    try:
        file = _take(path)
    except OSError:
        return False
    if file is None:
        return True
    file.close()
    return False
