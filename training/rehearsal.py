"""What a run will take: a few timed steps on random images, and what a device can hold.

A run that grows is timed at each of its phases.

N batch of this process.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.latents import one_hot
from stylegen.training.building import build_trainer
from stylegen.training.cautions import check_schedule, warn
from stylegen.training.config import RunConfig
from stylegen.training.moments import Moment, Schedule
from stylegen.training.run import schedule_of
from stylegen.training.statistics import peak_memory_mib
from stylegen.training.step import Trainer
from stylegen.training.updates import parts_of
from stylegen.training.view import View
from stylegen.training.world import World

_REPEATS = 2
_MIB = 2**20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PhaseSpeed:
    """How fast a phase of a run goes.

    Attributes:
        resolution: nominal, of the networks.
        kimg: how long it lasts.
        img_per_sec: of all processes together, regularisers included as often as they come.
    """

    resolution: int
    kimg: float
    img_per_sec: float

    @property
    def hours(self) -> float:
        """How long it takes."""
        return self.kimg / (self.img_per_sec * 3.6)


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What a few steps told of a run.

    Attributes:
        generator_parameters: numbers that the networks at its end have.
        discriminator_parameters: the same.
        memory_mib: the most that the device (on a CPU: the process) held.
        phases: of its schedule, as far as it goes; a single one without phases.
    """

    generator_parameters: int
    discriminator_parameters: int
    memory_mib: float
    phases: tuple[PhaseSpeed, ...]

    @property
    def hours(self) -> float:
        """For the whole run, without metrics and saving."""
        return sum(phase.hours for phase in self.phases)

    @property
    def img_per_sec(self) -> float:
        """Mean over the whole run."""
        kimg = sum(phase.kimg for phase in self.phases)
        return kimg / (self.hours * 3.6) if kimg else self.phases[-1].img_per_sec

    @property
    def kimg_per_hour(self) -> float:
        """Thousands of images an hour, the mean over the whole run."""
        return self.img_per_sec * 3.6


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _seconds(phase: Callable[[], object], device: torch.device) -> float:
    phase()
    times = []
    for _ in range(_REPEATS):
        _wait(device)
        begin = time.perf_counter()
        phase()
        _wait(device)
        times.append(time.perf_counter() - begin)
    return min(times)


def _example(trainer: Trainer, batch: int) -> tuple[Tensor, Tensor | None]:
    g, device = trainer.generator.config, trainer.device
    real = torch.rand(batch, g.img_channels, g.height, g.width, device=device) * 2 - 1
    c = one_hot(torch.arange(batch) % max(g.c_dim, 1), g.c_dim)
    return real, None if c is None else c.to(device)


def _step_seconds(trainer: Trainer, batch: int) -> float:
    """Return the time of a step, each regulariser counted by how often it comes."""
    loss, device = trainer.loss, trainer.device
    real, c = _example(trainer, batch)
    total = _seconds(lambda: trainer.generator_main(batch), device)
    total += _seconds(lambda: trainer.discriminator_main(real, c), device)
    total += _seconds(lambda: trainer.average.update(trainer.generator, 0.99), device)
    if loss.pl_weight:
        seconds = _seconds(lambda: trainer.generator_path_length(batch), device)
        total += seconds / loss.pl_interval
    if loss.r1_gamma:
        total += _seconds(lambda: trainer.discriminator_r1(real, c), device) / loss.r1_interval
    return total


def _view(config: RunConfig, moment: Moment) -> View:
    """Return what the discriminator sees at a moment, ADA standing half way."""
    view = View(config.augment)
    view.kind, view.blur_sigma_px = moment.augment, moment.blur_sigma_px
    view.controller.p = config.augment.max_p / 2 if view.kind == "ada" else 0.0
    return view


def _trainer(
    config: RunConfig, world: World, moment: Moment, began_at: int | None = None
) -> Trainer:
    """Return a trainer as a run has it at a moment; ``began_at``: as in ``build_trainer``."""
    classes = torch.arange(max(config.generator.c_dim, 1))
    trainer = build_trainer(config, classes, world, moment.resolution, began_at)
    trainer.loss = replace(trainer.loss, r1_gamma=moment.gamma, style_mixing=moment.style_mixing)
    group = config.discriminator.mbstd_group_size
    trainer.parts = parts_of(world, moment.batch, config.loop.batch_per_device, group)
    trainer.change = _view(config, moment)
    return trainer


