"""Pivotal tuning: the codes stay, and the generator learns to draw the images at them.

    minimise over G:  mean_i  d(G(w_i), x_i) + pixels mean (G(w_i) - x_i)^2
                      + locality  d(G(w_r), G_0(w_r)) + pixels mean (G(w_r) - G_0(w_r))^2
    w_r = w_i + reach (w_z - w_i),  w_z random

with G_0 the generator before: images at other codes shall stay what they are.

Source: Roich et al. 2021 (pivotal tuning), section 3.2.

N images, C channels, H height, W width, L number of layers that take a w, D width of w.
"""

import copy
import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from stylegen import configs
from stylegen.checkpoints.checksums import tensor_digest
from stylegen.devices import full_float32
from stylegen.editing.latents import Latents, latents_digest
from stylegen.editing.projection.config import TuningConfig
from stylegen.editing.projection.distances import Distance, Features
from stylegen.editing.projection.projecting import Report
from stylegen.editing.sampling import sample_w
from stylegen.errors import InputError
from stylegen.images import from_uint8
from stylegen.networks import Generator, freeze
from stylegen.networks.layers import thaw


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuning:
    """A tuned generator.

    Attributes:
        generator: the tuned one, ready to draw; the given one is as it was.
        loss: of the images, at the step that was kept.
        step: that step.
        seconds: that it took.
    """

    generator: Generator
    loss: float
    step: int
    seconds: float


class _Loss:
    """How far drawn images are from wanted ones; features of the wanted ones are taken once."""

    def __init__(self, distance: Distance, config: TuningConfig, wanted: Tensor) -> None:
        self.distance, self.config, self.wanted = distance, config, wanted
        with torch.no_grad():
            self.features: Features = distance.features(wanted)

    def __call__(self, images: Tensor) -> Tensor:
        """Return the mean over images of distance and pixels."""
        far = self.distance.between(self.distance.features(images), self.features).mean()
        return far + self.config.pixels * (images - self.wanted).square().mean()


def _check(generator: Generator, latents: Latents, targets: Tensor) -> None:
    latents.check(generator, latents_digest(generator))
    config = generator.config
    wanted = (len(latents), config.img_channels, config.height, config.width)
    if targets.dtype != torch.uint8 or targets.shape != wanted:
        raise InputError(
            f"to tune, {len(latents)} codes want uint8 images {wanted}, not {targets.dtype} "
            f"{tuple(targets.shape)}"
        )


def about_tuning(
    latents: Latents, targets: Tensor, distance: Distance, config: TuningConfig
) -> dict[str, Any]:
    """Return what a tuned generator comes from beside the one before, as plain values.

    Args:
        latents: N codes.
        targets: (N, C, H, W) uint8.
        distance: that is minimised.
        config: the recipe.
    """
    return {
        "tuning": configs.to_dict(config),
        "distance": [distance.name, distance.digest],
        "latents": tensor_digest(latents.w),
        "targets": tensor_digest(targets),
    }


def _local_loss(
    tuned: Generator, base: Generator, code: Tensor, distance: Distance, config: TuningConfig
) -> Tensor:
    """Return how far the tuned generator's image at another code is from what it was."""
    with torch.no_grad():
        before = base.synthesis(code, noise="const")
    return _Loss(distance, config, before)(tuned.synthesis(code, noise="const"))


@full_float32()
def tune(
    generator: Generator,
    latents: Latents,
    targets: Tensor,
    distance: Distance,
    config: TuningConfig = TuningConfig(),  # noqa: B008  # frozen
    progress: Report | None = None,
) -> Tuning:
    """Tune a copy of a generator until its codes draw given images.

    Args:
        generator: from :func:`stylegen.load`; unchanged.
        latents: N codes of its own.
        targets: (N, C, H, W) uint8, the images they shall draw.
        distance: from :func:`~stylegen.editing.projection.opening.open_distance`.
        config: the recipe.
        progress: told after each step: steps done, steps in all, the loss.

    Returns:
        The tuned generator, as it was at the step with the lowest loss of the images.

    Raises:
        InputError: the codes are another network's, or the images of another shape.
    """
    _check(generator, latents, targets)
    started, device = time.monotonic(), next(generator.parameters()).device
    ws = latents.w.to(device)
    loss_of = _Loss(distance, config, from_uint8(targets).to(device))
    with torch.no_grad():
        others = sample_w(generator, config.steps, config.seed)
    tuned = copy.deepcopy(generator)
    thaw(tuned.synthesis)
    optimizer = torch.optim.Adam(tuned.synthesis.parameters(), lr=config.lr, betas=(0.9, 0.999))
    best, best_loss, best_step = {}, math.inf, 0
    for step in range(config.steps):
        loss = loss_of(tuned.synthesis(ws, noise="const"))
        if loss.item() < best_loss:
            best = {k: v.clone() for k, v in tuned.synthesis.state_dict().items()}
            best_loss, best_step = loss.item(), step
        total = loss
        if config.locality:
            pivot = ws[step % len(ws)][None]
            code = pivot.lerp(others[step].expand_as(pivot), config.locality_reach)
            total = loss + config.locality * _local_loss(tuned, generator, code, distance, config)
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if progress is not None:
            progress(step + 1, config.steps, loss.item())
    if not best:
        raise InputError("the loss was never a finite number; take another precision, or lr")
    tuned.synthesis.load_state_dict(best)
    seconds = time.monotonic() - started
    return Tuning(generator=freeze(tuned), loss=best_loss, step=best_step, seconds=seconds)
