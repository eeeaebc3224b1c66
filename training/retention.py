"""Which snapshots of a run are kept, and what happens when the disk is full.

The newest and the best always stay; of the others the last K, as far as the quota allows. Sample
grids stay, unless there is a quota: then each goes with its snapshot.
"""

import errno
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stylegen.checkpoints import SUFFIX, read_header
from stylegen.checkpoints.snapshot import KIND
from stylegen.errors import InputError
from stylegen.files import size_words

_log = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NAME = re.compile(rf"snapshot-\d+(?:\.\d+)?{re.escape(SUFFIX)}")
_GRID = re.compile(r"fakes(\d+(?:\.\d+)?)\.png")
_PARTIAL = re.compile(r"\.[0-9a-f]{12}(?:\.\w+)?\.part")  # as stylegen.files.atomic_path calls them
_GB = 1e9


def grid_of(snapshot: Path) -> Path:
    """Return where the sample grid of a snapshot lies."""
    return snapshot.with_name(snapshot.stem.replace("snapshot-", "fakes") + ".png")


def sidecars(snapshot: Path, with_grid: bool = False) -> list[Path]:
    """Return the files that were written with a snapshot and go with it."""
    both = (snapshot.with_suffix(".json"), *([grid_of(snapshot)] if with_grid else []))
    return [path for path in both if path.is_file()]


