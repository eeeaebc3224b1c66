"""A run from where it stands to where it stops: one step after the other, and why it stops."""

import time

from stylegen.training.folder import RunFolder
from stylegen.training.interrupts import stop_requests
from stylegen.training.outcomes import Metric, Outcome, Reason, Report, Status
from stylegen.training.profiling import StepProfiler
from stylegen.training.record import Record
from stylegen.training.recovery import go_back
from stylegen.training.run import Run
from stylegen.training.state import Saved

_CHECK_EVERY = 16  # steps between two looks at a GPU's numbers


class Driver:
    """Drives a run; its folder is claimed for it.

    Args:
        run: the run.
        folder: its folder.
        saved: the state it goes on from; None: it begins.
        metric: measures the averaged generator.
        profile: profile so many of the first steps.
    """

    def __init__(
        self,
        run: Run,
        folder: RunFolder,
        saved: Saved | None,
        metric: Metric | None,
        profile: int = 0,
    ) -> None:
        self.run, self.folder = run, folder
        self.record = Record(run, folder, saved, metric)
        wanted = profile > 0 and run.world.is_first
        self._profiler = StepProfiler(profile, folder.path) if wanted else None
        self._total = int(run.config.loop.kimg * 1000)

    def begin(self) -> None:
        """Write what a run has before its first step."""
        self.record.begin()

    def begin_again(self) -> None:
        """Leave the run's last state for the one before it, from which it goes on."""
        self.record.begin_again()

    def _is_over(self) -> bool:
        return self.run.trainer.images_shown >= self._total

    def _has_diverged(self) -> bool:
        steps, is_cpu = self.run.trainer.steps, self.run.world.device.type == "cpu"
        looks = is_cpu or steps % _CHECK_EVERY == 0 or self._is_over()
        return looks and self.run.is_diverging()

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

    def _step(self) -> bool:
        """Take a step; a profile ends before anything else is done after it.

        Returns:
            Whether it left the run well; else it has gone back.
        """
        run, profiler = self.run, self._profiler
        stats = run.step() if profiler is None else profiler.step(run.step)
        self.record.teller.add(stats)
        has_diverged = self._has_diverged()
        if has_diverged or self._is_over() or (profiler is not None and self.record.is_due()):
            self._end_profile()
        if has_diverged:
            self.record.go_back(go_back(run, self.folder, self.record.trouble))
        return not has_diverged

    def _end_profile(self) -> None:
        if self._profiler is not None:
            self._profiler.stop()

    def _steps(self, report: Report | None) -> Reason:
        minutes = self.run.config.loop.max_minutes
        limit = None if minutes is None else time.perf_counter() + minutes * 60
        with stop_requests() as stop_requested:
            self.record.settle()
            while not self._is_over():
                if not self._step():
                    continue
                is_over = self._is_over()
                self.record.finish(is_finished=True) if is_over else self.record.after_step()
                if report is not None:
                    report(self._status())
                reason = "finished" if is_over else self._stop_reason(stop_requested(), limit)
                if reason is not None and not is_over:
                    self._end_profile()
                    self.record.finish(is_finished=False)
                if self._profiler is not None:
                    self._profiler.write()
                if reason is not None:
                    return reason
            self.record.finish(is_finished=True)
        return "finished"

    def _status(self) -> Status:
        teller = self.record.teller
        advice = tuple(a.sentence for a in teller.advice)
        teller.advice = []
        return Status(
            folder=self.folder.path,
            images_shown=self.run.trainer.images_shown,
            images_total=self._total,
            means=teller.last,
            advice=advice,
            unwell=tuple(advice.kind for advice in teller.health.current),
        )

    def drive(self, report: Report | None) -> Outcome:
        """Take all steps that are left, and write what is not yet written.

        Args:
            report: told after each step.

        Raises:
            InputError: the training diverges again and again.
            OSError: a file cannot be written, or a full disk took nothing of the run's end.
        """
        try:
            reason = self._steps(report)
        finally:
            self.run.feed.close()
            self._end_profile()
        self.record.close()
        keeper = self.record.keeper
        best = None if keeper is None or keeper.best is None else keeper.best.snapshot
        return Outcome(
            folder=self.folder.path,
            snapshot=None if keeper is None else keeper.newest,
            kimg=self.run.kimg,
            reason=reason,
            best=None if best is None else self.folder.path / best,
            profile="" if self._profiler is None else self._profiler.table,
        )
