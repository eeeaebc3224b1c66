"""The folder in which what was made of image sets is kept, and its limit.

It lies in the user's cache (STYLEGEN_CACHE or XDG_CACHE_HOME) under ``data``. Nothing in it is
needed: what is missing, damaged or in the way is made again.
"""

import contextlib
import logging
import os
import time
from pathlib import Path

from stylegen.errors import InputError
from stylegen.files import cache_folder

_log = logging.getLogger(__name__)

LIMIT_NAME = "STYLEGEN_DATA_CACHE_GB"
LIMIT_GB = 20.0
WORTH_SEC = 1.0  # what took less time to make is not kept
_LEFT_BEHIND_SEC = 24 * 3600.0


def data_cache() -> Path:
    """Return the folder; it may not exist yet."""
    return cache_folder() / "data"


def limit_bytes() -> int:
    """Return how much may lie in the folder: STYLEGEN_DATA_CACHE_GB, 20 without it; 0 turns it off.

    Raises:
        InputError: the variable is no number of at least 0.
    """
    text = os.environ.get(LIMIT_NAME, "").strip() or str(LIMIT_GB)
    with contextlib.suppress(ValueError, OverflowError):
        if (value := float(text)) >= 0:
            return int(value * 1e9)
    raise InputError(f"{LIMIT_NAME} is {text!r}; wanted a number of gigabytes, 0 for no cache.")


def mark_used(path: Path) -> None:
    """Make a file the last to be removed; without the right to do so, nothing happens."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _entries(folder: Path) -> list[tuple[float, int, Path]]:
    """Return (last use, bytes, path) of each file, the longest unused first."""
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process may remove it
            at = path.stat()
            found.append((at.st_mtime, at.st_size, path))
    return sorted(found)


def make_room(folder: Path, needed_bytes: int) -> bool:
    """Remove files, the longest unused first, until as much fits under the limit.

    A set in use by another process stays readable to it. Unfinished files of processes that died
    are removed after a day.

    Returns:
        Whether it fits now.

    Raises:
        InputError: the limit cannot be read.
    """
    limit = limit_bytes()
    if needed_bytes > limit:
        return False
    entries = _entries(folder)
    total = sum(size for _, size, _ in entries)
    for used, size, path in entries:
        is_left = path.suffix == ".part" and time.time() - used > _LEFT_BEHIND_SEC
        is_over = path.suffix != ".part" and total + needed_bytes > limit
        if is_left or is_over:
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
                _log.info("removed %s from the cache", path)
    return total + needed_bytes <= limit
