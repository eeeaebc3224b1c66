"""Noise and cutout: what is drawn, how strong, how large, and where."""

import math
from collections.abc import Callable

import pytest
import torch
from scipy import stats

from stylegen.training.augment.chance import Chance
from stylegen.training.augment.config import Magnitudes
from stylegen.training.augment.corruption import (
    add_noise,
    cut_out,
    draw_cutout,
    draw_noise_std,
)

N, P = 20_000, 0.6
Chances = Callable[[int, float], Chance]


def test_noise_std_is_half_normal(chance: Chances) -> None:
    std = draw_noise_std(Magnitudes(), chance(N, P))
    assert abs((std != 0).float().mean().item() - P) < 5 * math.sqrt(P * (1 - P) / N)
    noisy = std[std != 0].double().numpy()
    assert stats.kstest(noisy, stats.halfnorm(scale=0.1).cdf).pvalue > 1e-3


def test_noise_has_the_stated_variance() -> None:
    torch.manual_seed(0)
    images, noise = torch.ones(3, 4, 50, 60), torch.randn(3, 4, 50, 60)
    added = add_noise(images, noise, torch.tensor([0.0, 0.1, 0.4])) - images
    assert added[0].abs().max() == 0
    for sample, std in ((1, 0.1), (2, 0.4)):
        for channel in added[sample]:
            assert channel.std().item() == pytest.approx(std, rel=0.05)


def test_cutout_is_anywhere(chance: Chances) -> None:
    cutout = draw_cutout(Magnitudes(cutout_size=0.3), chance(N, P))
    happens = cutout[:, 1, 0] > 0
    assert abs(happens.float().mean().item() - P) < 5 * math.sqrt(P * (1 - P) / N)
    assert cutout[happens][:, 1].unique().tolist() == pytest.approx([0.3])
    for axis in (0, 1):
        places = cutout[:, 0, axis].double().numpy()
        assert stats.kstest(places, stats.uniform(0, 1).cdf).pvalue > 1e-3


def test_cutout_by_hand() -> None:
    images = torch.ones(4, 2, 8, 12)
    half, none = [0.5, 0.5], [0.0, 0.0]
    cutout = torch.tensor(
        [[[0.5, 0.5], half], [[0.0, 1.0], half], [[0.5, 0.5], none], [[0.25, 0.5], [0.1, 1.0]]]
    )
    done = cut_out(images, cutout)
    expected = torch.ones(4, 8, 12)
    expected[0, 2:6, 3:9] = 0  # half of both sides
    expected[1, 6:, :3] = 0  # a corner: a quarter of both sides is left
    expected[3, :, 2:4] = 0  # 1.2 px around 3 px: the centres 2.5 and 3.5
    assert torch.equal(done[:, 0], expected)
    assert torch.equal(done[:, 1], expected)
