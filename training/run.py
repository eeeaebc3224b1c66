"""A run in progress: its networks, images and schedule, and one step after the other.

What is written of it and when: :mod:`stylegen.training.keeping` and
:mod:`stylegen.training.telling`.

N batch of this process, C channels, H height, W width.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from stylegen.data import ImageSet
from stylegen.data.threads import Progress
from stylegen.errors import InputError
from stylegen.latents import one_hot
from stylegen.training.building import (
    build_trainer,
    end_fade,
    grow_trainer,
    set_alpha,
)
from stylegen.training.cautions import check_classes, warn
from stylegen.training.config import RunConfig
from stylegen.training.feed import Feed
from stylegen.training.moments import Moment, Schedule
from stylegen.training.showing import show_images
from stylegen.training.state import Saved, load_state
from stylegen.training.step import Trainer
from stylegen.training.updates import Stats, parts_of, rows_of
from stylegen.training.view import View
from stylegen.training.world import World

_ROLL_BACK_AFTER = 10  # updates of a phase in a row whose gradients were not finite


def usual_moment(config: RunConfig) -> Moment:
    """Return the numbers of a run where its schedule says nothing."""
    return Moment(
        resolution=config.generator.resolution,
        batch=config.loop.batch,
        generator_lr=config.optimizer.generator_lr,
        discriminator_lr=config.optimizer.discriminator_lr,
        gamma=config.loss.r1_gamma,
        style_mixing=config.loss.style_mixing,
        augment=config.augment.kind,
    )


def schedule_of(config: RunConfig, world: World) -> Schedule:
    """Return a run's schedule, once every batch in it is known to be shared equally.

    Raises:
        InputError: one is not.
    """
    group, loop = config.discriminator.mbstd_group_size or 1, config.loop
    schedule = Schedule(config.schedule, usual_moment(config), granule=group * world.size)
    for batch in schedule.batches(loop.kimg):
        parts = parts_of(world, batch, loop.batch_per_device, config.discriminator.mbstd_group_size)
        rows_of(world, batch, parts, config.discriminator.mbstd_group_size)
    return schedule


class Run:
    """A run in progress.

    Args:
        config: all of it.
        images: the real images.
        world: the processes of the run.
        saved: the state to go on from; None: begin.
        progress: told (files decoded, files in all) while the images are read.

    Raises:
        InputError: the images have other classes than the networks, a batch cannot be shared
            equally, or the state or the weights to begin from cannot be used.

    Attributes:
        trainer: of the networks as they are now; another one after they grow.
        view: what the discriminator sees.
        moment: the numbers of the last step, or of the first one before it.
        last_real: the images that the discriminator was shown last, (N, C, H, W); None: none.
        last_c: their classes, (N, number of classes) one-hot; None: unconditional.
    """

    def __init__(
        self,
        config: RunConfig,
        images: ImageSet,
        world: World,
        saved: Saved | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.config, self.images, self.world = config, images, world
        check_classes(config, images)
        self.schedule = schedule_of(config, world)
        warn(config, world)
        self.view = View(config.augment)
        self._progress = progress
        self.last_real: Tensor | None = None
        self.last_c: Tensor | None = None
        self._open_feed(0 if saved is None else saved.images_shown)
        self._begin() if saved is None else self._go_on(saved)

    def _open_feed(self, position: int) -> None:
        loop = self.config.loop
        self.feed = Feed(
            self.images,
            self._plan,
            loop.seed,
            position,
            self.world.device,
            balanced=loop.class_balanced,
            class_group=self.config.class_group,
            progress=self._progress,
        )

    def _parts(self, batch: int) -> int:
        group = self.config.discriminator.mbstd_group_size
        return parts_of(self.world, batch, self.config.loop.batch_per_device, group)

    def _plan(self, position: int) -> tuple[int, Tensor | None]:
        """Return the batch of the step at a position, and which rows of it are this process's."""
        batch = self.schedule.at(position).batch
        group = self.config.discriminator.mbstd_group_size
        return batch, rows_of(self.world, batch, self._parts(batch), group)

    def _adopt(self, trainer: Trainer) -> None:
        self.trainer = trainer
        trainer.change = self.view

    def _look_up(self) -> None:
        """Be at the moment of the next step, as far as the networks have come."""
        self.moment = self.schedule.at(self.trainer.images_shown)
        set_alpha(self.trainer, self.moment.alpha)

    def _begin(self) -> None:
        first = self.schedule.at(0).resolution
        self._adopt(build_trainer(self.config, self.feed.labels, self.world, first))
        self._look_up()

    def _go_on(self, saved: Saved) -> None:
        """Build the networks as they were, then fill them."""
        r = saved.resolution // 2 if saved.fading else saved.resolution
        first = self.schedule.at(0).resolution
        trainer = build_trainer(self.config, self.feed.labels, self.world, r, began_at=first)
        trainer = grow_trainer(trainer, self.config) if saved.fading else trainer
        load_state(saved, trainer)
        self.view.load(saved.header["view"])
        self._adopt(trainer)
        self._look_up()

    def restore(self, saved: Saved, seed: int) -> None:
        """Go back to a saved state, and on from it with other random numbers.

        Args:
            saved: the state.
            seed: of the random numbers from now on.
        """
        self.feed.close()
        self._open_feed(saved.images_shown)
        self._go_on(saved)
        torch.manual_seed(seed)

    @property
    def resolution(self) -> int:
        """Nominal resolution of the networks as they are now."""
        return self.trainer.generator.config.resolution

    @property
    def is_fading(self) -> bool:
        """Whether the networks' newest block is still fading in."""
        return self.trainer.generator.fade is not None

    @property
    def kimg(self) -> float:
        """Thousands of real images shown."""
        return self.trainer.images_shown / 1000

    def is_diverging(self) -> bool:
        """Tell whether the last updates were all left out; waits for the device."""
        return self.trainer.most_bad_updates >= _ROLL_BACK_AFTER

    def _follow(self, moment: Moment) -> None:
        """Make networks, optimisers and view what the schedule says."""
        if moment.resolution not in (self.resolution, 2 * self.resolution):
            raise InputError(
                f"the run stands at {self.resolution} px, but its schedule at {moment.resolution}"
            )
        grows = moment.resolution > self.resolution
        if self.is_fading and (grows or moment.alpha == 1):
            self._adopt(end_fade(self.trainer, self.config))
        if grows:
            self._adopt(grow_trainer(self.trainer, self.config))
            if moment.alpha == 1:
                self._adopt(end_fade(self.trainer, self.config))
        set_alpha(self.trainer, moment.alpha)
        trainer = self.trainer
        trainer.set_learning_rates(moment.generator_lr, moment.discriminator_lr)
        trainer.loss = replace(
            trainer.loss, r1_gamma=moment.gamma, style_mixing=moment.style_mixing
        )
        trainer.parts = self._parts(moment.batch)
        self.view.kind, self.view.blur_sigma_px = moment.augment, moment.blur_sigma_px

    def _mirror(self, real: Tensor, moment: Moment) -> Tensor:
        """Mirror each image left to right with probability 1/2, if the run wants it."""
        if not self.config.data.xflip:
            return real
        chosen = torch.rand(moment.batch) < 0.5
        rows = self._plan(self.trainer.images_shown)[1]
        chosen = (chosen if rows is None else chosen[rows]).to(real.device)
        return torch.where(chosen[:, None, None, None], real.flip(3), real)

    def _as_shown(self, real: Tensor, moment: Moment) -> Tensor:
        """Bring real images to the resolution of the moment, and to its fade."""
        halvings = (self.config.generator.resolution // moment.resolution).bit_length() - 1
        taps = self.config.discriminator.resample_filter
        return show_images(real, taps, halvings, moment.alpha)

    def step(self) -> Stats:
        """Take one step.

        Returns:
            Named scalars of it, detached, on the device, of this process's rows.
        """
        self.moment = moment = self.schedule.at(self.trainer.images_shown)
        self._follow(moment)
        real, labels = next(self.feed)
        real = self._as_shown(self._mirror(real, moment), moment)
        c = one_hot(labels, self.config.generator.c_dim)
        stats = self.trainer.step(real, c)
        self.view.adapt(stats["signs_real"], moment.batch, self.world)
        self.last_real, self.last_c = real, c
        return stats

    def state(self) -> dict[str, Any]:
        """Return the plain values that :meth:`restore` needs besides the trainer's tensors."""
        return {
            "resolution": self.resolution,
            "fading": self.is_fading,
            "view": self.view.state(),
            "data_digest": self.images.digest,
        }