def _numbers(trainer: torch.nn.Module) -> int:
    return sum(p.numel() for p in trainer.parameters())


def _stretches(config: RunConfig, schedule: Schedule) -> list[tuple[float, Moment]]:
    """Return how many kimg each phase lasts, and the numbers at its end."""
    end = config.loop.kimg
    begins = [p.from_kimg for p in config.schedule.phases if p.from_kimg < end] or [0.0]
    pairs = zip(begins, [*begins[1:], end], strict=True)
    return [(b - a, schedule.at(max(int(1000 * b) - 1, 0))) for a, b in pairs]


@full_float32()
def rehearse(config: RunConfig, world: World) -> Rehearsal:
    """Build a run's networks as each phase has them, and time a few steps on random images.

    A phase is timed with the numbers at its end, and without the little that a fade adds. The
    first one begins from the weights that the run is to begin from. Computes as a run does, and
    writes nothing.

    Args:
        config: the run.
        world: the processes of the run.

    Raises:
        InputError: the device or the precision cannot be used, a batch cannot be shared, the
            schedule cannot be followed, or the weights to begin from are not there or do not fit.
    """
    schedule, phases = schedule_of(config, world), list[PhaseSpeed]()
    check_schedule(config, schedule)
    warn(config, world)
    first, trainer = schedule.at(0).resolution, None
    for kimg, moment in _stretches(config, schedule):
        trainer = None  # before the next one takes its memory
        trainer = _trainer(config, world, moment, first if phases else None)
        speed = moment.batch / _step_seconds(trainer, moment.batch // world.size)
        phases.append(PhaseSpeed(resolution=moment.resolution, kimg=kimg, img_per_sec=speed))
    assert trainer is not None
    return Rehearsal(
        generator_parameters=_numbers(trainer.generator),
        discriminator_parameters=_numbers(trainer.discriminator),
        memory_mib=peak_memory_mib(world.device),
        phases=tuple(phases),
    )


def _fits_on_gpu(trainer: Trainer, batch: int) -> bool:
    try:
        _step_seconds(trainer, batch)
    except torch.cuda.OutOfMemoryError:
        return False
    finally:
        for optimizer in (trainer.generator_optimizer, trainer.discriminator_optimizer):
            optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
    return True


def _free_mib() -> float:
    """Return how much memory the machine can still give, as Linux reckons."""
    try:
        with open("/proc/meminfo") as file:
            lines = dict(line.split(":", 1) for line in file)
        return float(lines["MemAvailable"].split()[0]) / 1024
    except (OSError, KeyError, ValueError):
        return float("inf")


def _most_on_cpu(trainer: Trainer, group: int, free_mib: float) -> float:
    """Return how many images fit, by the growth of memory from one minibatch group to three."""
    peaks = []
    for batch in (group, 3 * group):
        _step_seconds(trainer, batch)
        peaks.append(peak_memory_mib(trainer.device))
    each = max((peaks[1] - peaks[0]) / (2 * group), 1e-3)
    return 0.8 * free_mib / each


@full_float32()
def fitting_batch(config: RunConfig, world: World) -> int:
    """Return how many images a device computes at once: the whole of its share, or what fits.

    Each process must come to the same; the least of all is taken. Computes as a run does.

    Args:
        config: the run.
        world: the processes of the run.

    Raises:
        InputError: the device or the precision cannot be used, or a batch cannot be shared.
    """
    free_mib, schedule = _free_mib(), schedule_of(config, world)
    own = max(schedule.batches(config.loop.kimg)) // world.size
    group = min(config.discriminator.mbstd_group_size or own, own)
    sizes = [n for n in range(own, 0, -1) if own % n == 0 and n % group == 0] or [own]
    last = schedule.at(int(config.loop.kimg * 1000))
    last = replace(last, gamma=1.0 if config.uses_r1 else 0.0)
    whole = replace(config, transfer=None, loop=replace(config.loop, batch_per_device=None))
    trainer = _trainer(whole, World(device=world.device), last)
    if world.device.type == "cuda":
        fits = next((n for n in sizes if _fits_on_gpu(trainer, n)), sizes[-1])
    else:
        most = _most_on_cpu(trainer, group, free_mib) if len(sizes) > 1 else own
        fits = next((n for n in sizes if n <= most), sizes[-1])
    least = -int(world.most(-fits))
    _log.info("a device computes %d of its %d images at once", least, own)
    return least
