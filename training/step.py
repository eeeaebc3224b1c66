"""One training step: the four phases of StyleGAN2, each a loss, a backward pass, an update.

Per step: generator, path length (every pl_interval steps), discriminator, R1 (every r1_interval
steps), each with latents of its own; then the generator's average. Real and fake images go
through the discriminator as two parts of one batch: minibatch deviations never mix them.

Source: Karras et al. 2020 (StyleGAN2), section 3.1 and appendix B; style mixing: Karras et al.
2019 (StyleGAN), section 3.1.

N batch, C number of classes, L number of layers that take a w.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from stylegen.networks import Discriminator, Generator
from stylegen.training.config import EmaConfig, LossConfig, OptimizerConfig
from stylegen.training.losses import (
    discriminator_loss,
    generator_loss,
    path_length_noise,
    path_length_penalty,
    path_lengths,
    r1_penalty,
)
from stylegen.training.optimizers import MovingAverage, clean_gradients, ema_beta, lazy_adam

Stats = dict[str, Tensor]
Labels = Callable[[int], Tensor | None]


def no_labels(_: int) -> None:
    """Draw no classes: the labels of unconditional training."""


class Trainer:
    """Both networks with their optimisers and running means.

    Args:
        generator: trained in place.
        discriminator: trained in place.
        loss: losses and regularisers.
        optimizer: Adam's numbers.
        ema: the average's numbers.
        labels: draws classes (N, C) for generated images, or None for unconditional ones.

    Attributes:
        average: the moving average of the generator.
        pl_mean: running mean of the path lengths, a scalar.
        steps: steps taken.
        images_shown: real images that the discriminator was shown.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        loss: LossConfig,
        optimizer: OptimizerConfig,
        ema: EmaConfig,
        labels: Labels = no_labels,
    ) -> None:
        self.generator, self.discriminator = generator.train(), discriminator.train()
        self.loss, self.ema, self.labels = loss, ema, labels
        self.device = next(generator.parameters()).device
        self.generator_optimizer = lazy_adam(
            generator.parameters(),
            optimizer.generator_lr,
            optimizer,
            loss.pl_interval if loss.pl_weight else None,
        )
        self.discriminator_optimizer = lazy_adam(
            discriminator.parameters(),
            optimizer.discriminator_lr,
            optimizer,
            loss.r1_interval if loss.r1_gamma else None,
        )
        self.average = MovingAverage(generator)
        self.pl_mean = torch.zeros([], device=self.device)
        self.steps = self.images_shown = 0

    def _draw_ws(self, batch: int) -> tuple[Tensor, Tensor | None]:
        """Draw latents, with two of them mixed in most batches."""
        mapping = self.generator.mapping
        z = torch.randn(2, batch, mapping.z_dim, device=self.device)
        c = self.labels(batch)
        ws: Tensor = mapping(z[0], c)
        if torch.rand([]).item() < self.loss.style_mixing:
            cut = int(torch.randint(1, ws.shape[1], []).item()) if ws.shape[1] > 1 else 1
            other = mapping(z[1], c, skip_w_avg_update=True)
            ws = torch.cat([ws[:, :cut], other[:, cut:]], dim=1)
        return ws, c

    def _update(self, network: nn.Module, optimizer: torch.optim.Adam, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clean_gradients(network.parameters())
        optimizer.step()

    def _train_only(self, network: nn.Module) -> None:
        self.generator.requires_grad_(network is self.generator)
        self.discriminator.requires_grad_(network is self.discriminator)

    def generator_main(self, batch: int) -> Stats:
        """Make fakes look real."""
        self._train_only(self.generator)
        ws, c = self._draw_ws(batch)
        logits = self.discriminator(self.generator.synthesis(ws), c)
        loss = generator_loss(logits)
        self._update(self.generator, self.generator_optimizer, loss)
        return {"loss_g": loss.detach()}

    def generator_path_length(self, batch: int) -> Stats:
        """Make images move with their latents at an even pace."""
        self._train_only(self.generator)
        ws, _ = self._draw_ws(max(batch // self.loss.pl_batch_shrink, 1))
        images = self.generator.synthesis(ws)
        lengths = path_lengths(images, ws, path_length_noise(images))
        penalty, self.pl_mean = path_length_penalty(lengths, self.pl_mean, self.loss.pl_decay)
        gain = self.loss.pl_weight * self.loss.pl_interval
        self._update(self.generator, self.generator_optimizer, penalty * gain)
        return {"path_length": lengths.detach().mean(), "loss_pl": penalty.detach()}

    def _judge(
        self, fake: Tensor, c_fake: Tensor | None, real: Tensor, c_real: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of both batches, from one pass that never mixes them."""
        c = None if c_fake is None or c_real is None else torch.cat([c_fake, c_real])
        fake_logits, real_logits = self.discriminator(torch.cat([fake, real]), c, parts=2).chunk(2)
        return fake_logits, real_logits

    def discriminator_main(self, real: Tensor, c_real: Tensor | None) -> Stats:
        """Tell real from fake."""
        self._train_only(self.discriminator)
        with torch.no_grad():
            ws, c = self._draw_ws(len(real))
            fake = self.generator.synthesis(ws)
        fake_logits, real_logits = self._judge(fake, c, real, c_real)
        loss = discriminator_loss(fake_logits, real_logits)
        self._update(self.discriminator, self.discriminator_optimizer, loss)
        return {
            "loss_d": loss.detach(),
            "logits_real": real_logits.detach().mean(),
            "logits_fake": fake_logits.detach().mean(),
            "signs_real": real_logits.detach().sign().mean(),
            "signs_fake": fake_logits.detach().sign().mean(),
        }

    def discriminator_r1(self, real: Tensor, c_real: Tensor | None) -> Stats:
        """Keep the discriminator flat around real images."""
        self._train_only(self.discriminator)
        real = real.detach().requires_grad_()
        logits = self.discriminator(real, c_real)
        penalty, squared = r1_penalty(logits, real, self.loss.r1_gamma)
        gain = self.loss.r1_interval
        self._update(self.discriminator, self.discriminator_optimizer, penalty * gain)
        return {"r1": squared}

    def step(self, real: Tensor, c_real: Tensor | None = None) -> Stats:
        """Take one step.

        Args:
            real: (N, channels, R, R) float32 in [-1, 1].
            c_real: (N, C) one-hot, or None for unconditional networks.

        Returns:
            Named scalars of the phases that ran, detached, on the device.
        """
        batch = len(real)
        stats = self.generator_main(batch)
        if self.loss.pl_weight and self.steps % self.loss.pl_interval == 0:
            stats |= self.generator_path_length(batch)
        stats |= self.discriminator_main(real, c_real)
        if self.loss.r1_gamma and self.steps % self.loss.r1_interval == 0:
            stats |= self.discriminator_r1(real, c_real)
        self.average.update(self.generator, ema_beta(self.ema, batch, self.images_shown))
        self.steps += 1
        self.images_shown += batch
        return stats
