"""One training step: the four phases of StyleGAN2, each a loss, a backward pass, an update.

Per step: generator, path length (every pl_interval steps), discriminator, R1 (every r1_interval
steps), each with latents of its own; then the generator's average. Real and fake images go
through the discriminator as two parts of one batch: minibatch deviations never mix them.

How parts of a batch and several processes make one step: :mod:`stylegen.training.updates`.

Source: Karras et al. 2020 (StyleGAN2), section 3.1 and appendix B; style mixing: Karras et al.
2019 (StyleGAN), section 3.1.

N batch of this process, C number of classes, L number of layers that take a w.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from stylegen.networks import Discriminator, Generator
from stylegen.training.config import EmaConfig, LossConfig, OptimizerConfig
from stylegen.training.draws import Draws
from stylegen.training.losses import (
    discriminator_loss,
    generator_loss,
    path_length_noise,
    path_length_penalty,
    path_lengths,
    r1_penalty,
)
from stylegen.training.optimizers import MovingAverage, ema_beta
from stylegen.training.updates import Stats, Updater
from stylegen.training.world import World

Labels = Callable[[Draws, int], Tensor | None]
Change = Callable[[Tensor, Draws], Tensor]


def no_labels(draws: Draws, samples: int) -> None:
    """Draw no classes: the labels of unconditional training."""


def no_change(images: Tensor, draws: Draws) -> Tensor:
    """Show the discriminator images as they are."""
    return images


class Trainer(Updater):
    """Both networks with their optimisers and running means.

    Args:
        generator: trained in place.
        discriminator: trained in place.
        loss: losses and regularisers.
        optimizer: Adam's numbers.
        ema: the average's numbers.
        labels: draws classes (samples, C) for generated images, or None for unconditional ones.
        world: the processes that share each batch; None: this one alone.
        parts: how many parts of its batch this process computes one after the other.
        uses_r1: whether the R1 penalty is ever taken; None: if its weight is above 0 now.

    Attributes:
        average: the moving average of the generator.
        change: what is done to all images before the discriminator sees them.
        pl_mean: running mean of the path lengths, a scalar.
        steps: steps taken.
        images_shown: real images that the discriminator was shown, by all processes.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        loss: LossConfig,
        optimizer: OptimizerConfig,
        ema: EmaConfig,
        labels: Labels = no_labels,
        world: World | None = None,
        parts: int = 1,
        uses_r1: bool | None = None,
    ) -> None:
        super().__init__(generator, discriminator, loss, optimizer, world, parts, uses_r1)
        self.ema, self.labels = ema, labels
        self.change: Change = no_change
        self.average = MovingAverage(generator)
        self.pl_mean = torch.zeros([], device=self.device)
        self.steps = self.images_shown = 0

    @property
    def average_generator(self) -> Generator:
        """The moving average of the generator."""
        network = self.average.network
        assert isinstance(network, Generator)
        return network

    def _draw_ws(self, draws: Draws, samples: int) -> tuple[Tensor, Tensor | None]:
        """Draw latents, with two of them mixed in most batches."""
        mapping = self.generator.mapping
        c = self.labels(draws, samples)
        z = draws.normal(samples, 2, mapping.z_dim).unbind(1)
        ws: Tensor = mapping(z[0], c, skip_w_avg_update=True)
        self._w_means.append(ws[:, 0].detach().mean(0))
        if torch.rand([]).item() < self.loss.style_mixing:
            cut = int(torch.randint(1, ws.shape[1], []).item()) if ws.shape[1] > 1 else 1
            other = mapping(z[1], c, skip_w_avg_update=True)
            ws = torch.cat([ws[:, :cut], other[:, cut:]], dim=1)
        return ws, c

    def _draw_images(self, ws: Tensor, draws: Draws) -> Tensor:
        images: Tensor = self.generator.synthesis(
            ws, noise=lambda samples, h, w: draws.normal(samples, 1, h, w)
        )
        return images

    def generator_main(self, batch: int) -> Stats:
        """Make fakes look real."""
        self._train_only(self.generator)

        def losses() -> Iterator[tuple[Tensor, Stats]]:
            for draws in self._draws(self.parts, self._group):
                ws, c = self._draw_ws(draws, batch // self.parts)
                fake = self.change(self._draw_images(ws, draws), draws)
                loss = generator_loss(self.discriminator(fake, c))
                yield loss, {"loss_g": loss.detach()}

        return self._update(self.generator, self.parts, losses(), "g")

    def _path_length_parts(self, batch: int) -> tuple[int, int]:
        """Return how many samples the penalty takes here, and in how many parts."""
        samples = max(batch // self.loss.pl_batch_shrink, 1)
        fits = (k for k in range(1, samples + 1) if samples % k == 0)
        return samples, next(k for k in fits if samples // k <= max(batch // self.parts, 1))

    def generator_path_length(self, batch: int) -> Stats:
        """Make images move with their latents at an even pace.

        The running mean is moved by all processes together; where a batch comes in parts, each
        part is held against the old mean moved by that part alone.
        """
        self._train_only(self.generator)
        samples, parts = self._path_length_parts(batch)
        means = []

        def losses() -> Iterator[tuple[Tensor, Stats]]:
            for draws in self._draws(parts, 1):
                ws, _ = self._draw_ws(draws, samples // parts)
                images = self._draw_images(ws, draws)
                lengths = path_lengths(images, ws, path_length_noise(images, draws))
                mean = lengths.detach().mean()
                self.world.mean_([mean])
                means.append(mean)
                decay = self.loss.pl_decay
                penalty, _ = path_length_penalty(lengths, self.pl_mean, mean, decay)
                gain = self.loss.pl_weight * self.loss.pl_interval
                yield penalty * gain, {"path_length": mean, "loss_pl": penalty.detach()}

        stats = self._update(self.generator, parts, losses(), "pl")
        moved = self.pl_mean.lerp(torch.stack(means).mean(), self.loss.pl_decay)
        self.pl_mean = moved.where(moved.isfinite(), self.pl_mean)
        return stats

    def _judge(
        self, fake: Tensor, c_fake: Tensor | None, real: Tensor, c_real: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of both batches, from one pass that never mixes them."""
        c = None if c_fake is None or c_real is None else torch.cat([c_fake, c_real])
        fake_logits, real_logits = self.discriminator(torch.cat([fake, real]), c, parts=2).chunk(2)
        return fake_logits, real_logits

    def _chunks(
        self, real: Tensor, c_real: Tensor | None
    ) -> Iterator[tuple[Tensor, Tensor | None]]:
        classes = [None] * self.parts if c_real is None else c_real.chunk(self.parts)
        return zip(real.chunk(self.parts), classes, strict=True)

    def discriminator_main(self, real: Tensor, c_real: Tensor | None) -> Stats:
        """Tell real from fake."""
        self._train_only(self.discriminator)
        all_draws = self._draws(self.parts, self._group)

        def losses() -> Iterator[tuple[Tensor, Stats]]:
            for draws, (x, c_x) in zip(all_draws, self._chunks(real, c_real), strict=True):
                with torch.no_grad():
                    ws, c = self._draw_ws(draws, len(x))
                    fake = self.change(self._draw_images(ws, draws), draws)
                fake_logits, real_logits = self._judge(fake, c, self.change(x, draws), c_x)
                loss = discriminator_loss(fake_logits, real_logits)
                yield (
                    loss,
                    {
                        "loss_d": loss.detach(),
                        "logits_real": real_logits.detach().mean(),
                        "logits_fake": fake_logits.detach().mean(),
                        "signs_real": real_logits.detach().sign().mean(),
                        "signs_fake": fake_logits.detach().sign().mean(),
                    },
                )

        return self._update(self.discriminator, self.parts, losses(), "d")

    def discriminator_r1(self, real: Tensor, c_real: Tensor | None) -> Stats:
        """Keep the discriminator flat around real images."""
        self._train_only(self.discriminator)
        all_draws = self._draws(self.parts, self._group)

        def losses() -> Iterator[tuple[Tensor, Stats]]:
            for draws, (part, c) in zip(all_draws, self._chunks(real, c_real), strict=True):
                x = part.detach().requires_grad_()
                logits = self.discriminator(self.change(x, draws), c)
                penalty, squared = r1_penalty(logits, x, self.loss.r1_gamma)
                yield penalty * self.loss.r1_interval, {"r1": squared}

        return self._update(self.discriminator, self.parts, losses(), "r1")

    def step(self, real: Tensor, c_real: Tensor | None = None) -> Stats:
        """Take one step.

        Args:
            real: (N, channels, H, W) float32 in [-1, 1], this process's rows of the batch.
            c_real: (N, C) one-hot, or None for unconditional networks.

        Returns:
            Named scalars of the phases that ran, detached, on the device, of this process's rows.
        """
        batch, whole = len(real), len(real) * self.world.size
        if not self.loss.r1_gamma:
            self.bad_updates.pop("r1", None)  # of a phase that is taken no more
        stats = self.generator_main(batch)
        if self.loss.pl_weight and self.steps % self.loss.pl_interval == 0:
            stats |= self.generator_path_length(batch)
        stats |= self.discriminator_main(real, c_real)
        if self.loss.r1_gamma and self.steps % self.loss.r1_interval == 0:
            stats |= self.discriminator_r1(real, c_real)
        self.average.update(self.generator, ema_beta(self.ema, whole, self.images_shown))
        self.steps += 1
        self.images_shown += whole
        return stats
