"""What a run will take: a few timed steps on random images, and what a device can hold.

N batch of this process.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stylegen.latents import one_hot
from stylegen.training.building import at_resolution, build_trainer
from stylegen.training.config import RunConfig
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
class Rehearsal:
    """What a few steps told of a run.

    Attributes:
        generator_parameters: numbers that are learned.
        discriminator_parameters: numbers that are learned.
        img_per_sec: of the last resolution of the run, all processes together, regularisers
            included as often as they come.
        memory_mib: the most that the device (on a CPU: the process) held.
        hours: for the whole run at that speed.
    """

    generator_parameters: int
    discriminator_parameters: int
    img_per_sec: float
    memory_mib: float
    hours: float

    @property
    def kimg_per_hour(self) -> float:
        """Thousands of images an hour."""
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


def _example(config: RunConfig, batch: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
    g = config.generator
    real = torch.rand(batch, g.img_channels, g.height, g.width, device=device) * 2 - 1
    c = one_hot(torch.arange(batch) % max(g.c_dim, 1), g.c_dim)
    return real, None if c is None else c.to(device)


def _step_seconds(trainer: Trainer, config: RunConfig, batch: int) -> float:
    """Return the time of a step, each regulariser counted by how often it comes."""
    loss, device = config.loss, trainer.device
    real, c = _example(config, batch, device)
    total = _seconds(lambda: trainer.generator_main(batch), device)
    total += _seconds(lambda: trainer.discriminator_main(real, c), device)
    total += _seconds(lambda: trainer.average.update(trainer.generator, 0.99), device)
    if loss.pl_weight:
        seconds = _seconds(lambda: trainer.generator_path_length(batch), device)
        total += seconds / loss.pl_interval
    if loss.r1_gamma:
        total += _seconds(lambda: trainer.discriminator_r1(real, c), device) / loss.r1_interval
    return total


def _trainer(config: RunConfig, world: World) -> Trainer:
    config = at_resolution(replace(config, transfer=None), config.generator.resolution)
    classes = torch.arange(max(config.generator.c_dim, 1))
    trainer = build_trainer(config, classes, world)
    view = View(config.augment)
    view.controller.p = config.augment.max_p / 2 if config.augment.kind == "ada" else 0.0
    trainer.change = view
    return trainer


def _numbers(trainer: torch.nn.Module) -> int:
    return sum(p.numel() for p in trainer.parameters())


def rehearse(config: RunConfig, world: World) -> Rehearsal:
    """Build a run's networks at its last resolution, and time a few steps on random images.

    Writes nothing.

    Args:
        config: the run.
        world: the processes of the run.

    Raises:
        InputError: the device or the precision cannot be used, or a batch cannot be shared.
    """
    schedule = schedule_of(config, world)
    batch = schedule.at(int(config.loop.kimg * 1000)).batch
    trainer = _trainer(config, world)
    group = config.discriminator.mbstd_group_size
    trainer.parts = parts_of(world, batch, config.loop.batch_per_device, group)
    img_per_sec = batch / _step_seconds(trainer, config, batch // world.size)
    return Rehearsal(
        generator_parameters=_numbers(trainer.generator),
        discriminator_parameters=_numbers(trainer.discriminator),
        img_per_sec=img_per_sec,
        memory_mib=peak_memory_mib(world.device),
        hours=config.loop.kimg / (img_per_sec * 3.6),
    )


def _fits_on_gpu(trainer: Trainer, config: RunConfig, batch: int) -> bool:
    try:
        _step_seconds(trainer, config, batch)
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


def _most_on_cpu(trainer: Trainer, config: RunConfig, group: int, free_mib: float) -> float:
    """Return how many images fit, by the growth of memory from one minibatch group to three."""
    peaks = []
    for batch in (group, 3 * group):
        _step_seconds(trainer, config, batch)
        peaks.append(peak_memory_mib(trainer.device))
    each = max((peaks[1] - peaks[0]) / (2 * group), 1e-3)
    return 0.8 * free_mib / each


def fitting_batch(config: RunConfig, world: World) -> int:
    """Return how many images a device computes at once: the whole of its share, or what fits.

    Each process must come to the same; the least of all is taken.

    Args:
        config: the run.
        world: the processes of the run.
    """
    free_mib = _free_mib()
    own = max(schedule_of(config, world).batches(config.loop.kimg)) // world.size
    group = min(config.discriminator.mbstd_group_size or own, own)
    sizes = [n for n in range(own, 0, -1) if own % n == 0 and n % group == 0] or [own]
    trainer = _trainer(config, World(device=world.device))
    if world.device.type == "cuda":
        fits = next((n for n in sizes if _fits_on_gpu(trainer, config, n)), sizes[-1])
    else:
        most = _most_on_cpu(trainer, config, group, free_mib) if len(sizes) > 1 else own
        fits = next((n for n in sizes if n <= most), sizes[-1])
    least = -int(world.most(-fits))
    _log.info("a device computes %d of its %d images at once", least, own)
    return least
