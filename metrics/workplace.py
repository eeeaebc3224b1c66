"""What an evaluation works with: networks, clock, progress; and its looks at either side."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import torch

from stylegen.devices import choose_device
from stylegen.errors import InputError
from stylegen.metrics.config import EvaluateConfig
from stylegen.metrics.demo import demo_weights
from stylegen.metrics.extraction import Watcher, look_at
from stylegen.metrics.kept import look_or_read
from stylegen.metrics.looking import Found, Networks, Reals, Wants, fitted, look
from stylegen.metrics.planning import Plan, feature_key, plan_of
from stylegen.metrics.reading import check_reading
from stylegen.metrics.reference_checks import check_reference
from stylegen.metrics.references import read_reference
from stylegen.metrics.sides import ImagesSide, Side, reading_of_side
from stylegen.metrics.telling import Told
from stylegen.perceptual.lpips import Lpips
from stylegen.perceptual.several import FeatureKey, open_several
from stylegen.perceptual.weights import file_digest

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, images done, and images in all."""


@dataclass
class Clock:
    """Wall time by stage, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        start = time.monotonic()
        yield
        passed = time.monotonic() - start
        self.seconds[name] = round(self.seconds.get(name, 0) + passed, 3)


@dataclass(frozen=True, eq=False)
class Workplace:
    """What an evaluation works with.

    Attributes:
        config: what was asked for.
        plan: how it is taken.
        device: where.
        progress: told of long work.
        clock: times of the stages.
    """

    config: EvaluateConfig
    plan: Plan
    device: torch.device
    progress: Progress | None
    clock: Clock = field(default_factory=Clock)

    def tell(self, stage: str, done: int, total: int) -> None:
        """Tell of progress."""
        if self.progress is not None:
            self.progress(stage, done, total)

    def told(self, stage: str, total: int) -> Callable[[int], None]:
        """Return what is called with the number of images done."""
        return Told(self.progress).of(stage, total)

    @cached_property
    def networks(self) -> Networks:
        """Feature networks by what tells them apart, the headline's first; opened when needed.

        Raises:
            InputError: weights cannot be had.
        """
        keys = self.plan.keys if self.plan.takes_features else ()
        files: dict[str, str] = {}
        if self.config.weights is not None:
            files[self.plan.protocol.network] = self.config.weights
        with self.clock.stage("features"):
            if any(key.network == "demo" for key in keys) and "demo" not in files:
                files["demo"] = str(demo_weights(progress=self._fitting))
            return open_several(keys, files, self.device).networks

    def _fitting(self, done: int, total: int) -> None:
        self.tell("fitting the demo features", done, total)

    @property
    def key(self) -> FeatureKey:
        """What tells the headline's features from others."""
        return self.plan.key

    @cached_property
    def _lpips(self) -> Lpips | InputError:
        config = self.config
        try:
            return Lpips(config.lpips, config.lpips_weights, config.lpips_heads).to(self.device)
        except InputError as error:
            return error

    def without_lpips(self) -> str | None:
        """Return why the perceptual distance cannot be had; None: it can."""
        return str(self._lpips) if isinstance(self._lpips, InputError) else None

    def lpips(self) -> Lpips:
        """Return the perceptual distance.

        Raises:
            InputError: its weights are absent, cut off or another network's.
        """
        if isinstance(self._lpips, InputError):
            raise self._lpips
        return self._lpips

    def judged(self, side: Side, name: str, wants: Wants, watchers: tuple[Watcher, ...]) -> Found:
        """Look at the judged side."""
        with self.clock.stage("extract a"):
            return look(side, self.networks, wants, watchers, self.told(name, side.count))

    def reals(self, side: Side, name: str, wants: Wants, watchers: tuple[Watcher, ...]) -> Reals:
        """Look at the other side; what was found of it earlier is read instead."""
        with self.clock.stage("extract against"):
            found = self._found(side, name, wants, watchers)
        with self.clock.stage("measure"):
            gaussians = {
                (key, protocol.mirror): fitted(found[key], mirrored=protocol.mirror)
                for protocol in (self.plan.protocol, *self.plan.others.values())
                if (key := feature_key(protocol)) in found
            }
        count = found[self.key].count if found else None
        return Reals(found=found, gaussians=gaussians, count=count)

    def _found(self, side: Side, name: str, wants: Wants, watchers: tuple[Watcher, ...]) -> Found:
        told = self.told(name, side.count)
        if not self.config.cache or not self.networks or not isinstance(side, ImagesSide):
            return look(side, self.networks, wants, watchers, told)
        found, looked = look_or_read(side, self.networks, wants, watchers, told, self.device)
        if watchers and not looked:
            look_at(side.batches(), watchers, told)
        return found

    def reference(self, path: str, judged: Side, name: str) -> Reals:
        """Read a file of reference statistics.

        Args:
            path: of the file.
            judged: the side that is compared with it.
            name: of that side.

        Raises:
            InputError: it is none, not of these features, or of images of another size.
        """
        told = read_reference(path)
        reading: list[str] = []
        if told.reading is not None:
            reading += check_reading(reading_of_side(judged), name, told.reading, path)
        elif told.protocol is not None:
            reading.append(f"The reference {path} does not say what size its images have.")
        network = self.networks[self.key]
        notes = check_reference(told, self.plan.protocol, network.dim, network.weights_digest)
        gaussian = told.gaussian
        if len(self.networks) > 1:
            raise InputError(
                f"{path} holds statistics of one protocol; name one protocol, or compare with the "
                "images themselves"
            )
        return Reals(
            found={},
            gaussians={(self.key, self.plan.protocol.mirror): gaussian},
            count=gaussian.count,
            digest=file_digest(path),
            data_digest=told.data_digest,
            notes=(*notes, *reading),
        )


def open_workplace(config: EvaluateConfig, progress: Progress | None = None) -> Workplace:
    """Find out how an evaluation is taken, and on which device; nothing is opened yet.

    Raises:
        InputError: a name is unknown, or a number is out of range.
    """
    return Workplace(config, plan_of(config), choose_device(config.device), progress)
