"""Adam with the correction for lazy regularisation, and the moving average of weights.

A network whose regulariser runs every k steps takes k + 1 optimiser steps where k were meant; with
c = k / (k + 1), the learning rate becomes c * lr and the decays beta^c.

Source: Karras et al. 2020 (StyleGAN2), appendix B, "lazy regularization".
"""

import copy
from collections.abc import Iterable

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
    return torch.optim.Adam(
        parameters, lr=lr * c, betas=(config.beta1**c, config.beta2**c), eps=config.eps, fused=True
    )


def clean_gradients(parameters: Iterable[nn.Parameter], limit: float = 1e5) -> None:
    """Replace NaN gradients by 0 and infinite ones by +-limit, in place."""
    for p in parameters:
        if p.grad is not None:
            torch.nan_to_num(p.grad, nan=0.0, posinf=limit, neginf=-limit, out=p.grad)


def ema_beta(config: EmaConfig, batch: int, images_shown: int) -> float:
    """Return the decay of the average for one step.

    Args:
        config: half life and ramp-up.
        batch: images of the step.
        images_shown: before the step.
    """
    half_life = min(config.half_life_kimg * 1000, images_shown * config.rampup)
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
