"""Kernel distances against torch-fidelity, sums over pairs, and a case by hand."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics import kernel_distance, subset_distance
from stylegen.metrics.kernel import subset_distances, summary


def normal(*shape: int, seed: int = 0, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64) + shift


def k(x: Tensor, y: Tensor) -> float:
    return (
        float(sum(a * b for a, b in zip(x.tolist(), y.tolist(), strict=True))) / len(x) + 1
    ) ** 3


def pair_by_pair(x: Tensor, y: Tensor) -> float:
    """The definition, in plain Python."""
    m, n = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(m) for j in range(m) if i != j)
    within_y = sum(k(y[i], y[j]) for i in range(n) for j in range(n) if i != j)
    between = sum(k(a, b) for a in x for b in y)
    return within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * between / (m * n)


def test_by_hand() -> None:
    """D = 1: x of 0 and 1 has k = 1; y of 2 and 3 has 343; between 1, 1, 27, 64."""
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]])
    expected = 1 + 343 - 2 * (1 + 1 + 27 + 64) / 4
    assert subset_distance(x, y).mean == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("block", [1, 4, 100])
def test_whole_sets_pair_by_pair(block: int) -> None:
    x, y = normal(13, 6), normal(9, 6, seed=1, shift=0.4)
    found = kernel_distance(x, y, block=block)
    assert found.value == pytest.approx(pair_by_pair(x, y), rel=1e-12)


def test_the_error_is_the_jackknifes() -> None:
    x, y = normal(8, 4), normal(6, 4, seed=1, shift=0.4)
    variance = 0.0
    for left_out in (
        [pair_by_pair(torch.cat([x[:i], x[i + 1 :]]), y) for i in range(8)],
        [pair_by_pair(x, torch.cat([y[:i], y[i + 1 :]])) for i in range(6)],
    ):
        count = len(left_out)
        variance += (count - 1) * float(np.var(left_out))
    assert kernel_distance(x, y, block=5).error == pytest.approx(math.sqrt(variance), rel=1e-10)


def test_the_error_is_how_far_the_value_moves_with_other_images() -> None:
    found = [
        kernel_distance(normal(60, 5, seed=2 * i), normal(80, 5, seed=2 * i + 1, shift=0.5))
        for i in range(200)
    ]
    spread = float(np.std([f.value for f in found]))
    assert np.sqrt(np.mean([f.error**2 for f in found])) == pytest.approx(spread, rel=0.2)


def test_no_bias_and_no_distance_between_samples_of_one_distribution() -> None:
    values = [kernel_distance(normal(20, 5, seed=2 * i), normal(30, 5, seed=2 * i + 1)).value
              for i in range(300)]  # fmt: skip
    assert min(values) < 0
    assert abs(np.mean(values)) < 4 * np.std(values) / math.sqrt(len(values))


def test_subsets_are_torch_fidelitys() -> None:
    kid = pytest.importorskip("torch_fidelity.metric_kid")
    x, y = normal(300, 16).float(), normal(250, 16, seed=1, shift=0.2).float()
    expected = kid.kid_features_to_metric(
        x, y, kid_subsets=20, kid_subset_size=100, rng_seed=2020, verbose=False
    )
    found = subset_distance(x, y, subsets=20, size=100)
    assert found.mean == pytest.approx(expected[kid.KEY_METRIC_KID_MEAN], rel=1e-5)
    assert found.std == pytest.approx(expected[kid.KEY_METRIC_KID_STD], rel=1e-5)
    assert found.error == pytest.approx(found.std / math.sqrt(19), rel=1e-12)


def test_subsets_of_everything_are_the_whole() -> None:
    x, y = normal(40, 8), normal(40, 8, seed=1, shift=0.3)
    found, whole = subset_distance(x, y, subsets=3), kernel_distance(x, y)
    assert found.mean == pytest.approx(whole.value, rel=1e-12)
    assert found.std < 1e-12


def test_float32_features_give_what_float64_ones_do() -> None:
    """At a size and scale like Inception's, sums of a million terms lose nothing that matters."""
    x, y = normal(1500, 256).abs() * 0.5, normal(1200, 256, seed=1, shift=0.02).abs() * 0.5
    exact = kernel_distance(x.float().double(), y.float().double()).value
    assert kernel_distance(x.float(), y.float()).value == pytest.approx(exact, rel=1e-4)


def test_shares_make_the_whole() -> None:
    x, y = normal(50, 8), normal(40, 8, seed=1, shift=0.3)
    whole = subset_distances(x, y, subsets=7, size=20)
    parts = [subset_distances(x, y, subsets=7, size=20, share=(r, 3)) for r in range(3)]
    assert torch.equal(sum(parts, torch.zeros(7, dtype=torch.float64)), whole)
    assert [int((p != 0).sum()) for p in parts] == [3, 2, 2]
    assert not torch.equal(subset_distances(x, y, subsets=7, size=20, seed=1), whole)


def test_one_subset_has_no_error() -> None:
    assert math.isnan(summary(torch.ones(1, dtype=torch.float64)).error)


def test_refusals() -> None:
    x = normal(5, 3)
    with pytest.raises(InputError, match="one width D"):
        kernel_distance(x, normal(5, 4))
    with pytest.raises(InputError, match="at least 3 images on each side, not 2 and 5"):
        kernel_distance(x[:2], x)
    with pytest.raises(InputError, match="at least 2 images"):
        subset_distance(x, x[:1])
    with pytest.raises(InputError, match="not finite"):
        subset_distance(x, x * math.nan)
    with pytest.raises(InputError, match="0 subsets"):
        subset_distance(x, x, subsets=0)
