"""Curves and where frames lie on them."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from stylegen.editing.paths import curve, frame_times, key_frames, share_steps


def points(count: int, width: int = 7) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(count))


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("closed", [False, True])
def test_cubic_is_scipys_spline(count: int, closed: bool) -> None:
    y = points(count).double()
    path = "loop" if closed else "cubic"
    rows = torch.cat([y, y[:1]]) if closed else y
    kind = "periodic" if closed else "natural"
    reference = CubicSpline(np.arange(len(rows)), rows.numpy(), bc_type=kind)
    t = torch.linspace(0, len(rows) - 1, 41, dtype=torch.float64)
    assert np.allclose(curve(y, path, False)(t).numpy(), reference(t.numpy()), atol=1e-12)
    assert torch.equal(curve(y, "cubic", closed)(t), curve(y, path, closed)(t))


def test_linear_by_hand() -> None:
    y = torch.tensor([[0.0, 1.0], [2.0, 5.0], [4.0, 5.0]])
    t = torch.tensor([0.0, 0.25, 1.0, 1.5, 2.0], dtype=torch.float64)
    expected = [[0.0, 1.0], [0.5, 2.0], [2.0, 5.0], [3.0, 5.0], [4.0, 5.0]]
    assert curve(y, "linear", False)(t).tolist() == expected
    back = curve(y, "linear", True)(torch.tensor([2.5, 3.0], dtype=torch.float64))
    assert back.tolist() == [[2.0, 3.0], [0.0, 1.0]]


@pytest.mark.parametrize("path", ["linear", "slerp", "cubic", "loop"])
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_points_are_met_bit_by_bit(path: str, closed: bool, count: int) -> None:
    y = points(count, 12).reshape(count, 3, 4)
    along = curve(y, path, closed)
    assert torch.equal(along(torch.arange(count).double()), y)
    if closed or path == "loop":
        assert torch.equal(along(torch.tensor([float(count)]).double()), y[:1])
    near = along(torch.arange(1, count).double() - 1e-9)
    assert torch.allclose(near, y[1:], atol=1e-6)  # it comes there, and does not jump


def angles(y: Tensor) -> Tensor:
    """Between following rows, accurately for small ones too."""
    y = y / y.norm(dim=1, keepdim=True)
    return 2 * torch.asin((y[1:] - y[:-1]).norm(dim=1) / 2)


def test_slerp_turns_steadily_and_keeps_the_length() -> None:
    y = points(4, 64).double()
    y = y / y.norm(dim=1, keepdim=True) * 3
    along = curve(y, "slerp", False)
    for j in range(3):
        way = along(torch.linspace(j, j + 1, 33, dtype=torch.float64))
        assert torch.allclose(way.norm(dim=1), torch.tensor(3.0).double())
        whole = torch.acos(y[j] @ y[j + 1] / 9)
        assert torch.allclose(angles(way), whole / 32)


def test_slerp_by_hand() -> None:
    y = torch.tensor([[2.0, 0.0], [0.0, 4.0]]).double()
    third = curve(y, "slerp", False)(torch.tensor([1 / 3]).double())[0]
    length, angle = 2 + 2 / 3, math.pi / 6
    assert torch.allclose(third, length * torch.tensor([math.cos(angle), math.sin(angle)]).double())


@pytest.mark.parametrize("tilt", [0.0, 1e-12, 1e-7])
def test_slerp_between_opposite_points_is_half_a_circle(tilt: float) -> None:
    a = points(1, 16)[0].double()
    b = -a + tilt * a.norm() * points(16, 16)[0].double()
    way = curve(torch.stack([a, b]), "slerp", False)(torch.linspace(0, 1, 65).double())
    assert torch.allclose(way.norm(dim=1), a.norm(), rtol=1e-5)
    assert torch.allclose(angles(way), torch.tensor(math.pi / 64).double(), rtol=1e-4)


@pytest.mark.parametrize("tilt", [0.0, 1e-12, 1e-7])
def test_slerp_between_equal_points_stays(tilt: float) -> None:
    a = points(1, 16)[0].double()
    b = a + tilt * points(16, 16)[0].double()
    way = curve(torch.stack([a, b]), "slerp", False)(torch.linspace(0, 1, 9).double())
    assert torch.allclose(way, a, atol=1e-6)
    assert torch.allclose(way[4], (a + b) / 2, atol=1e-11)


@pytest.mark.parametrize("lengths", [[1.0, 1.0, 1.0], [5.0, 1.0, 2.5], [0.0, 3.0, 1.0]])
@pytest.mark.parametrize("steps", [3, 4, 7, 11])
def test_steps_are_shared_so_that_the_longest_is_shortest(lengths: list[float], steps: int) -> None:
    counts = share_steps(lengths, steps)
    assert sum(counts) == steps
    assert min(counts) >= 1
    every = [c for c in itertools.product(range(1, steps), repeat=3) if sum(c) == steps]

    def longest(shared: object) -> float:
        return max(n / c for n, c in zip(lengths, shared, strict=True))  # type: ignore[call-overload]

    assert longest(counts) == min(longest(c) for c in every)


def test_a_walk_without_length_shares_equally() -> None:
    assert sorted(share_steps([0.0, 0.0, 0.0], 10)) == [3, 3, 4]


def test_frames_at_equal_times() -> None:
    assert frame_times([2, 4], closed=False).tolist() == [0, 0.5, 1, 1.25, 1.5, 1.75, 2]
    assert frame_times([2, 4], closed=True).tolist() == [0, 0.5, 1, 1.25, 1.5, 1.75]
    assert key_frames([2, 4], closed=False) == (0, 2, 6)
    assert key_frames([2, 4], closed=True) == (0, 2)


def test_frames_at_equal_lengths() -> None:
    # the second half of the first segment is three times as long: its quarters by hand
    pieces = torch.tensor([[1.0, 3.0], [2.0, 2.0], [0.0, 0.0], [0.0, 4.0]]).double()
    times = frame_times([4, 2, 2, 2], closed=False, lengths=pieces)
    expected = [0, 0.5, 2 / 3, 5 / 6, 1, 1.5, 2, 2.5, 3, 3.75, 4]
    assert np.allclose(times.numpy(), expected, atol=1e-15)
    keys = key_frames([4, 2, 2, 2], closed=False)
    assert times[list(keys)].tolist() == [0, 1, 2, 3, 4]
