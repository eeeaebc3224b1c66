"""Pipelines and random numbers as the tests need them."""

from collections.abc import Callable

import pytest
import torch

from stylegen.training.augment import AugmentConfig
from stylegen.training.augment.chance import Chance
from stylegen.training.augment.pipeline import Pipeline
from stylegen.training.draws import Draws

CPU = torch.device("cpu")


@pytest.fixture
def draws() -> Draws:
    torch.manual_seed(7)
    return Draws(CPU)


@pytest.fixture
def chance(draws: Draws) -> Callable[[int, float], Chance]:
    return lambda samples, p: Chance(draws, samples, torch.tensor(p))


@pytest.fixture
def pipeline() -> Callable[..., Pipeline]:
    def make(pipe: str, channels: int = 3, height: int = 16, width: int = 16) -> Pipeline:
        config = AugmentConfig(kind="fixed", pipe=pipe)  # type: ignore[arg-type]
        return Pipeline(config, channels, height, width)

    return make
