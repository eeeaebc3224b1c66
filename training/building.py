"""Trainers from configurations: anew, grown out of one another, and after a fade.

C number of classes.
"""

import dataclasses
import logging
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from stylegen.devices import choose_precision, precision_name
from stylegen.latents import one_hot
from stylegen.memory import keep_freed_memory
from stylegen.networks import Discriminator, Generator, lay_out
from stylegen.networks.growing import grow, map_parameters
from stylegen.training.config import RunConfig
from stylegen.training.draws import Draws
from stylegen.training.step import Labels, Trainer
from stylegen.training.transfer import freeze_top, transfer_weights
from stylegen.training.world import World

_log = logging.getLogger(__name__)
Pairs = Iterable[tuple[nn.Parameter, nn.Parameter]]


def draw_labels(config: RunConfig, labels: Tensor) -> Labels:
    """Return a function that draws the classes of generated images.

    Args:
        config: the run.
        labels: class of every real image, int64: each is drawn as often as it stands here, or
            each class equally often if real images are. In groups as real images are.
    """
    classes = config.generator.c_dim
    group = config.class_group
    present = torch.unique(labels) if config.loop.class_balanced else labels

    def draw(draws: Draws, samples: int) -> Tensor | None:
        if classes == 0:
            return None
        c = one_hot(present[draws.integers(samples, len(present), group)], classes)
        return None if c is None else c.to(draws.device)

    return draw


def _networks(
    config: RunConfig, world: World, resolution: int | None, began_at: int | None
) -> tuple[Generator, Discriminator]:
    """Return networks with the weights that the run begins from, frozen where it wants them so."""
    r = config.generator.resolution if resolution is None else resolution
    generator = Generator(dataclasses.replace(config.generator, resolution=r))
    discriminator = Discriminator(dataclasses.replace(config.discriminator, resolution=r))
    if config.transfer is not None:
        if began_at is None:
            said = transfer_weights(config.transfer, generator, discriminator)
            for sentence in said if world.is_first else ():
                _log.warning("%s", sentence)
        freeze_top(discriminator, config.transfer.freeze_d, began_at or r)
    return generator, discriminator


def build_trainer(
    config: RunConfig,
    labels: Tensor,
    world: World | None = None,
    resolution: int | None = None,
    began_at: int | None = None,
) -> Trainer:
    """Build both networks and their trainer, on the device and in the layout of the run.

    Args:
        config: the run.
        labels: class of every image, int64: what generated images draw theirs from.
        world: the processes of the run; None: this one alone, on the run's device.
        resolution: of the networks; None: that which the run ends with.
        began_at: resolution that the run began with long ago: only freeze what has been since;
            None: it begins now, from the weights that it is to begin from.

    Raises:
        InputError: the device is not here, or it cannot compute in the precision; the weights to
            begin from are not there, or do not fit.
    """
    world = world or World.alone(config.loop.device)
    dtype = choose_precision(config.loop.precision, world.device)
    _log.info("training on %s in %s", world.device, precision_name(dtype))
    torch.manual_seed(config.loop.seed)
    if world.device.type == "cpu":
        keep_freed_memory()
    generator, discriminator = _networks(config, world, resolution, began_at)
    for network in (generator, discriminator):
        lay_out(network.to(world.device)).set_precision(dtype, config.loop.num_low_precision_res)
    return Trainer(
        generator,
        discriminator,
        config.loss,
        config.optimizer,
        config.ema,
        draw_labels(config, labels),
        world,
        uses_r1=config.uses_r1,
    )


def _carry(old: torch.optim.Adam, new: torch.optim.Adam, pairs: Pairs) -> None:
    """Take over the running means of parameters that go on."""
    for before, after in pairs:
        if before in old.state:
            new.state[after] = {
                key: torch.empty_like(after).copy_(value) if value.shape == after.shape else value
                for key, value in old.state[before].items()
            }


def _go_on(
    old: Trainer,
    config: RunConfig,
    networks: tuple[Generator, Discriminator, Generator],
    pairs: tuple[Pairs, Pairs],
) -> Trainer:
    generator, discriminator, average = networks
    new = Trainer(
        generator,
        discriminator,
        config.loss,
        config.optimizer,
        config.ema,
        old.labels,
        old.world,
        old.parts,
        config.uses_r1,
    )
    new.average.network = average.eval().requires_grad_(False)
    _carry(old.generator_optimizer, new.generator_optimizer, pairs[0])
    _carry(old.discriminator_optimizer, new.discriminator_optimizer, pairs[1])
    for name in ("change", "pl_mean", "bad_updates", "skipped", "steps", "images_shown"):
        setattr(new, name, getattr(old, name))
    return new


def grow_trainer(old: Trainer, config: RunConfig) -> Trainer:
    """Return a trainer of twice the resolution that goes on from another, at alpha 0.

    Args:
        old: nothing fades in its networks.
        config: the run.
    """
    old.train_both()
    generator, discriminator = grow(old.generator), grow(old.discriminator)
    average = grow(old.average_generator, like=generator)
    pairs = (
        map_parameters(old.generator, generator),
        map_parameters(old.discriminator, discriminator),
    )
    return _go_on(old, config, (generator, discriminator, average), pairs)


def end_fade(old: Trainer, config: RunConfig) -> Trainer:
    """Return a trainer of the same networks, without what only the fade needed."""
    networks = (old.generator, old.discriminator, old.average_generator)
    old.train_both()
    for network in networks:
        network.end_fade()
    pairs = [[(p, p) for p in network.parameters()] for network in networks[:2]]
    return _go_on(old, config, networks, (pairs[0], pairs[1]))


def set_alpha(trainer: Trainer, alpha: float) -> None:
    """Set how far the newest block of all networks has faded in."""
    for network in (trainer.generator, trainer.discriminator, trainer.average_generator):
        if network.fade is not None:
            network.set_alpha(alpha)
