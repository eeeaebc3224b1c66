"""Files: written whole or not at all, and where what can be made again is kept."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from stylegen.errors import InputError


def cache_folder() -> Path:
    """Return the user's cache folder: $STYLEGEN_CACHE, or stylegen in $XDG_CACHE_HOME.

    It may not exist yet.
    """
    if named := os.environ.get("STYLEGEN_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stylegen"


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], parents: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path``; at the end of the block it takes its place.

    When the block raises, ``path`` is as before and the temporary file is gone.

    Args:
        path: the file to write or replace.
        parents: create missing folders above it.

    Raises:
        InputError: its folder does not exist (and parents is False) or may not be
            written, or path is a folder.
    """
    path = Path(path)
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist; create it first.")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file in it.")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"The folder {path.parent} may not be written; choose another.")
    temporary = path.with_name(f".{secrets.token_hex(6)}{path.suffix}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
