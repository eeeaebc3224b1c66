"""The same plan on a GPU as on the CPU, in both orders of differentiation."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.training.augment import AugmentConfig, build_augment
from stylegen.training.augment.config import PIPES
from stylegen.training.augment.pipeline import Pipeline
from stylegen.training.draws import Draws

pytestmark = pytest.mark.gpu
CPU, GPU = torch.device("cpu"), torch.device("cuda")


def moved(value: Any) -> Any:
    """Return a plan whose tensors lie on the GPU."""
    if isinstance(value, Tensor):
        return value.to(GPU)
    if is_dataclass(value):
        parts = {f.name: moved(getattr(value, f.name)) for f in fields(value)}
        return type(value)(**parts)  # type: ignore[operator]
    return value


@pytest.mark.parametrize("pipe", PIPES)
@pytest.mark.parametrize("size", [(16, 16), (33, 48), (4, 5)])
def test_images_and_gradients_are_those_of_the_cpu(
    pipeline: Callable[..., Pipeline], pipe: str, size: tuple[int, int], draws: Draws
) -> None:
    augment = pipeline(pipe, 3, *size)
    plan = augment.draw(8, torch.tensor(0.7), draws)
    images = torch.randn(8, 3, *size, dtype=torch.float64)

    def run(device: torch.device, plan: Any) -> list[Tensor]:
        x = images.to(device).requires_grad_()
        y = augment.apply(x, plan)
        (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x)
        return [y, first, second]

    for found, expected in zip(run(GPU, moved(plan)), run(CPU, plan), strict=True):
        torch.testing.assert_close(found.cpu(), expected, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("kind", ["fixed", "diffaug"])
def test_nothing_is_waited_for(kind: Any) -> None:
    config = AugmentConfig(kind=kind, pipe="bgcfnc")
    augment, draws = build_augment(config, 3, 32, 32), Draws(GPU)
    images = torch.randn(4, 3, 32, 32, device=GPU, requires_grad=True)
    augment(images, 0.5, draws)  # constants are copied there once
    torch.cuda.set_sync_debug_mode("error")
    try:
        augment(images, 0.5, draws).sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert images.grad is not None


def test_p_of_zero_is_the_identity(pipeline: Callable[..., Pipeline]) -> None:
    images = torch.randn(4, 3, 32, 32, device=GPU)
    done = pipeline("bgcfnc", 3, 32, 32)(images, torch.zeros([], device=GPU), Draws(GPU))
    torch.testing.assert_close(done, images, atol=1e-6, rtol=0)
