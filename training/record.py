"""What is written of a run as it goes: ticks, saves and metrics, and all that is left at its end.

A metric takes minutes, so what it measures is saved before, with the note that the tick is still
owed. Who is stopped meanwhile loses nothing, and measures when going on.
"""

import logging
import time
from functools import partial
from typing import Any

from stylegen.devices import seeded
from stylegen.training.folder import RunFolder
from stylegen.training.keeping import Keeper
from stylegen.training.outcomes import Metric
from stylegen.training.recovery import Trouble
from stylegen.training.retention import try_write
from stylegen.training.run import Run
from stylegen.training.state import Saved
from stylegen.training.statistics import StatisticsWriter
from stylegen.training.telling import Teller
from stylegen.training.words import kimg_words

_log = logging.getLogger(__name__)


class Record:
    """Writes what is due of a run.

    Args:
        run: the run.
        folder: its folder.
        saved: the state it goes on from; None: it begins.
        metric: measures the averaged generator; None: nothing does.

    Attributes:
        trouble: how often the run has gone back; saved with it.
        ticks: whole ones so far.
        teller: of statistics.
        keeper: of snapshots; None: another process writes them.
    """

    def __init__(
        self, run: Run, folder: RunFolder, saved: Saved | None, metric: Metric | None
    ) -> None:
        self.run, self.folder, self.metric = run, folder, metric
        header = {} if saved is None else saved.header
        self.trouble = Trouble.of(header)
        self.ticks = int(header.get("ticks", 0))
        self._told_skipped, self._is_lost = 0, False
        self.writer = self._open_writer(saved)
        self.teller = Teller(run, folder, self.writer, header.get("told"))
        self.keeper = None
        if self.writer is not None:
            is_before = saved is not None and saved.path == folder.earlier_state
            self.keeper = Keeper(run, folder, self.writer, header.get("kept"), is_before)
        self._tell_skipped()

    def _open_writer(self, saved: Saved | None) -> StatisticsWriter | None:
        """Open the statistics at a saved state; a tick that is owed will be told once more."""
        if not self.run.world.is_first:
            return None
        if saved is None:
            return StatisticsWriter(self.folder.path)
        is_owed = saved.header["told"].get("owed") is not None
        return StatisticsWriter(self.folder.path, saved.images_shown - is_owed)

    def _tell_skipped(self) -> None:
        """Write and say which files cannot be read."""
        skipped = self.run.feed.skipped
        if self.keeper is None or len(skipped) <= self._told_skipped:
            return
        write, path = partial(self.folder.write_skipped, skipped), self.folder.skipped
        try_write(write, path.name, "", path.parent)
        text = "1 file cannot be read and is left out: %s (%s); it is named in %s"
        if len(skipped) > 1:
            text = f"{len(skipped)} files cannot be read and are left out, such as %s (%s); all are"
            text += " in %s"
        _log.warning(text, *skipped[0], path)
        self._told_skipped = len(skipped)

    def begin(self) -> None:
        """Write what a run has before its first step."""
        if self.keeper is not None:
            self.keeper.write_reals()
        self._save()

    def begin_again(self) -> None:
        """Write the state that the run goes on from in place of the last one, which it leaves."""
        self.run.world.any(False)  # all have read it
        self._save()

    def _header(self) -> dict[str, Any]:
        return {"told": self.teller.state(), "ticks": self.ticks, **self.trouble.state()}

    def _save(self, is_last: bool = False) -> bool:
        begin, is_written = time.perf_counter(), True
        self._tell_skipped()
        if self.keeper is not None:
            is_written = self.keeper.save(self._header(), is_last)
            if not self.teller.is_owed:
                self._draw_curves()
        self.teller.leave_out(time.perf_counter() - begin)
        return is_written

    def _draw_curves(self) -> None:
        if self.folder.stats.is_file():
            self.teller.draw_curves()

    def _mark(self, measured: dict[str, float]) -> None:
        """Save what was measured of the newest snapshot, if that is of this moment."""
        begin = time.perf_counter()
        if self.keeper is not None and measured and self.keeper.is_saved:
            self.keeper.mark(self._header(), *next(iter(measured.items())))
            self._draw_curves()
        self.teller.leave_out(time.perf_counter() - begin)

    def _in_trouble(self) -> bool:
        """Tell whether a phase's last updates were left out in a row: this is no good state."""
        return self.run.trainer.most_bad_updates > 1

    def is_due(self) -> bool:
        """Tell whether a tick or a save comes after this step."""
        return self.teller.is_due() or (self.keeper is not None and self.keeper.is_due())

    def after_step(self) -> None:
        """Write what is due."""
        measures = False
        if self.teller.is_due():
            self.ticks += 1
            self.teller.gather()
            every = self.run.config.loop.metric_ticks
            measures = self.metric is not None and self.ticks % every == 0
            if not measures:
                self.teller.tell()
        is_due = self.keeper is not None and self.keeper.is_due()
        if (is_due or measures) and not self._in_trouble():
            self._save()
        self.settle()

    def _measure(self) -> dict[str, float]:
        """Measure the averaged generator, leaving random numbers as they are."""
        if self.metric is None:
            return {}
        with seeded(0, self.run.world.device):
            return self.metric(self.run.trainer.average_generator, self.run.world)

    def settle(self) -> None:
        """Measure and write a tick that is still owed, if there is one."""
        if not self.teller.is_owed:
            return
        self.run.world.any(False)  # all have read the state, before it is replaced
        measured = self._measure()
        self.teller.tell(measured)
        self._mark(measured)

    def finish(self, is_finished: bool) -> None:
        """Write what is not yet written.

        Args:
            is_finished: all steps are taken. Else someone waits for the end, and nothing is
                measured.
        """
        if self.teller.has_more:
            self.ticks += self.teller.is_due()
            self.teller.gather()
            if not is_finished or self.metric is None:
                self.teller.tell()
        self._save_last()
        self.settle()

    def _save_last(self) -> None:
        keeper = self.keeper
        if keeper is None or (keeper.is_saved and keeper.newest is not None):
            return
        if self._in_trouble() and self.folder.state.is_file():
            text = "the losses or gradients of the last steps, up to %.1f kimg, were infinite or "
            text += "NaN: they are not saved, and the last good state stays, of %.1f kimg"
            _log.warning(text, self.run.kimg, (keeper.saved_images or 0) / 1000)
            return
        self._is_lost = not self._save(is_last=True)

    def go_back(self, saved: Saved) -> None:
        """Forget what came after a state that the run has gone back to."""
        self.run.world.any(False)  # all have read the state, before it is replaced
        self.teller.go_on(saved.header["told"])
        self.ticks = saved.header["ticks"]
        if self.keeper is not None and (writer := self._open_writer(saved)) is not None:
            self.writer = self.teller.writer = self.keeper.writer = writer
            self.keeper.go_back(saved.header["kept"])
        self._save()
        self.settle()

    def close(self) -> None:
        """End writing.

        Raises:
            OSError: a full disk took nothing of the run's end.
        """
        if self.writer is not None:
            self.writer.close()
        if not self._is_lost or self.keeper is None:
            return
        newest, good = self.keeper.newest, self.keeper.of_state()
        last = ["nothing of it is saved"] if newest is None else []
        if good is not None:
            last.append(f"its last good snapshot is {good}")
        if newest not in (None, good):
            last.append(f"{newest} has no state to go on from")
        again = ""
        if self.folder.state.is_file():
            again = f" and go on with --resume {self.folder.path}"
        raise OSError(
            f"the disk is full: the run's end, at {kimg_words(self.run.kimg)} kimg, is not saved; "
            f"{', and '.join(last)}. Make room{again}"
        )
