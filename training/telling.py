"""What a run tells of itself every tick: statistics, health, curves, distributions.

Nothing here draws a random number or changes a network.
"""

import logging
import math
import time
from typing import Any

import torch

from stylegen.latents import one_hot, seeds_to_z
from stylegen.training.curves import write_curves
from stylegen.training.folder import RunFolder
from stylegen.training.health import Advice, Health
from stylegen.training.retention import try_write
from stylegen.training.run import Run
from stylegen.training.statistics import Means, StatisticsWriter, peak_memory_mib, variety
from stylegen.training.updates import Stats

_log = logging.getLogger(__name__)
_WATCHED = 32  # seeds whose images tell how varied samples are
_AT_ONCE = 8


def _plain(tick: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a tick as JSON can hold it: None for what is not finite."""
    return tick and {k: v if math.isfinite(v) else None for k, v in tick.items()}


def _whole(tick: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a tick that :func:`_plain` made."""
    return tick and {k: math.nan if v is None else v for k, v in tick.items()}


class Teller:
    """Gathers a run's statistics and writes them every tick.

    Args:
        run: the run.
        folder: where it writes.
        writer: of statistics; None: another process writes.
        told: what :meth:`state` gave when the run was saved that goes on; None: it begins.

    Attributes:
        last: statistics of the last whole tick; empty before it.
        last_images: images shown at the last tick.
        advice: what was said at the last tick.
    """

    def __init__(
        self,
        run: Run,
        folder: RunFolder,
        writer: StatisticsWriter | None,
        told: dict[str, Any] | None = None,
    ) -> None:
        self.run, self.folder, self.writer = run, folder, writer
        self.last = dict[str, float]()
        self.advice: list[Advice] = []
        self.health = Health(run.config.health, run.config.augment.kind, run.config.augment.max_p)
        self._begin = time.perf_counter()
        self.go_on(told or {})
        self._before_sec = float((told or {}).get("seconds", 0.0))

    def go_on(self, told: dict[str, Any]) -> None:
        """Forget what was gathered, and go on from where the run stands now.

        Args:
            told: what :meth:`state` gave when the run was saved.
        """
        self.means = Means()
        self.means.load(told.get("means", {}), self.run.world.device)
        self._owed = _whole(told.get("owed"))
        self._augment = str(told.get("augment", self.run.moment.augment))
        if told.get("health") is not None:
            self.health.load(told["health"])
        self.last_images = int(told.get("last_images", self.run.trainer.images_shown))
        self._tick_begin, self._tick_images = time.perf_counter(), self.run.trainer.images_shown

    def state(self) -> dict[str, Any]:
        """Return the plain values that go on with the run."""
        return {
            "health": self.health.state(),
            "last_images": self.last_images,
            "seconds": self.seconds,
            "owed": _plain(self._owed),
            "augment": self._augment,
            "means": self.means.state(),
        }

    @property
    def seconds(self) -> float:
        """Time that the run has taken so far, with what it took before it was resumed."""
        return self._before_sec + time.perf_counter() - self._begin

    def leave_out(self, seconds: float) -> None:
        """Leave time that went into something else, such as saving, out of the speed."""
        self._tick_begin += seconds

    def add(self, stats: Stats) -> None:
        """Take the statistics of a step."""
        self.means.add(stats)

    def is_due(self) -> bool:
        """Tell whether a tick is over."""
        images = self.run.trainer.images_shown - self.last_images
        return images >= self.run.config.loop.tick_kimg * 1000

    @property
    def has_more(self) -> bool:
        """Whether a step was taken that no tick tells of yet."""
        return self.run.trainer.images_shown > self._tick_images

    @property
    def is_owed(self) -> bool:
        """Whether a tick is gathered that is not written yet."""
        return self._owed is not None

    def gather(self) -> None:
        """End a tick: take the means since the last one; :meth:`tell` writes them."""
        means = self.means.take(self.run.world)  # waits for the device and for all processes
        now, shown = time.perf_counter(), self.run.trainer.images_shown
        seconds = max(now - self._tick_begin, 1e-9)
        wait, self.run.feed.wait_sec = self.run.feed.wait_sec, 0.0
        numbers = {} if self.writer is None else self._numbers(seconds, wait)
        self._owed = {
            **numbers,
            **means,
            "r_t": means["signs_real"],
            "img_per_sec": (shown - self._tick_images) / seconds,
        }
        self._augment = self.run.moment.augment
        self.last_images = self._tick_images = shown

    def tell(self, measured: dict[str, float] | None = None) -> None:
        """Write the tick that is gathered.

        Args:
            measured: metrics besides, by name.
        """
        tick = {**(self._owed or {}), **(measured or {})}
        self._owed = None
        self.last = {k: float(v) for k, v in tick.items()}
        if self.writer is not None:
            self.writer.write(tick)
            self.health.augment = self._augment
            self.advice = self.health.observe(tick)
            for advice in self.advice:
                _log.warning("at %.1f kimg: %s", advice.kimg, advice.sentence)
        self._tick_begin, self._tick_images = time.perf_counter(), self.run.trainer.images_shown

    def _numbers(self, seconds: float, wait_sec: float) -> dict[str, Any]:
        run, moment = self.run, self.run.moment
        return {
            "images_shown": run.trainer.images_shown,
            "kimg": run.kimg,
            "seconds": round(self.seconds, 3),
            "seconds_tick": round(seconds, 3),
            "data_wait_sec": round(wait_sec, 4),
            "resolution": moment.resolution,
            "alpha": moment.alpha,
            "batch": moment.batch,
            "lr": moment.generator_lr,
            "gamma": moment.gamma,
            "augment_p": run.view.p,
            "pl_mean": float(run.trainer.pl_mean),
            "steps_skipped": float(run.trainer.skipped),
            "variety": self._watch(),
            "peak_memory_mib": peak_memory_mib(run.trainer.device),
            "images_skipped": len(run.feed.skipped),
        }

    @torch.no_grad()
    def _watch(self) -> float:
        """Return how varied the images of fixed seeds are, and show the logits' distributions."""
        assert self.writer is not None
        trainer, config = self.run.trainer, self.run.trainer.generator.config
        z = seeds_to_z(range(_WATCHED), config.z_dim).to(trainer.device)
        classes = one_hot(torch.arange(_WATCHED) % max(config.c_dim, 1), config.c_dim)
        c = None if classes is None else classes.to(trainer.device)
        features, logits = [], []
        for i in range(0, _WATCHED, _AT_ONCE):
            part = None if c is None else c[i : i + _AT_ONCE]
            images = trainer.average_generator(z[i : i + _AT_ONCE], part, noise="const")
            features.append(trainer.discriminator.features(images))
            logits.append(trainer.discriminator(images, part))
        shown = trainer.images_shown
        self.writer.histogram("logits_fakes", torch.cat(logits), shown)
        if self.run.last_real is not None:
            real, c = self.run.last_real[:_AT_ONCE], self.run.last_c
            real_logits = trainer.discriminator(real, None if c is None else c[:_AT_ONCE])
            self.writer.histogram("logits_reals", real_logits, shown)
        return variety(torch.cat(features))

    def draw_curves(self) -> None:
        """Draw curves.png anew; a full disk is warned of."""
        curves = self.folder.curves
        try_write(lambda: write_curves(self.folder.stats, curves), curves.name, "", curves.parent)
