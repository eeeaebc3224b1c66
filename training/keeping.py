"""What a run keeps on disk: snapshots and sample grids, the state to go on from, the best so far.

Each file is written beside its name and moved there whole. Saving draws no random number, so a run
is the same however often it is saved.
"""

import contextlib
import logging
import math
import os
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from stylegen.checkpoints import SnapshotInfo, read_info, save_snapshot
from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.images import make_grid, save_image
from stylegen.networks.growing import faded
from stylegen.training.folder import RunFolder
from stylegen.training.grids import for_the_board, grid_shape, sample_grid
from stylegen.training.health.watch import lower_is_better
from stylegen.training.provenance import provenance
from stylegen.training.retention import Retention, grid_of, other_bytes, try_write
from stylegen.training.run import Run
from stylegen.training.state import save_state
from stylegen.training.statistics import StatisticsWriter
from stylegen.training.words import kimg_words

_log = logging.getLogger(__name__)
_AT_ONCE = 8  # images of the grid; training held more


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best snapshot so far.

    Attributes:
        metric: by which.
        value: of it.
        kimg: when.
        snapshot: name of the file.
    """

    metric: str
    value: float
    kimg: float
    snapshot: str


def _shown(snapshot: Path) -> int | None:
    """Return the images shown until a snapshot; None: there is none that can be read."""
    kimg = _moment(snapshot)
    return None if kimg is None else round(kimg * 1000)


def _moment(snapshot: Path) -> float | None:
    """Return the kimg of a snapshot; None: there is none that can be read."""
    try:
        return read_info(snapshot).kimg if snapshot.is_file() else None
    except InputError:
        return None


class Keeper:
    """Saves a run and prunes what it saved.

    Args:
        run: the run.
        folder: where it writes.
        writer: shows the grids.
        kept: what :meth:`state` gave when the run was saved that goes on; None: it begins.
        is_before_state: it goes on from the state before the last one.

    Attributes:
        best: the best snapshot so far, by the run's first metric; None: none is known.
        last_images: images shown at the last save.
        saved_images: images shown when all was last written; None: it never was.
        newest: the newest snapshot.
    """

    def __init__(
        self,
        run: Run,
        folder: RunFolder,
        writer: StatisticsWriter,
        kept: dict[str, Any] | None = None,
        is_before_state: bool = False,
    ) -> None:
        self.run, self.folder, self.writer = run, folder, writer
        kept = kept or {}
        self.best = None if kept.get("best") is None else Best(**kept["best"])
        self.last_images = int(kept.get("last_images", 0))
        self._last_sec = time.perf_counter()
        self._state_images = run.trainer.images_shown if kept else None
        self._is_before_state = is_before_state
        self.newest = self._last_snapshot()
        is_whole = self.newest is not None and _moment(self.newest) == run.kimg
        self.saved_images = self._state_images if is_whole and not is_before_state else None
        loop = run.config.loop
        self._retention = Retention(
            keep_last=loop.keep_snapshots or None, quota_gb=loop.disk_quota_gb
        )
        if kept:  # it may have been killed before it pruned
            self._prune()

    def state(self) -> dict[str, Any]:
        """Return the plain values that go on with the run."""
        best = None if self.best is None else vars(self.best)
        return {"best": best, "last_images": self.last_images}

    @property
    def is_saved(self) -> bool:
        """Whether the run is saved as it is now."""
        return self.saved_images == self.run.trainer.images_shown

    def is_due(self) -> bool:
        """Tell whether it is time to save: past a multiple of snapshot_kimg, or by the clock."""
        loop = self.run.config.loop
        every = round(loop.snapshot_kimg * 1000)
        if self.run.trainer.images_shown // every > self.last_images // every:
            return True
        minutes = loop.snapshot_minutes
        return minutes is not None and time.perf_counter() - self._last_sec >= minutes * 60

    def write_reals(self) -> None:
        """Write reals.png, the beginning of the set."""
        images = self.run.images
        columns, rows = grid_shape(images.height, images.width)
        count = min(columns * rows, len(images))
        pixels = torch.stack([images[i][0] for i in range(count)])
        write = partial(save_image, make_grid(pixels, columns), self.folder.reals)
        try_write(write, self.folder.reals.name, folder=self.folder.path)

    def save(self, header: dict[str, Any], is_last: bool = False) -> bool:
        """Write a snapshot, its sample grid and the state; then prune.

        A full disk is warned of, and the last state stays, with the snapshot of its moment.

        Args:
            header: plain values to keep with the state.
            is_last: the run ends here.

        Returns:
            Whether all was written.
        """
        self.last_images = self.run.trainer.images_shown
        is_written = self._save_snapshot(is_last) and self._save_state(header, is_last)
        self._last_sec = time.perf_counter()
        if is_written:
            self.saved_images = self.last_images
        elif not self._is_before_state:
            self.folder.earlier_state.unlink(missing_ok=True)  # room for the next save
        self._prune()
        return is_written

    def _save_snapshot(self, is_last: bool) -> bool:
        path, folder = self._free_name(), self.folder.path
        last = "the last save" if self.folder.state.is_file() else ""
        kept = last if self.newest is None else self.newest.name
        write = partial(self._write_snapshot, path)
        if not try_write(write, path.name, kept, folder, not is_last):
            return False
        self.newest = path
        try_write(partial(self._write_grid, path), "its sample grid", folder=folder)
        return True

    def _save_state(self, header: dict[str, Any], is_last: bool) -> bool:
        state, kept = self.folder.state, ""
        if self._state_images is not None:
            kept = f"the one of {kimg_words(self._state_images / 1000)} kimg"
        write = partial(self._write_state, header)
        return try_write(write, state.name, kept, self.folder.path, not is_last)

    def go_back(self, kept: dict[str, Any]) -> None:
        """Forget what was saved after a state that the run has gone back to.

        Args:
            kept: what :meth:`state` gave then.
        """
        if self.best is not None and self.best.kimg > self.run.kimg:
            best = None if kept.get("best") is None else Best(**kept["best"])
            is_there = best is not None and (self.folder.path / best.snapshot).is_file()
            self.best = best if is_there else None
        self.newest, self.saved_images = self._last_snapshot(), None
        shown = self.run.trainer.images_shown
        self._is_before_state = self._state_images is not None and shown < self._state_images

    def mark(self, header: dict[str, Any], metric: str, value: float) -> None:
        """Note what was measured of the newest snapshot, which is of this moment; then prune.

        Args:
            header: plain values to keep with the state, which is written anew.
            metric: the run's first one.
            value: of the newest snapshot.
        """
        assert self.is_saved
        assert self.newest is not None
        if self._is_better(metric, value):
            name = self.newest.name
            self.best = Best(metric=metric, value=value, kimg=self.run.kimg, snapshot=name)
        state, write = self.folder.state, partial(self._write_state, header)
        try_write(write, state.name, "the one without the last metrics", self.folder.path)
        self._prune()

    def _is_better(self, metric: str, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.best is None or self.best.metric != metric:
            return True
        is_less = value < self.best.value
        return is_less if lower_is_better(metric) else value > self.best.value

    def _free_name(self) -> Path:
        """Name the next snapshot; one of the same moment, from before a kill, is replaced."""
        path = self.folder.snapshot(self.run.kimg)
        plain = path.with_name(f"snapshot-{int(self.run.kimg):06d}{path.suffix}")
        same = (p for p in (plain, *self.folder.snapshots()) if _moment(p) == self.run.kimg)
        return next(same, path)

    def _write_snapshot(self, path: Path) -> None:
        run, config = self.run, self.run.config
        average, discriminator = faded(run.trainer.average_generator), run.trainer.discriminator
        info = SnapshotInfo(
            generator=average.config,
            discriminator=discriminator.config,
            kimg=run.kimg,
            class_names=run.images.class_names if config.generator.c_dim else (),
            provenance=provenance(run),
        )
        save_snapshot(path, average, faded(discriminator), info)

    def _write_grid(self, path: Path) -> None:
        """Write the samples of a snapshot of this moment."""
        run = self.run
        grid = sample_grid(faded(run.trainer.average_generator), _AT_ONCE)
        save_image(grid, grid_of(path))
        self.writer.image("fakes", for_the_board(grid), run.trainer.images_shown)

    def _write_state(self, header: dict[str, Any]) -> None:
        """Write the state; one of an earlier moment becomes the one before it."""
        trainer, state = self.run.trainer, self.folder.state
        with contextlib.ExitStack() as stack:
            is_later = self._state_images is not None and self._state_images < trainer.images_shown
            if is_later and not self._is_before_state:
                kept = stack.enter_context(atomic_path(self.folder.earlier_state))
                try:
                    os.link(state, kept)
                except OSError:  # not every file system can
                    shutil.copyfile(state, kept)
            kept_with_it = {**self.run.state(), **header, "kept": self.state()}
            save_state(state, trainer, kept_with_it)
        self._state_images, self._is_before_state = trainer.images_shown, False

    def _own_snapshots(self) -> list[Path]:
        """Return the snapshots up to now; later ones are from before a kill, and come again."""
        return self.folder.snapshots(until_kimg=self.run.kimg)

    def _last_snapshot(self) -> Path | None:
        snapshots = self._own_snapshots()
        return snapshots[-1] if snapshots else None

    def of_state(self) -> Path | None:
        """Return the snapshot of the state's moment, which the run can go on from."""
        shown = self._state_images
        own = [] if shown is None else reversed(self._own_snapshots())
        return next((path for path in own if _shown(path) == shown), None)

    def _prune(self) -> None:
        best = None if self.best is None else self.folder.path / self.best.snapshot
        own, earlier = self._own_snapshots(), self.folder.earlier_state
        if (good := self.of_state()) != self.newest:  # the newest was written without its state
            own = [p for p in own if p != good]
        self._retention.prune_grids(self.folder.path)
        others = other_bytes(self.folder.path, own)
        if not self._is_before_state and not self._retention.has_room(own, best, others):
            earlier.unlink(missing_ok=True)
            others = other_bytes(self.folder.path, own)
        self._retention.prune(own, best, others)
