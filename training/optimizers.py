"""Adam with the correction for lazy regularisation, and the moving average of weights.

A network whose regulariser runs every k steps takes k + 1 optimiser steps where k were meant; with
c = k / (k + 1), the learning rate becomes c * lr and the decays beta^c.

Source: Karras et al. 2020 (StyleGAN2), appendix B, "lazy regularization".
"""

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from stylegen.training.config import EmaConfig, OptimizerConfig


def lazy_adam(
    parameters: Iterable[nn.Parameter], lr: float, config: OptimizerConfig, interval: int | None
) -> torch.optim.Adam:
    """Return Adam, corrected for a regulariser that runs every ``interval`` steps.

    Args:
        parameters: what to train.
        lr: learning rate before the correction.
        config: the other numbers.
        interval: steps between regularisation steps; None: there are none.
    """
    c = 1.0 if interval is None else interval / (interval + 1)
    optimizer = torch.optim.Adam(
        parameters, lr=lr * c, betas=(config.beta1**c, config.beta2**c), eps=config.eps, fused=True
    )
    for group in optimizer.param_groups:
        group["lazy_correction"] = c
    return optimizer


def gradient_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm over all gradients together, a scalar; the device is not asked."""
    norms: tuple[Tensor, ...] = torch._foreach_norm(list(gradients))
    return torch.stack(norms).square().sum().sqrt()


def update_if_finite(optimizer: torch.optim.Adam, norm: Tensor) -> Tensor:
    """Take a step of the optimiser, unless the gradients' norm is infinite or NaN.

    A step that is left out leaves weights, moments and step counts as they were. Whether it was is
    decided on the device, without waiting for it.

    Args:
        optimizer: from :func:`lazy_adam`.
        norm: of all its gradients, a scalar.

    Returns:
        1 if the step was left out, else 0; a float32 scalar.
    """
    is_bad = (~norm.isfinite()).float()
    optimizer.found_inf = is_bad  # type: ignore[attr-defined]  # fused Adam heeds it
    optimizer.step()
    return is_bad


def ema_beta(config: EmaConfig, batch: int, images_shown: int) -> float:
    """Return the decay of the average for one step.

    Args:
        config: half life and ramp-up.
        batch: images of the step.
        images_shown: before the step.
    """
    half_life = config.half_life_kimg * 1000
    if config.rampup is not None:
        half_life = min(half_life, images_shown * config.rampup)
    return float(0.5 ** (batch / max(half_life, 1e-8)))


class MovingAverage:
    """A copy of a network whose parameters follow it slowly and whose buffers are copied.

    Args:
        network: the one to follow.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, beta: float) -> None:
        """Move: average <- lerp(network, average, beta)."""
        mine: list[Tensor] = list(self.network.parameters())
        theirs: list[Tensor] = [p.detach() for p in network.parameters()]
        torch._foreach_lerp_(mine, theirs, 1 - beta)
        for copy_, original in zip(self.network.buffers(), network.buffers(), strict=True):
            copy_.copy_(original)
