"""Colours: what is drawn, the matrix against its published composition, single operations."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial.transform import Rotation

from stylegen.training.augment.chance import Chance
from stylegen.training.augment.color import (
    Colors,
    color_matrix,
    colour_channels,
    draw_colors,
    recolor,
)
from stylegen.training.augment.config import Magnitudes

N, P = 20_000, 0.6
Chances = Callable[[int, float], Chance]


def neutral(samples: int = 1) -> Colors:
    one, zero = torch.ones(samples), torch.zeros(samples)
    return Colors(brightness=zero, contrast=one, flip=one, hue=zero, saturation=one)


@pytest.fixture
def drawn(chance: Chances) -> Colors:
    return draw_colors(Magnitudes(), chance(N, P))


@pytest.mark.parametrize(
    ("name", "idle", "published"),
    [
        ("brightness", 0, stats.norm(scale=0.2)),
        ("contrast", 1, stats.lognorm(s=0.5 * math.log(2))),
        ("hue", 0, stats.uniform(-math.pi, 2 * math.pi)),
        ("saturation", 1, stats.lognorm(s=math.log(2))),
    ],
)
def test_draws_follow_the_published_distributions(
    drawn: Colors, name: str, idle: float, published: stats.rv_continuous
) -> None:
    values = getattr(drawn, name)
    assert abs((values != idle).float().mean().item() - P) < 5 * math.sqrt(P * (1 - P) / N)
    assert stats.kstest(values[values != idle].double().numpy(), published.cdf).pvalue > 1e-3


def test_luma_is_flipped_half_as_often(drawn: Colors) -> None:
    assert set(drawn.flip.unique().tolist()) == {-1, 1}
    share = (drawn.flip == -1).float().mean().item()
    assert abs(share - P / 2) < 5 * math.sqrt(0.3 * 0.7 / N)


def composed(colors: Colors, sample: int) -> np.ndarray:
    """Compose the published 4 x 4 matrices, one after the other, in float64."""
    b, c, f, h, s = (
        float(getattr(colors, name)[sample])
        for name in ("brightness", "contrast", "flip", "hue", "saturation")
    )
    axis = np.ones(3) / math.sqrt(3)
    v = np.append(axis, 0)[:, None]
    m = np.eye(4)
    m[:3, 3] = b
    m = np.diag([c, c, c, 1]) @ m
    m = (np.eye(4) - 2 * v @ v.T * ((1 - f) / 2)) @ m  # Householder's reflection
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(axis * h).as_matrix()
    m = turn @ m
    return (v @ v.T + (np.eye(4) - v @ v.T) * np.array([s, s, s, 1])) @ m


def test_matrix_is_the_published_composition(chance: Chances) -> None:
    colors = draw_colors(Magnitudes(), chance(60, 0.8))
    found = color_matrix(colors, 3).double().numpy()
    for sample in range(60):
        np.testing.assert_allclose(found[sample], composed(colors, sample)[:3], atol=2e-5)


def test_grey_is_rgb_with_equal_colours(chance: Chances) -> None:
    colors = draw_colors(Magnitudes(), chance(20, 0.8))
    grey = torch.randn(20, 1, 4, 5)
    as_grey = recolor(grey, color_matrix(colors, 1))
    as_rgb = recolor(grey.expand(-1, 3, -1, -1), color_matrix(colors, 3))
    torch.testing.assert_close(as_grey.expand(-1, 3, -1, -1), as_rgb, atol=2e-5, rtol=1e-5)
    assert (as_grey - grey).abs().max() > 0.1


def run(images: torch.Tensor, colors: Colors) -> torch.Tensor:
    return recolor(images, color_matrix(colors, colour_channels(images.shape[1])))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_single_operations(channels: int) -> None:
    images = torch.randn(1, channels, 3, 4)
    count = colour_channels(channels)
    colours, alpha = images[:, :count], images[:, count:]
    idle, mean = neutral(), colours.mean(1, keepdim=True)
    for colors, expected in [
        (idle, colours),
        (replace(idle, brightness=torch.tensor([0.3])), colours + 0.3),
        (replace(idle, contrast=torch.tensor([1.5])), colours * 1.5),
        (replace(idle, flip=torch.tensor([-1.0])), colours - 2 * mean),
        (replace(idle, saturation=torch.tensor([0.25])), mean + 0.25 * (colours - mean)),
        (replace(idle, hue=torch.tensor([2 * math.pi])), colours),
    ]:
        done = run(images, colors)
        torch.testing.assert_close(done[:, :count], expected, atol=2e-6, rtol=1e-6)
        assert torch.equal(done[:, count:], alpha)


def test_a_third_of_a_hue_turn_passes_the_colours_on() -> None:
    images = torch.randn(1, 3, 3, 4)
    done = run(images, replace(neutral(), hue=torch.tensor([2 * math.pi / 3])))
    torch.testing.assert_close(done, images.roll(1, 1), atol=1e-6, rtol=1e-6)