def other_bytes(folder: Path, snapshots: Sequence[Path]) -> int:
    """Return what the files of a folder take besides snapshots and all that goes with them."""
    known = {file for path in snapshots for file in (path, *sidecars(path, with_grid=True))}
    others = (p for p in folder.iterdir() if p not in known and p.is_file() and not p.is_symlink())
    return sum(path.stat().st_size for path in others)


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Which snapshots are kept.

    Attributes:
        keep_last: how many of the newest; None: all.
        keep_best: keep the best by metric, however old.
        quota_gb: all that are kept, and what else lies in the folder, take at most this, in units
            of 10^9 bytes; None: no limit. The newest and the best are kept even where they alone
            take more.
    """

    keep_last: int | None = None
    keep_best: bool = True
    quota_gb: float | None = None

    def __post_init__(self) -> None:
        if self.keep_last is not None and self.keep_last < 1:
            raise InputError(f"keep_last is {self.keep_last}; wanted at least 1")
        if self.quota_gb is not None and not self.quota_gb > 0:
            raise InputError(f"quota_gb is {self.quota_gb}; wanted more than 0")

    def plan(
        self, snapshots: Sequence[tuple[Path, int]], best: Path | None, reserved_bytes: int = 0
    ) -> list[Path]:
        """Decide which snapshots go. Touches nothing.

        Args:
            snapshots: (path, bytes with all that belongs to it), oldest first.
            best: the best by metric, if known.
            reserved_bytes: taken from the quota by other files, such as the training state.

        Returns:
            Those to delete, oldest first.
        """
        paths = [path for path, _ in snapshots]
        sizes = dict(snapshots)
        always = set(paths[-1:])
        if self.keep_best and best in sizes:
            always.add(best)
        first = 0 if self.keep_last is None else max(len(paths) - self.keep_last, 0)
        kept = [p for i, p in enumerate(paths) if i >= first or p in always]
        if self.quota_gb is not None:
            room = self.quota_gb * _GB - reserved_bytes
            for path in [p for p in kept if p not in always]:  # the oldest go first
                if sum(sizes[p] for p in kept) <= room:
                    break
                kept.remove(path)
        return [p for p in paths if p not in kept]

    def has_room(self, snapshots: Sequence[Path], best: Path | None, reserved_bytes: int) -> bool:
        """Tell whether what always stays fits into the quota beside other files.

        Args:
            snapshots: those that the run wrote, oldest first.
            best: the best by metric, if known.
            reserved_bytes: of the other files.
        """
        if self.quota_gb is None:
            return True
        own = [p for p in snapshots if _is_own(p)]
        always = {*own[-1:], *(p for p in own if self.keep_best and p == best)}
        return sum(self._size(p) for p in always) + reserved_bytes <= self.quota_gb * _GB

    def prune(
        self, snapshots: Sequence[Path], best: Path | None, reserved_bytes: int = 0
    ) -> list[Path]:
        """Delete the snapshots that are not to be kept, and their sidecars.

        Links, folders, files of other names and those that are no whole snapshots are neither
        counted nor touched: the run has not written them. What cannot be deleted is warned of.

        Args:
            snapshots: those that the run wrote, oldest first.
            best: the best by metric, if known.
            reserved_bytes: taken from the quota by other files, such as the training state.

        Returns:
            Those that were deleted.
        """
        own = [(p, self._size(p)) for p in snapshots if _is_own(p)]
        going = self.plan(own, best, reserved_bytes)
        self._tell_if_over(sum(size for p, size in own if p not in going) + reserved_bytes)
        return [path for path in going if self._delete(path)]

    def prune_grids(self, folder: Path) -> None:
        """Delete sample grids whose snapshots are gone, where there is a quota."""
        for grid in folder.iterdir() if self.quota_gb is not None else ():
            match = _GRID.fullmatch(grid.name)
            if match is None or (folder / f"snapshot-{match[1]}{SUFFIX}").exists():
                continue
            try:
                grid.unlink()
            except OSError as error:
                _log.warning("the old sample grid %s cannot be deleted: %s", grid, error)

    def _sidecars(self, snapshot: Path) -> list[Path]:
        return sidecars(snapshot, with_grid=self.quota_gb is not None)

    def _size(self, snapshot: Path) -> int:
        return sum(p.stat().st_size for p in (snapshot, *self._sidecars(snapshot)))

    def _delete(self, snapshot: Path) -> bool:
        try:
            for file in (*self._sidecars(snapshot), snapshot):  # killed between: it is found again
                file.unlink()
        except OSError as error:
            _log.warning("the old snapshot %s cannot be deleted: %s", snapshot, error)
            return False
        return True

    def _tell_if_over(self, kept_bytes: int) -> None:
        if self.quota_gb is not None and kept_bytes > self.quota_gb * _GB:
            text = "what must be kept takes %s, more than the quota of %s"
            _log.warning(text, size_words(kept_bytes), size_words(self.quota_gb * _GB))


def _is_own(path: Path) -> bool:
    if _NAME.fullmatch(path.name) is None or path.is_symlink() or not path.is_file():
        return False
    try:
        read_header(path, KIND)
    except (InputError, OSError):
        return False
    return True


def partial_files(folder: Path) -> set[Path]:
    """Return the temporary files of writes that are under way or were killed."""
    return {p for p in folder.iterdir() if _PARTIAL.fullmatch(p.name) and p.is_file()}


def remove_partial_files(folder: Path) -> list[Path]:
    """Delete what killed writes left behind. Only while nothing else writes into the folder.

    Returns:
        What was deleted.
    """
    removed = []
    for path in sorted(partial_files(folder)):
        path.unlink(missing_ok=True)
        removed.append(path)
    return removed


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error, or one that it came from, says that no more can be written.

    That is a full disk, a full quota, or a file larger than the system allows; safetensors gives
    the number in the text of its message.
    """
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        match = re.search(r"\(os error (\d+)\)", str(cause))
        if match is not None and int(match[1]) in _FULL:
            return True
    return False


def try_write(
    action: Callable[[], object],
    what: str,
    kept: str = "",
    folder: Path | None = None,
    goes_on: bool = True,
) -> bool:
    """Write something; a full disk is warned of instead of ending the run.

    Args:
        action: writes it, or raises.
        what: what it writes, for the warning.
        kept: what stays as it was, for the warning, such as "snapshot-000200.safetensors".
        folder: where to remove the temporary files that the failed write left.
        goes_on: the training does, after this; the warning says so.

    Returns:
        Whether it was written.

    Raises:
        Exception: whatever the action raises but for a full disk.
    """
    before = partial_files(folder) if folder is not None else set()
    try:
        action()
    except Exception as error:
        if not is_disk_full(error):
            raise
        for path in partial_files(folder) - before if folder is not None else ():
            path.unlink(missing_ok=True)
        still = f"; {kept} is kept" if kept else ""
        do = "The training goes on; make" if goes_on else "Make"
        text = "the disk is full: %s is not written%s. %s room, or lower the number of snapshots "
        _log.warning(text + "kept (%s)", what, still, do, error)
        return False
    return True
