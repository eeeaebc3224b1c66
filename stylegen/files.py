"""Files: written whole or not at all, and where what can be made again is kept."""

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from stylegen.errors import InputError


def cache_folder() -> Path:
    """Return the user's cache folder: $STYLEGEN_CACHE, or stylegen in $XDG_CACHE_HOME.

    It may not exist yet.
    """
    if named := os.environ.get("STYLEGEN_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stylegen"


def size_words(count: float) -> str:
    """Return a number of bytes in words, in powers of 1000: "512 B", "1.5 KB", "20 GB"."""
    for unit in ("B", "KB", "MB"):
        if round(count, 1) < 1000:
            return f"{count:.4g} {unit}"
        count /= 1000
    return f"{count:.4g} GB"


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file, hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(path: str | os.PathLike[str], parents: bool = False) -> None:
    """Find out before some long work whether a file could be written or replaced.

    Args:
        path: the file.
        parents: missing folders above it will be made.

    Raises:
        InputError: its folder does not exist (and parents is False) or may not be written, or
            path is a folder.
    """
    path = Path(path)
    folder = path.parent
    if parents:
        folder = next(above for above in path.absolute().parents if above.exists())
    if parents and not folder.is_dir():
        raise InputError(f"{folder} is a file; wanted a folder")
    if not folder.is_dir():
        raise InputError(f"The folder {folder} does not exist; create it first.")
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file in it.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"The folder {folder} may not be written; choose another.")


def _identity(path: Path) -> tuple[int, int] | None:
    """Tell files apart whatever way leads to them; None for a file that is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def refuse_replacing(outputs: Iterable[Path], read: Mapping[Path, str]) -> None:
    """Refuse to write what is read: such a file is never replaced, not even when asked to.

    Args:
        outputs: files that will be written.
        read: files that are read, with what each is, such as "one of the photos".

    Raises:
        InputError: an output is one of them, by whatever path.
    """
    kinds = {_identity(path): kind for path, kind in read.items()}
    kinds.pop(None, None)
    for path in outputs:
        if (found := _identity(path)) in kinds:
            raise InputError(f"{path} is {kinds[found]}; take another folder or name")


def _sync(path: Path, flags: int) -> None:
    """Wait until what was written is on the disk; some file systems cannot say."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    """Wait until a folder's names are on the disk; Windows has no such thing."""
    if os.name == "posix":
        with contextlib.suppress(PermissionError):  # one may write into it, but not read it
            _sync(path, os.O_RDONLY)


@contextlib.contextmanager
def atomic_path(
    path: str | os.PathLike[str], parents: bool = False, durable: bool = True
) -> Iterator[Path]:
    """Give a temporary path beside ``path``; at the end of the block it takes its place.

    When the block raises, ``path`` is as before and the temporary file is gone. When it does not,
    the file is on the disk, so that a power cut leaves the old one or the new one, whole.

    Args:
        path: the file to write or replace.
        parents: create missing folders above it.
        durable: wait until it is on the disk; False: what reads it notices if a power cut left it
            empty, and makes it again.

    Raises:
        InputError: its folder does not exist (and parents is False) or may not be
            written, or path is a folder.
        OSError: the disk refuses.
    """
    path = Path(path)
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    check_writable(path)
    temporary = path.with_name(f".{secrets.token_hex(6)}{path.suffix}.part")
    try:
        yield temporary
        if durable:
            _sync(temporary, os.O_RDWR)  # Windows wants the right to write
        os.replace(temporary, path)
        if durable:
            _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
