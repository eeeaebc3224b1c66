"""Affine maps against closed forms: waves that reflect into themselves, ramps, whole pixels."""

import math

import pytest
import torch
from torch import Tensor

from stylegen.training.augment import warp as warp_module
from stylegen.training.augment.borders import reflected
from stylegen.training.augment.warp import Warp, step_pixels

SIZES = [(16, 16), (9, 13), (4, 4), (5, 31)]
FILTERED = pytest.mark.parametrize("filtered", [False, True], ids=["matrices", "filters"])


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, filtered: bool) -> type[Warp]:
    if filtered:
        monkeypatch.setattr(warp_module, "_LARGEST_BY_MATRICES", 0)
    return Warp


def affine(angle: float, scale: tuple[float, float], moved: tuple[float, float]) -> Tensor:
    c, s = math.cos(angle), math.sin(angle)
    rows = [[c * scale[0], s * scale[1], moved[0]], [-s * scale[0], c * scale[1], moved[1]]]
    return torch.tensor([rows], dtype=torch.float64)


def wave(x: Tensor, y: Tensor, height: int, width: int) -> Tensor:
    """Evaluate an image without end that is symmetric around its outermost pixels' centres."""
    u, v = (x / (width - 1) + 0.5) * math.pi, (y / (height - 1) + 0.5) * math.pi
    return u.cos() + 0.5 * (2 * u).cos() * v.cos() - 0.7 * (2 * v).cos() + 0.2


def pixel_grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    y = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
    return x.expand(height, width), y[:, None].expand(height, width)


@FILTERED
@pytest.mark.parametrize(
    "inverse",
    [
        affine(0.3, (1.2, 0.8), (2.3, -1.7)),
        affine(math.pi / 2, (1, 1), (0, 0)),
        affine(-2.5, (2.0, 2.0), (0.5, 0.25)),
        affine(0.1, (1, 1), (150.0, -77.0)),  # far beyond the border
        affine(1.0, (0.3, 0.4), (5.0, 9.0)),
    ],
)
def test_waves_are_mapped_as_their_formula_is(make: type[Warp], inverse: Tensor) -> None:
    height, width = 48, 72
    x, y = pixel_grid(height, width)
    images = wave(x, y, height, width)[None, None]
    a = inverse[0]
    expected = wave(
        a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2], height, width
    )
    found = make(height, width, (9, 6))(images, inverse)[0, 0]
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


@FILTERED
def test_ramps_stay_ramps_to_rounding(make: type[Warp]) -> None:
    # both filters and the lookup reproduce what is linear; the reflection is kept out of sight
    height, width = 33, 40
    x, y = pixel_grid(height, width)
    inverse = affine(0.7, (0.4, 0.3), (1.3, -0.6))
    a = inverse[0]
    found = make(height, width)((3 * x - y + 2)[None, None], inverse)[0, 0]
    seen_x, seen_y = (a[i, 0] * x + a[i, 1] * y + a[i, 2] for i in (0, 1))
    torch.testing.assert_close(found, 3 * seen_x - seen_y + 2, atol=1e-9, rtol=0)


@FILTERED
@pytest.mark.parametrize("size", SIZES)
def test_the_identity_gives_back_what_came(make: type[Warp], size: tuple[int, int]) -> None:
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    still = torch.eye(2, 3, dtype=torch.float64).expand(2, 2, 3)
    torch.testing.assert_close(make(*size)(images, still), images, atol=1e-10, rtol=0)


@FILTERED
@pytest.mark.parametrize("size", SIZES)
def test_whole_pixels_within_reach_move_exactly(make: type[Warp], size: tuple[int, int]) -> None:
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    inverse = affine(0, (1, 1), (-3, 2)).expand(2, 2, 3)
    expected = step_pixels(images, torch.tensor([[3.0, -2.0]]).expand(2, 2))
    found = make(*size, (3, 3))(images, inverse)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    torch.testing.assert_close(
        make(*size, (3, 3))(images.float(), inverse), expected.float(), atol=1e-4, rtol=0
    )


def test_step_pixels_by_hand() -> None:
    row = torch.tensor([[[[0.0, 1, 2, 3]]]]).repeat(3, 1, 2, 1)
    row[:, :, 1] += 10
    moved = step_pixels(row, torch.tensor([[1.0, 0], [-2, 0], [0, 1]]))
    assert moved[0, 0, 0].tolist() == [1, 0, 1, 2]
    assert moved[1, 0, 0].tolist() == [2, 3, 2, 1]
    assert moved[2, 0].tolist() == [[10, 11, 12, 13], [0, 1, 2, 3]]


def test_reflection_by_hand() -> None:
    places = torch.arange(-7, 8)
    assert reflected(places, 4).tolist() == [1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]


@FILTERED
def test_gradients_of_both_orders(make: type[Warp]) -> None:
    images = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    inverse = torch.cat([affine(0.3, (1.2, 0.8), (0.6, -0.7)), affine(2, (1, 1), (9, 0))])
    run = make(4, 5, (1, 0))
    assert torch.autograd.gradcheck(lambda x: run(x, inverse), images)
    assert torch.autograd.gradgradcheck(lambda x: run(x, inverse), images)


@FILTERED
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_layout_is_kept(make: type[Warp], layout: torch.memory_format) -> None:
    images = torch.randn(2, 3, 8, 6).contiguous(memory_format=layout)
    done = make(8, 6)(images, affine(0.3, (1, 1), (0, 0)).float().expand(2, 2, 3))
    assert done.is_contiguous(memory_format=layout)
