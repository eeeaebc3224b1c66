"""The parts of a search: schedules, noise maps, starting points, Adam."""

import math

import pytest
import torch
from torch import Tensor

from stylegen.editing.projection import ProjectionConfig
from stylegen.editing.projection.maps import correlations, renormalise, stored_maps
from stylegen.editing.projection.schedule import latent_noise, learning_rate
from stylegen.editing.projection.searching import Rows, adam, trace_steps
from stylegen.editing.projection.starting import begin, choose, image_key, step_noise
from stylegen.editing.sampling import sample_w
from stylegen.errors import InputError
from stylegen.images import from_uint8
from tests.editing.projection import small


def test_the_rate_rises_and_falls() -> None:
    config = ProjectionConfig(ramp_up=0.05, ramp_down=0.25)
    assert learning_rate(config, 0) == 0
    assert learning_rate(config, 0.025) == pytest.approx(0.5)
    assert learning_rate(config, 0.5) == pytest.approx(1)
    assert learning_rate(config, 0.875) == pytest.approx(0.5)  # half of the cosine
    assert learning_rate(config, 0.9375) == pytest.approx((1 - math.sqrt(0.5)) / 2)
    assert learning_rate(ProjectionConfig(ramp_up=0, ramp_down=0), 0) == 1


def test_latent_noise_falls_as_a_square() -> None:
    config = ProjectionConfig(latent_noise=0.05, latent_noise_until=0.75)
    found = [latent_noise(config, t) for t in (0, 0.375, 0.75, 0.9)]
    assert found == pytest.approx([0.05, 0.0125, 0, 0])


def test_adam_is_torchs() -> None:
    torch.manual_seed(0)
    start = torch.randn(2, 3, dtype=torch.float64)
    theirs = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.1)
    rows: Rows = {"x": start}
    for step in range(7):
        gradient = torch.randn(2, 3, dtype=torch.float64)
        theirs.grad, optimizer.param_groups[0]["lr"] = gradient, 0.1 / (step + 1)
        optimizer.step()
        rows |= adam(rows, "x", gradient, step, 0.1 / (step + 1))
        torch.testing.assert_close(rows["x"], theirs.detach())


def correlations_by_hand(level: Tensor) -> list[float]:
    """With the pixel above, and with the one to the left."""
    h, w = level.shape
    down = sum(level[i, j] * level[i - 1, j] for i in range(h) for j in range(w)) / (h * w)
    along = sum(level[i, j] * level[i, j - 1] for i in range(h) for j in range(w)) / (h * w)
    return [float(down), float(along)]


def test_correlations_are_the_formula() -> None:
    torch.manual_seed(0)
    large, small_one = torch.randn(2, 1, 20, 18), torch.randn(2, 1, 4, 6)
    half = large.reshape(2, 1, 10, 2, 9, 2).mean(dim=(3, 5))
    quarter = half[..., :8].reshape(2, 1, 5, 2, 4, 2).mean(dim=(3, 5))
    expected = [
        [c for t in (large, half, quarter, small_one) for c in correlations_by_hand(t[i, 0])]
        for i in range(2)
    ]
    torch.testing.assert_close(correlations([large, small_one]), torch.tensor(expected))


def test_renormalised_maps_have_the_stored_ones_moments() -> None:
    torch.manual_seed(0)
    maps, stored = torch.randn(2, 1, 8, 4) * 3 + 1, torch.randn(8, 4) + 0.5
    found = renormalise(maps, stored)
    for row in found:
        assert row.mean() == pytest.approx(stored.mean().item(), abs=1e-6)
        assert row.std() == pytest.approx(stored.std().item(), rel=1e-5)
    torch.testing.assert_close(renormalise(stored[None, None], stored)[0, 0], stored)


def test_stored_maps_come_in_the_order_of_the_layers() -> None:
    g = small.generator(base_size=(3, 5))
    asked: list[tuple[int, int]] = []

    def noise(n: int, h: int, w: int) -> Tensor:
        asked.append((h, w))
        return torch.zeros(n, 1, h, w)

    g.synthesis(torch.zeros(1, g.config.num_ws, 8), noise=noise)
    assert [tuple(m.shape) for m in stored_maps(g)] == asked
    assert stored_maps(g)[2] is g.synthesis.b8.conv1.noise_const


def test_the_beginning_is_the_mean_of_many_w() -> None:
    g = small.generator()
    found = begin(g, ProjectionConfig(mean_samples=1500, candidates=4))
    ws = sample_w(g, 1500, 0)
    torch.testing.assert_close(found.mean, ws.mean(dim=0))
    expected = (ws - ws.mean(dim=0)).norm(dim=1).square().mean().sqrt().item()
    assert found.deviation == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(found.candidates, torch.cat([found.mean[None], ws[:4]]))


def test_the_nearest_candidate_is_chosen() -> None:
    g = small.generator()
    found = begin(g, ProjectionConfig(mean_samples=50, candidates=6))
    assert found.images is not None
    distance = small.distance(g)
    targets = distance.features(from_uint8(found.images[[3, 5]]))
    assert torch.equal(choose(found, distance, targets, 2), found.candidates[[3, 5]])
    mean = begin(g, ProjectionConfig(mean_samples=50, start="mean"))
    assert torch.equal(choose(mean, distance, targets, 2), mean.mean.expand(2, -1))


def test_a_class_has_its_own_mean() -> None:
    g = small.generator(c_dim=3)
    g.class_names = ("a", "b", "c")
    means = {name: begin(g, small.quick(), name).mean for name in ("a", "b", None)}
    random = torch.Generator().manual_seed(0)
    z = torch.randn(40, 8, generator=random)
    for name, row in (("a", 0), ("b", 1)):
        expected = g.mapping(z, torch.eye(3)[row].expand(40, 3))[:, 0].mean(dim=0)
        torch.testing.assert_close(means[name], expected)
    assert not torch.allclose(means["a"], means["b"])
    with pytest.raises(InputError, match="the classes are: a, b, c"):
        begin(g, small.quick(), "d")


def test_random_numbers_come_from_pixels_and_seed() -> None:
    image = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    key = image_key(image, 0)
    assert key == image_key(image.clone(), 0)
    assert key not in (image_key(image, 1), image_key(image.flip(0), 0))
    assert image_key(image, 0) != image_key(image.reshape(3, 2, 8), 0)
    assert torch.equal(step_noise(key, 5, (2, 3)), step_noise(key, 5, (2, 3)))
    assert not torch.equal(step_noise(key, 5, (2, 3)), step_noise(key, 6, (2, 3)))


def test_codes_along_the_way_are_spread_evenly() -> None:
    assert trace_steps(ProjectionConfig(steps=101, traced=5)) == [0, 25, 50, 75, 100]
    assert trace_steps(ProjectionConfig(steps=3, traced=0)) == []
    assert trace_steps(ProjectionConfig(steps=9, traced=1)) == [0]


@pytest.mark.parametrize(
    "changes",
    [
        {"space": "z"}, {"steps": 0}, {"lr": -1.0}, {"ramp_up": 1.5}, {"group": 0},
        {"noise_maps": "none"}, {"start": "x"}, {"candidates": 0}, {"lr": math.nan},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(changes))} is .*; wanted"):
        ProjectionConfig(**changes)  # type: ignore[arg-type]
