"""Adam's lazy correction, the moving average, and cleaned gradients."""

import math

import pytest
import torch
from torch import nn

from stylegen.training.config import EmaConfig, OptimizerConfig
from stylegen.training.optimizers import (
    MovingAverage,
    ema_beta,
    gradient_norm,
    lazy_adam,
    update_if_finite,
)


@pytest.mark.parametrize(("interval", "c"), [(4, 0.8), (16, 16 / 17), (None, 1.0)])
def test_lazy_correction(interval: int | None, c: float) -> None:
    adam = lazy_adam([nn.Parameter(torch.zeros(2))], 0.0025, OptimizerConfig(), interval)
    group = adam.param_groups[0]
    assert math.isclose(group["lr"], 0.0025 * c)
    assert group["betas"] == (0.0, pytest.approx(0.99**c))
    assert group["eps"] == 1e-8


def test_a_step_of_adam_by_hand() -> None:
    p = nn.Parameter(torch.tensor([1.0, -2.0]))
    adam = lazy_adam([p], 0.01, OptimizerConfig(), None)
    p.grad = torch.tensor([0.3, -0.7])
    adam.step()  # the first step of Adam moves by lr against the sign
    torch.testing.assert_close(p.detach(), torch.tensor([0.99, -1.99]))


def test_ema_beta() -> None:
    config = EmaConfig(half_life_kimg=10, rampup=0.05)
    assert ema_beta(config, 32, 0) == 0.0  # nothing to average yet
    assert math.isclose(ema_beta(config, 32, 40_000), 0.5 ** (32 / 2000))
    assert math.isclose(ema_beta(config, 32, 10**7), 0.5 ** (32 / 10_000))


def test_the_average_follows_and_copies_buffers() -> None:
    network = nn.BatchNorm1d(3)
    average = MovingAverage(network)
    with torch.no_grad():
        network.weight.fill_(5.0)
    network.running_mean.fill_(7.0)  # type: ignore[union-attr]
    average.update(network, 0.75)
    copied = average.network
    assert isinstance(copied, nn.BatchNorm1d)
    torch.testing.assert_close(copied.weight, torch.full((3,), 0.75 * 1 + 0.25 * 5))
    assert (copied.running_mean == 7).all()  # type: ignore[union-attr]
    assert not copied.weight.requires_grad
    assert not copied.training


def _trained(gradients: list[float]) -> tuple[list[float], dict[str, float]]:
    p = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = lazy_adam([p], 0.1, OptimizerConfig(beta1=0.5), None)
    for g in gradients:
        p.grad = torch.tensor([g, 1.0])
        update_if_finite(optimizer, gradient_norm([p.grad]))
    state = {k: float(v.sum()) for k, v in optimizer.state[p].items()}
    return p.tolist(), state


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_an_update_that_is_not_finite_leaves_no_trace(bad: float) -> None:
    assert _trained([0.3, bad, -0.2, bad]) == _trained([0.3, -0.2])
    assert _trained([0.3, -0.2]) != _trained([0.3])


def test_updates_left_out_are_told() -> None:
    p = nn.Parameter(torch.zeros(2))
    optimizer = lazy_adam([p], 0.1, OptimizerConfig(), None)
    p.grad = torch.tensor([3.0, 4.0])
    assert gradient_norm([p.grad, p.grad]).item() == pytest.approx(math.sqrt(50))
    assert update_if_finite(optimizer, gradient_norm([p.grad])).item() == 0
    p.grad = torch.tensor([math.nan, 4.0])
    assert update_if_finite(optimizer, gradient_norm([p.grad])).item() == 1
