"""Linear boundaries on data whose boundary is known."""

from typing import Any

import numpy as np
import pytest
import torch

from stylegen.editing.directions import BoundaryConfig, fit_boundary
from stylegen.editing.directions.boundary import accuracy_along
from stylegen.errors import InputError

METHODS = ["logistic", "least-squares"]


def normal(dim: int) -> torch.Tensor:
    n = torch.randn(dim, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return n / n.norm()


@pytest.mark.parametrize("method", METHODS)
def test_separable_data_of_a_known_normal(method: Any) -> None:
    n = normal(6)
    w = torch.randn(4000, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3
    labels = w @ n > 1.5
    found = fit_boundary(w, labels, BoundaryConfig(method=method, ridge=1e-4))
    assert float(found.normal @ n) > 0.995
    assert float(found.normal.norm()) == pytest.approx(1)
    assert found.accuracy > 0.95
    assert found.fitted + found.held_out == 4000
    if method == "logistic":
        assert found.offset == pytest.approx(1.5, abs=0.1)
        assert found.accuracy > 0.985


@pytest.mark.parametrize("method", METHODS)
def test_two_gaussians_are_parted_by_fishers_normal(method: Any) -> None:
    """Two groups of one covariance S and means +-m: the best boundary's normal is S^-1 m."""
    scales = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    m = torch.tensor([0.6, 1.2, 0.3], dtype=torch.float64)
    draws = torch.randn(40000, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    labels = torch.arange(40000) % 2 == 0
    w = draws * scales + torch.where(labels[:, None], m, -m)
    found = fit_boundary(w, labels, BoundaryConfig(method=method, ridge=1e-6))
    fisher = m / scales.square()
    assert float(found.normal @ fisher / fisher.norm()) > 0.999
    assert found.offset == pytest.approx(0, abs=0.05)
    # P(right) = Phi(|S^-1/2 m|) = Phi(sqrt(0.36 * 3))
    assert found.accuracy == pytest.approx(0.8506, abs=0.015)


def test_least_squares_agrees_with_numpy() -> None:
    draws = np.random.default_rng(0)
    w = draws.standard_normal((200, 4)) * [1, 2, 3, 4]
    labels = np.arange(200) % 2 == 0
    config = BoundaryConfig(method="least-squares", ridge=1e-9, held_out=0.5)
    found = fit_boundary(torch.from_numpy(w), torch.from_numpy(labels), config)
    assert found.fitted == found.held_out == 100
    wanted = []
    for side in (False, True):  # the same halves, by the documented generator
        wanted.append(np.flatnonzero(labels == side))
    shuffler = np.random.default_rng(0)
    fit = np.concatenate([shuffler.permutation(group)[50:] for group in wanted])
    columns = np.column_stack([w[fit], np.ones(100)])
    solved = np.linalg.lstsq(columns, np.where(labels[fit], 1.0, -1.0), rcond=None)[0]
    length = np.linalg.norm(solved[:4])
    assert np.allclose(found.normal.numpy(), solved[:4] / length, atol=1e-6)
    assert found.offset == pytest.approx(-solved[4] / length, abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_groups_count_equally_whatever_their_sizes(method: Any) -> None:
    draws = torch.randn(4400, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    labels = torch.arange(4400) < 400
    w = draws + torch.where(labels[:, None], 1.5, -1.5) * torch.tensor([1.0, 0])
    found = fit_boundary(w, labels, BoundaryConfig(method=method))
    assert found.offset == pytest.approx(0, abs=0.15)


def test_noise_is_right_half_of_the_time() -> None:
    w = torch.randn(4000, 5, generator=torch.Generator().manual_seed(4))
    labels = torch.rand(4000, generator=torch.Generator().manual_seed(9)) < 0.2
    assert fit_boundary(w, labels).accuracy == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("method", METHODS)
def test_the_accuracy_along_any_vector(method: Any) -> None:
    """Of means +-1 and deviation 1 along the first axis, at an angle of 60 degrees: Phi(1/2)."""
    draws = torch.randn(40000, 3, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    labels = torch.arange(40000) % 4 == 0
    w = draws + torch.where(labels[:, None], 1.0, -1.0) * torch.tensor([1.0, 0, 0]) + 5
    vector = torch.tensor([1, 3**0.5, 0])
    config = BoundaryConfig(method=method)
    assert accuracy_along(w, labels, vector, config) == pytest.approx(0.6915, abs=0.02)
    assert accuracy_along(w, labels, -vector, config) == pytest.approx(0.3085, abs=0.02)
    assert accuracy_along(w, labels, 3 * torch.eye(3)[2], config) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_the_accuracy_along_the_normal_is_the_boundarys(method: Any) -> None:
    w = torch.randn(2000, 4, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    labels = w[:, 0] + 0.7 * w[:, 1] + 0.5 * w[:, 2].square() > 0.3
    config = BoundaryConfig(method=method, ridge=1e-5)
    found = fit_boundary(w, labels, config)
    assert accuracy_along(w, labels, found.normal, config) == pytest.approx(
        found.accuracy, abs=0.01
    )


def test_the_seed_decides_what_is_held_out() -> None:
    w = torch.randn(100, 5, generator=torch.Generator().manual_seed(4))
    labels = w[:, 0] > 0
    first, again, other = (fit_boundary(w, labels, BoundaryConfig(seed=s)) for s in (0, 0, 1))
    assert torch.equal(first.normal, again.normal)
    assert not torch.equal(first.normal, other.normal)


def test_what_cannot_be_parted() -> None:
    w = torch.randn(40, 3)
    with pytest.raises(InputError, match="one side has 9 of 40"):
        fit_boundary(w, torch.arange(40) < 9)
    with pytest.raises(InputError, match="40 labels"):
        fit_boundary(w, torch.arange(39) < 20)
    with pytest.raises(InputError, match="40 labels, True or False"):
        fit_boundary(w, torch.arange(40))
    with pytest.raises(InputError, match="the same w"):
        fit_boundary(torch.ones(40, 3), torch.arange(40) < 20)


@pytest.mark.parametrize(
    "values", [{"method": "svm"}, {"ridge": 0.0}, {"held_out": 1.0}, {"samples": 19}, {"seed": -1}]
)
def test_impossible_settings(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(values))):
        BoundaryConfig(**values)
