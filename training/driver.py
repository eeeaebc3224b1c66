"""A run from where it stands to where it stops: steps, ticks, saves, and what to do in trouble.

A run whose gradients stay infinite or NaN goes back to its last good state, with other random
numbers; the second time to the state before that; the third time it gives up.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from stylegen.devices import seeded
from stylegen.errors import InputError
from stylegen.networks import Generator
from stylegen.training.config import RunConfig
from stylegen.training.folder import RunFolder
from stylegen.training.interrupts import stop_requests
from stylegen.training.keeping import Keeper
from stylegen.training.profiling import WARM_UP, profile_steps
from stylegen.training.retention import remove_partial_files, try_write
from stylegen.training.run import Run
from stylegen.training.state import Saved, read_saved
from stylegen.training.statistics import StatisticsWriter
from stylegen.training.telling import Teller
from stylegen.training.world import World

Reason = Literal["finished", "interrupted", "out of time"]
Metric = Callable[[Generator, World], dict[str, float]]
MakeMetric = Callable[[RunConfig], Metric | None]
_ROLLBACKS = 3
_FORGIVEN_KIMG = 200.0  # after so much training without trouble, earlier trouble counts no more
_CHECK_EVERY = 16  # steps between two looks at a GPU's numbers
_SEED_STEP = 1_000_003  # between the seeds of two attempts

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a run stands after a step.

    Attributes:
        folder: the run's folder.
        images_shown: so far.
        images_total: when it will end.
        means: statistics of the last whole tick; empty before it.
        advice: what was said of the run's health since the last step, in sentences.
        unwell: what is wrong with it for now, in a word each.
    """

    folder: Path
    images_shown: int
    images_total: int
    means: dict[str, float]
    advice: tuple[str, ...] = ()
    unwell: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        folder: the run's folder.
        snapshot: its newest snapshot; None: a full disk took none, or another process writes them.
        kimg: thousands of images shown.
        reason: why it stopped.
        best: its best snapshot by the first metric; None: none was taken.
        profile: table of the slowest operators; empty: none was wanted.
    """

    folder: Path
    snapshot: Path | None
    kimg: float
    reason: Reason
    best: Path | None = None
    profile: str = ""


Report = Callable[[Status], None]


class Driver:
    """Drives a run.

    Args:
        run: the run.
        folder: its folder.
        saved: the state it goes on from; None: it begins.
        metric: measures the averaged generator.
    """

    def __init__(
        self, run: Run, folder: RunFolder, saved: Saved | None, metric: Metric | None
    ) -> None:
        self.run, self.folder, self.metric = run, folder, metric
        header = {} if saved is None else saved.header
        resumed_at = None if saved is None else saved.images_shown
        self.rollbacks = int(header.get("rollbacks", 0))
        self._rolled_back_kimg = float(header.get("rolled_back_kimg", 0.0))
        self._claim = folder.claim() if run.world.is_first else None
        if self._claim is not None:
            remove_partial_files(folder.path)
        self.ticks = int(header.get("ticks", 0))
        self._told_skipped, self._table = 0, ""
        self.writer = StatisticsWriter(folder.path, resumed_at) if run.world.is_first else None
        self.teller = Teller(run, folder, self.writer, header.get("told"))
        self.keeper = (
            None if self.writer is None else Keeper(run, folder, self.writer, header.get("kept"))
        )
        self._tell_skipped()

    def _tell_skipped(self) -> None:
        """Write and say which files cannot be read."""
        skipped = self.run.feed.skipped
        if self.keeper is None or len(skipped) <= self._told_skipped:
            return
        write, path = partial(self.folder.write_skipped, skipped), self.folder.skipped
        try_write(write, path.name, "", path.parent)
        text = "%d files cannot be read and are left out, such as %s (%s); all are in %s"
        _log.warning(text, len(skipped), *skipped[0], self.folder.skipped)
        self._told_skipped = len(skipped)

    def begin(self) -> None:
        """Write what a run has before its first step."""
        if self.keeper is not None:
            self.keeper.write_reals()
        self._save()

    def _header(self) -> dict[str, Any]:
        return {
            "told": self.teller.state(),
            "rollbacks": self.rollbacks,
            "rolled_back_kimg": self._rolled_back_kimg,
            "ticks": self.ticks,
        }

    def _save(self, measured: tuple[str, float] | None = None) -> None:
        begin = time.perf_counter()
        self._tell_skipped()
        if self.keeper is not None:
            self.keeper.save(self._header(), measured)
            if self.folder.stats.is_file():
                self.teller.draw_curves()
        self.teller.leave_out(time.perf_counter() - begin)

    def _measure(self) -> dict[str, float]:
        """Measure the averaged generator, leaving random numbers as they are."""
        if self.metric is None or self.ticks % self.run.config.loop.metric_ticks:
            return {}
        begin = time.perf_counter()
        with seeded(0, self.run.world.device):
            measured = self.metric(self.run.trainer.average_generator, self.run.world)
        self.teller.leave_out(time.perf_counter() - begin)
        return measured

    def _after_step(self) -> None:
        """Write what is due."""
        measured: dict[str, float] = {}
        if self.teller.is_due():
            self.ticks += 1
            measured = self._measure()
            self.teller.tell(measured)
        is_due = self.keeper is not None and self.keeper.is_due()
        if (is_due or measured) and not self.run.trainer.most_bad_updates:
            first = next(iter(measured.items()), None)
            self._save(first)

    def _has_diverged(self) -> bool:
        steps, is_cpu = self.run.trainer.steps, self.run.world.device.type == "cpu"
        return (is_cpu or steps % _CHECK_EVERY == 0) and self.run.is_diverging()

    def _roll_back(self) -> None:
        """Go back to the last good state, or the second time to the one before it.

        Raises:
            InputError: this is the third time.
        """
        kimg = self.run.kimg
        if kimg - self._rolled_back_kimg > _FORGIVEN_KIMG:
            self.rollbacks = 0
        self.rollbacks, self._rolled_back_kimg = self.rollbacks + 1, kimg
        what = "the losses or gradients of the last steps were infinite or NaN"
        advice = "a lower --lr, a higher --gamma, or --precision fp32 may help"
        if self.rollbacks >= _ROLLBACKS:
            raise InputError(
                f"the training diverges: at {kimg:.1f} kimg {what}, for the {_ROLLBACKS}rd time; "
                f"{advice}. The last good state is {self.folder.state}"
            )
        saved = read_saved(self.folder.good_state(again=self.rollbacks > 1))
        text = "at %.1f kimg %s; going back to %.1f kimg with other random numbers. If it happens "
        text += "again, %s"
        _log.warning(text, kimg, what, saved.images_shown / 1000, advice)
        self.run.restore(saved, self.run.config.loop.seed + _SEED_STEP * self.rollbacks)
        self.teller.go_on(saved.header["told"])
        self.ticks = saved.header["ticks"]
        if self.writer is not None:
            self.writer = StatisticsWriter(self.folder.path, saved.images_shown)
            self.teller.writer = self.writer
        if self.keeper is not None and self.writer is not None:
            self.keeper.writer = self.writer
        self._save()

    def _stop_reason(self, stop: bool, limit: float | None) -> Reason | None:
        """Agree with all processes on whether to stop."""
        world, steps = self.run.world, self.run.trainer.steps
        if world.size > 1 and world.device.type == "cuda" and steps % _CHECK_EVERY:
            return None
        if world.any(stop):
            return "interrupted"
        if world.any(limit is not None and time.perf_counter() >= limit):
            return "out of time"
        return None

    def _steps(self, report: Report | None, profile: int) -> Reason:
        loop, run = self.run.config.loop, self.run
        total = int(loop.kimg * 1000)
        limit = None if loop.max_minutes is None else self._begin + loop.max_minutes * 60
        with stop_requests() as stop_requested:
            left = (total - run.trainer.images_shown) // run.moment.batch - WARM_UP
            self._profile(max(min(profile, left), 0))
            while run.trainer.images_shown < total:
                self.teller.add(run.step())
                if self._has_diverged():
                    self._roll_back()
                    continue
                self._after_step()
                if report is not None:
                    report(self._status(total))
                if reason := self._stop_reason(stop_requested(), limit):
                    return reason
        return "finished"

    def _status(self, total: int) -> Status:
        advice = tuple(a.sentence for a in self.teller.advice)
        self.teller.advice = []
        return Status(
            folder=self.folder.path,
            images_shown=self.run.trainer.images_shown,
            images_total=total,
            means=self.teller.last,
            advice=advice,
            unwell=tuple(advice.kind for advice in self.teller.health.current),
        )

    def _finish(self, reason: Reason) -> None:
        """Write what is not yet written; who interrupts a run need not wait for its metrics."""
        run, measured = self.run, dict[str, float]()
        if run.trainer.images_shown > self.teller.last_images:
            self.ticks += 1
            measured = self._measure() if reason == "finished" else {}
            self.teller.tell(measured)
        if self.keeper is not None and (
            run.trainer.images_shown > self.keeper.last_images or self.keeper.newest is None
        ):
            self._save(next(iter(measured.items()), None))
        if self.writer is not None:
            self.writer.close()

    def _profile(self, steps: int) -> None:
        """Take some steps, and write which operators they spend their time in."""

        def step() -> None:
            self.teller.add(self.run.step())

        if steps and self.run.world.is_first:
            self._table = profile_steps(step, steps, self.folder.path)
        elif steps:
            for _ in range(WARM_UP + steps):
                step()

    def drive(self, report: Report | None, profile: int) -> Outcome:
        """Take all steps that are left, and write what is not yet written.

        Args:
            report: told after each step.
            profile: profile so many of the first steps.
        """
        self._begin = time.perf_counter()
        try:
            reason = self._steps(report, profile)
            self._finish(reason)
        finally:
            self.run.feed.close()
            if self._claim is not None:
                self._claim.close()
        keeper = self.keeper
        best = None if keeper is None or keeper.best is None else keeper.best.snapshot
        return Outcome(
            folder=self.folder.path,
            snapshot=None if keeper is None else keeper.newest,
            kimg=self.run.kimg,
            reason=reason,
            best=None if best is None else self.folder.path / best,
            profile=self._table,
        )
