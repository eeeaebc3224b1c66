"""Orthogonal directions and slopes against hand computations and closed forms."""

import numpy as np
import pytest
import torch

from stylegen.editing.directions import Spread
from stylegen.editing.directions.orthogonal import orthogonal, slopes
from stylegen.errors import InputError


def spread(*rows: list[float]) -> Spread:
    covariance = torch.tensor(rows, dtype=torch.float64)
    return Spread(mean=torch.zeros(len(rows)), covariance=covariance, count=9)


def test_a_hand_computed_case() -> None:
    # S a = (1, .5, 2), O S O' = 1, O S a = .5, S O' = (.5, 1, 0): n = (.75, 0, 2)
    known = spread([1, 0.5, 0], [0.5, 1, 0], [0, 0, 2])
    n = orthogonal(torch.tensor([1.0, 0, 1]), torch.tensor([[0, 1.0, 0]]), known)
    wanted = torch.tensor([0.75, 0, 2], dtype=torch.float64)
    assert torch.allclose(n, wanted / wanted.norm())


def test_where_w_spreads_evenly_it_is_the_projection() -> None:
    draws = torch.Generator().manual_seed(0)
    a, others = (torch.randn(*shape, generator=draws) for shape in ((7,), (3, 7)))
    n = orthogonal(a, others, spread(*torch.eye(7).tolist()))
    fitted = np.linalg.lstsq(others.double().numpy().T, a.double().numpy(), rcond=None)[0]
    left = a.double().numpy() - others.double().numpy().T @ fitted
    assert np.allclose(n.numpy(), left / np.linalg.norm(left), atol=1e-7)


def test_others_may_depend_on_each_other_and_have_any_length() -> None:
    known = spread([1, 0.5, 0], [0.5, 1, 0.2], [0, 0.2, 2])
    a, o = torch.tensor([1.0, 2, 1]), torch.tensor([0.3, 1.0, 0])
    once = orthogonal(a, o[None], known)
    assert torch.allclose(orthogonal(a, torch.stack([o, -2 * o, 1e-4 * o]), known), once)
    assert float(once @ o.double()) == pytest.approx(0, abs=1e-7)


def test_nothing_is_left() -> None:
    known = spread([1, 0], [0, 1])
    with pytest.raises(InputError, match="no direction is left"):
        orthogonal(torch.tensor([1.0, 0]), torch.tensor([[1.0, 1], [1, -1]]), known)


def test_slopes_of_linear_readings() -> None:
    draws = torch.Generator().manual_seed(1)
    w = torch.randn(500, 4, generator=draws) @ torch.randn(4, 4, generator=draws) + 3
    a = torch.randn(4, 3, generator=draws)
    readings = torch.cat([w @ a + 5, torch.ones(500, 1)], dim=1)  # the last never changes
    assert torch.allclose(slopes(w, readings, 1e-9).T, a.double(), atol=1e-4)


def test_slopes_agree_with_numpys_ridge() -> None:
    w, y = (np.random.default_rng(i).standard_normal((60, 3)) * [1, 2, 3] for i in (0, 1))
    w, y = w - w.mean(0), y - y.mean(0)
    scale, ridge = np.sqrt((w**2).mean()), 0.3
    x = np.concatenate([w / scale / 60**0.5, ridge**0.5 * np.eye(3)])
    wanted = np.linalg.lstsq(x, np.concatenate([y / 60**0.5, np.zeros((3, 3))]), rcond=None)[0]
    found = slopes(torch.from_numpy(w), torch.from_numpy(y), ridge)
    assert np.allclose(found.numpy().T * scale, wanted, atol=1e-9)
