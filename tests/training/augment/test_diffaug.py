"""DiffAug by hand."""

import math

import pytest
import torch

from stylegen.training.augment import AugmentConfig, build_augment
from stylegen.training.augment.diffaug import change_color, cut, translate
from stylegen.training.draws import Draws

N = 20_000


def assert_even(counts: torch.Tensor, kinds: int) -> None:
    margin = 5 * math.sqrt(N * (1 / kinds) * (1 - 1 / kinds))
    assert len(counts) == kinds
    assert (counts - N / kinds).abs().max() < margin


def test_brightness_saturation_contrast_by_hand() -> None:
    # one pixel red, one pixel grey
    images = torch.tensor([[[[0.9, 0.2]], [[0.3, 0.2]], [[0.0, 0.2]]]])
    brighter = change_color(images, torch.tensor([[0.75, 0.5, 0.5]]))
    torch.testing.assert_close(brighter, images + 0.25)
    paler = change_color(images, torch.tensor([[0.5, 0.25, 0.5]]))
    expected = torch.tensor([[[[0.65, 0.2]], [[0.35, 0.2]], [[0.2, 0.2]]]])  # mean 0.4, half way
    torch.testing.assert_close(paler, expected)
    stronger = change_color(images, torch.tensor([[0.5, 0.5, 0.9]]))
    torch.testing.assert_close(stronger, 0.3 + 1.4 * (images - 0.3))  # 0.3: mean of all six


def test_their_order() -> None:
    images, u = torch.randn(2, 3, 4, 5), torch.rand(2, 3)
    b, s, c = (column[:, None, None, None] for column in u.unbind(1))
    x = images + b - 0.5
    x = (x - x.mean(1, keepdim=True)) * 2 * s + x.mean(1, keepdim=True)
    x = (x - x.mean([1, 2, 3], keepdim=True)) * (c + 0.5) + x.mean([1, 2, 3], keepdim=True)
    torch.testing.assert_close(change_color(images, u), x)


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_keeps_its_values(channels: int) -> None:
    images = torch.randn(3, channels, 4, 4)
    done = change_color(images, torch.rand(3, 3))
    assert torch.equal(done[:, -1], images[:, -1])
    without = change_color(images[:, :-1], torch.zeros(3, 3))
    assert torch.equal(change_color(images, torch.zeros(3, 3))[:, :-1], without)


def test_translation_moves_whole_pixels_and_brings_in_zeros() -> None:
    images = torch.arange(1.0, 129).view(1, 1, 8, 16)  # up to 1 and 2 pixels
    left_down = translate(images, torch.tensor([[0.0, 0.99]]))
    expected = torch.zeros(1, 1, 8, 16)
    expected[..., 1:, :-2] = images[..., :-1, 2:]
    assert torch.equal(left_down, expected)
    assert torch.equal(translate(images, torch.tensor([[0.5, 0.5]])), images)


def test_every_translation_is_as_likely() -> None:
    torch.manual_seed(0)
    point = torch.zeros(1, 1, 9, 17)
    point[..., 4, 8] = 1
    places = translate(point.expand(N, -1, -1, -1), torch.rand(N, 2)).flatten(1).argmax(1)
    assert_even(torch.bincount(places // 17 - 3), 3)  # 1/8 of 9 rows: 1 pixel
    assert_even(torch.bincount(places % 17 - 6), 5)  # 1/8 of 17 columns: 2 pixels


@pytest.mark.parametrize(("height", "width", "rows", "columns"), [(8, 12, 4, 6), (9, 13, 5, 7)])
def test_cutout_by_hand(height: int, width: int, rows: int, columns: int) -> None:
    images = torch.ones(1, 2, height, width)
    whole = cut(images, torch.tensor([[0.5, 0.5]]))
    assert (whole == 0).sum() == 2 * rows * columns
    corner = cut(images, torch.tensor([[0.0, 0.0]]))[0, 0]
    assert (corner[: rows - rows // 2, : columns - columns // 2] == 0).all()
    assert (corner == 0).sum() == (rows - rows // 2) * (columns - columns // 2)


def test_every_cut_is_as_likely() -> None:
    torch.manual_seed(0)
    done = cut(torch.ones(1, 1, 8, 8).expand(N, -1, -1, -1), torch.rand(N, 2))
    # 4 of 8 columns, whose third is 0, 1, ... 8, as far as they are there: the last column cut
    # is 1, 2, ... 6, and 7 in three of nine cases
    last = 7 - (done[:, 0] == 0).any(1).flip(1).float().argmax(1)
    counts = torch.bincount(last)[1:].double()
    counts = torch.cat([counts[:6], counts[6:] / 3])
    assert_even(torch.cat([counts, counts[6:], counts[6:]]), 9)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_the_policy_is_always_applied(p: float, draws: Draws) -> None:
    images = torch.ones(64, 3, 8, 8)
    for policy in ("color", "translation", "cutout"):
        config = AugmentConfig(kind="diffaug", policy=(policy,))
        done = build_augment(config, 3, 8, 8)(images, p, draws)
        changed = (done != images).flatten(1).any(1)
        assert changed.float().mean() > (0.7 if policy == "translation" else 0.99)
    nothing = build_augment(AugmentConfig(kind="diffaug", policy=()), 3, 8, 8)
    assert torch.equal(nothing(images, p, draws), images)


def test_gradients_of_both_orders(draws: Draws) -> None:
    augment = build_augment(AugmentConfig(kind="diffaug"), 4, 4, 5)
    images = torch.randn(2, 4, 4, 5, dtype=torch.float64, requires_grad=True)

    def run(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)
        return augment(x, 1.0, draws)

    assert torch.autograd.gradcheck(run, images)
    assert torch.autograd.gradgradcheck(run, images)
