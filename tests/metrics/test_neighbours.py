"""Nearest neighbours in blocks against the whole matrix in float64."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics import neighbours
from stylegen.metrics.neighbours import (
    any_within,
    count_within,
    distance_blocks,
    kth_distances,
    nearest,
)
from tests.metrics.gaussians import normal


def matrix(x: Tensor, y: Tensor) -> Tensor:
    """By differences, (M, N) float64."""
    return (x.double()[:, None] - y.double()[None]).square().sum(2).sqrt()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that sets of a hundred images have several, of odd sizes."""
    monkeypatch.setattr(distance_blocks, "__defaults__", (17, 29))


@pytest.mark.parametrize("offset", [0, 1000])
def test_nearest_of_another_set(offset: float) -> None:
    x, y = normal(61, 5) + offset, normal(103, 5, seed=1) + offset
    found = nearest(x, y, 3)
    expected = matrix(x, y).sort(dim=1)
    torch.testing.assert_close(found.distances.double(), expected.values[:, :3], rtol=1e-6, atol=0)
    assert torch.equal(found.indices, expected.indices[:, :3])


def test_nearest_within_a_set_is_never_oneself() -> None:
    x = normal(70, 4)
    x[33] = x[5]  # a duplicate, though, is a neighbour
    found = nearest(x, x, 69, skip_own=True)
    whole = matrix(x, x).fill_diagonal_(torch.inf)
    expected = whole.sort(dim=1).values[:, :69]
    torch.testing.assert_close(found.distances.double(), expected, rtol=1e-6, atol=0)
    assert found.indices[5, 0] == 33
    assert found.indices[33, 0] == 5
    assert not (found.indices == torch.arange(70)[:, None]).any()
    assert torch.equal(nearest(x, x, 69).indices, found.indices)
    assert nearest(x, x, skip_own=False).distances.max() == 0


def test_radii_and_balls() -> None:
    x, y = normal(61, 3), normal(103, 3, seed=1)
    radii = kth_distances(y, 4)
    expected = matrix(y, y).kthvalue(5, dim=1).values
    torch.testing.assert_close(radii.double(), expected, rtol=1e-5, atol=0)
    inside = matrix(x, y) <= expected
    assert 0 < inside.any(1).sum() < 61
    assert torch.equal(count_within(x, y, radii), inside.sum(1))
    assert torch.equal(any_within(x, y, radii), inside.any(1))


def test_a_mean_far_from_zero_costs_no_digits() -> None:
    for x in (normal(40, 6) + 3e4, (normal(40, 6) + 3e4).float(), (normal(40, 6) + 30).half()):
        expected = matrix(x, x).kthvalue(4, dim=1).values
        torch.testing.assert_close(kth_distances(x, 3).double(), expected, rtol=1e-4, atol=0)


def test_no_block_is_larger_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = list[tuple[int, ...]]()
    take = neighbours._distances

    def watched(x: Tensor, y: Tensor) -> Tensor:
        sizes.append((len(x), len(y)))
        return take(x, y)

    monkeypatch.setattr(neighbours, "_distances", watched)
    x, y = normal(61, 3), normal(103, 3, seed=1)
    count_within(x, y, kth_distances(y, 2))
    assert max(sizes) == (17, 29)
    assert sum(m * n for m, n in sizes) == 103 * 103 + 61 * 103


_PEAK = """
import resource, torch
from stylegen.metrics.prdc import manifolds
x = torch.randn(2, 6000, 8, generator=torch.Generator().manual_seed(0))
manifolds(x[0, :60], x[1, :60])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
manifolds(x[0], x[1])
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are told in other units")
def test_6000_images_take_a_fraction_of_their_matrix() -> None:
    """6000 x 6000 float32 are 137 MiB; precision, recall, density and coverage stay below 100."""
    found = subprocess.run(
        [sys.executable, "-c", _PEAK], capture_output=True, text=True, check=True, timeout=300
    )
    assert int(found.stdout) < 100 * 1024


def test_it_refuses() -> None:
    x = normal(5, 3)
    with pytest.raises(InputError, match=r"one width D, not \(5, 3\) and \(5, 4\)"):
        nearest(x, normal(5, 4))
    with pytest.raises(InputError, match="5 nearest images are wanted of 4; wanted 1 to 4"):
        nearest(x, x, 5, skip_own=True)
    with pytest.raises(InputError, match="at least 6 images on each side, not 5"):
        kth_distances(x, 5)
    with pytest.raises(InputError, match="wanted 5 radii"):
        count_within(x, x, torch.ones(4))
    with pytest.raises(InputError, match="not finite"):
        nearest(x, x * torch.nan)
