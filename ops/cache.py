"""Where builds are kept, and what lies there.

TORCH_EXTENSIONS_DIR, or else STYLEGEN_CACHE or XDG_CACHE_HOME, says where; it may be shared with
other programs, and with other machines.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from stylegen.files import cache_folder
from stylegen.ops.locking import is_held

LOCK = "in_use"
_OURS = re.compile(r"ops-(?:(?:cpu|cuda)-)?[0-9a-f]{16}")


def build_folder() -> Path:
    """Return the folder in which builds are kept; it may not exist yet."""
    root = os.environ.get("TORCH_EXTENSIONS_DIR")
    return Path(root) if root else cache_folder()


@dataclass(frozen=True, kw_only=True)
class CachedBuild:
    """A build in the cache.

    Attributes:
        path: its folder.
        size_bytes: of all files in it.
        in_use: whether a process is building in it now.
    """

    path: Path
    size_bytes: int
    in_use: bool


def _size_bytes(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except FileNotFoundError:  # a build at work makes and removes files
                continue
    return total


def cached_builds(folder: Path | None = None) -> list[CachedBuild]:
    """Return the builds that lie in a folder, finished or not.

    Args:
        folder: where builds are kept; None: the user's cache.
    """
    folder = folder or build_folder()
    if not folder.is_dir():
        return []
    paths = (path for path in sorted(folder.iterdir()) if _OURS.fullmatch(path.name))
    return [
        CachedBuild(path=path, size_bytes=_size_bytes(path), in_use=is_held(path / LOCK))
        for path in paths
        if path.is_dir()
    ]


def remove_build(build: CachedBuild) -> None:
    """Remove a build; a process that has loaded it is not disturbed.

    Raises:
        OSError: a file cannot be removed.
    """
    shutil.rmtree(build.path)
