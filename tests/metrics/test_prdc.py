"""Precision and recall as torch-fidelity counts them; the rest by the whole matrix in float64."""

import math

import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.neighbours import distance_blocks
from stylegen.metrics.prdc import density_coverage, manifolds, precision_recall
from tests.metrics.gaussians import normal


def matrix(x: Tensor, y: Tensor) -> Tensor:
    return (x.double()[:, None] - y.double()[None]).square().sum(2).sqrt()


def radii(x: Tensor, k: int) -> Tensor:
    return matrix(x, x).fill_diagonal_(-1).kthvalue(k + 1, dim=1).values


def sets(real: int = 150, fake: int = 210, dim: int = 3) -> tuple[Tensor, Tensor]:
    return normal(real, dim).float(), (0.7 * normal(fake, dim, seed=1) + 0.5).float()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance_blocks, "__defaults__", (64, 96))


@pytest.mark.parametrize(
    ("real", "fake", "dim", "k"), [(700, 513, 8, 3), (333, 900, 40, 3), (300, 300, 600, 5)]
)
def test_precision_and_recall_are_torch_fidelitys(real: int, fake: int, dim: int, k: int) -> None:
    """To the image, though some fakes are copies of reals and lie on balls' surfaces."""
    metric = pytest.importorskip("torch_fidelity.metric_prc")
    x, y = sets(real, fake, dim)
    y[: fake // 8] = x[: fake // 8]
    x, y = x.relu(), y.relu()
    expected = metric.prc_features_to_metric(y, x, prc_neighborhood=k, verbose=False)
    found = precision_recall(x, y, k)
    assert 0.1 < found.precision <= 1
    assert 0 < found.recall < 1
    assert torch.tensor(found.precision).item() == expected["precision"]
    assert torch.tensor(found.recall).item() == expected["recall"]
    assert found.f_score == pytest.approx(expected["f_score"], rel=1e-6)


def test_shares_by_the_whole_matrix() -> None:
    real, fake = sets()
    d, found = matrix(fake, real), manifolds(real, fake)
    precise, recalled = d <= radii(real, 3), d <= radii(fake, 3)[:, None]
    close = d <= radii(real, 5)
    p, r, p_error, r_error = found.precision_recall
    assert p == int(precise.any(1).sum()) / 210
    assert r == int(recalled.any(0).sum()) / 150
    assert p_error == pytest.approx(math.sqrt(p * (1 - p) / 210), rel=1e-12)
    assert r_error == pytest.approx(math.sqrt(r * (1 - r) / 150), rel=1e-12)
    density, coverage, density_error, coverage_error = found.density_coverage
    assert density == pytest.approx(int(close.sum()) / 5 / 210, rel=1e-12)
    assert coverage == int(close.any(0).sum()) / 150
    assert density_error == pytest.approx(float((close.sum(1) / 5.0).std()) / 210**0.5, rel=1e-6)
    assert coverage_error == pytest.approx(math.sqrt(coverage * (1 - coverage) / 150), rel=1e-12)
    assert density_coverage(real, fake) == found.density_coverage
    assert precision_recall(real, fake) == found.precision_recall


def test_each_image_by_the_whole_matrix() -> None:
    real, fake = sets()
    d, found = matrix(fake, real), manifolds(real, fake)
    r = radii(real, 3)
    small = r <= r.sort().values[74]  # the lower of the two in the middle of 150
    realism = (r[small] / d[:, small]).amax(1)
    torch.testing.assert_close(found.realism.double(), realism, rtol=1e-5, atol=0)
    distance = (d.amin(0) / radii(real, 5)).double()
    torch.testing.assert_close(found.coverage_distance.double(), distance, rtol=1e-4, atol=0)
    assert torch.equal(found.nearest_real, d.argmin(1))
    assert torch.equal(found.nearest_fake, d.argmin(0))
    covered = (found.coverage_distance <= 1).float().mean()
    assert float(covered) == pytest.approx(found.density_coverage.coverage, rel=1e-6)


def test_two_points_apart_by_hand() -> None:
    """On a line, k = 1: reals 0 1 10 11, fakes 0.5 5 30 31."""
    real, fake = (torch.tensor(v)[:, None] for v in ([0.0, 1, 10, 11], [0.5, 5, 30, 31]))
    found = manifolds(real, fake, 1, 1)
    # Balls of reals reach to -1..2 and 9..12: only 0.5 is in one. Balls of fakes: -4..5, .5..9.5,
    # 29..31, 30..32.
    assert found.precision_recall[:2] == (0.25, 0.5)
    assert found.density_coverage[:2] == (0.5, 0.5)
    assert found.realism.tolist() == pytest.approx([2, 1 / 4, 1 / 19, 1 / 20])
    assert found.coverage_distance.tolist() == pytest.approx([0.5, 0.5, 5, 6])


def test_equal_sets_are_wholly_alike() -> None:
    real, _ = sets(dim=5)
    found = manifolds(real, real.clone())
    assert found.precision_recall == (1, 1, 0, 0)
    assert found.density_coverage.coverage == 1
    # Every real is in its own ball and in those of which it is one of the five nearest.
    assert found.density_coverage.density == pytest.approx(6 / 5, abs=1e-3)


def test_points_all_alike() -> None:
    found = manifolds(torch.ones(8, 3), torch.ones(7, 3))
    assert found.precision_recall[:2] == (1, 1)
    assert found.coverage_distance.tolist() == [1] * 8
    assert found.realism.tolist() == [1] * 7


def test_it_refuses() -> None:
    real, fake = sets(5, 9)
    with pytest.raises(InputError, match="at least 6 images"):
        manifolds(real, fake)
    with pytest.raises(InputError, match="0 neighbours; wanted 1 or more"):
        manifolds(real, fake, 0)
    with pytest.raises(InputError, match="one width D"):
        manifolds(real, fake[:, :2])
