"""Projecting: it finds codes, alone as in company, and goes on where it was stopped."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.editing.latents import network_digest
from stylegen.editing.projection import Projection, project
from stylegen.editing.projection import searching as searching_module
from stylegen.editing.projection.searching import Search
from stylegen.editing.projection.starting import begin
from stylegen.editing.sampling import draw, seeds_to_ws
from stylegen.errors import InputError
from stylegen.images.measures import psnr, ssim
from stylegen.networks import Generator
from tests.editing.projection import small


def samples(g: Generator, seeds: list[int]) -> Tensor:
    return draw(g, seeds_to_ws(g, seeds))


def assert_same(a: Projection, b: Projection, rows: Any, atol: float) -> None:
    torch.testing.assert_close(a.latents.w[rows], b.latents.w, rtol=0, atol=atol)
    torch.testing.assert_close(a.trace[rows], b.trace, rtol=0, atol=atol)
    difference = (a.with_maps[rows].int() - b.with_maps.int()).abs().max().item()
    assert difference <= (1 if atol else 0)


@pytest.mark.parametrize("space", ["w", "w+"])
def test_a_networks_own_images_are_found_again(space: Any) -> None:
    g = small.generator()
    targets = samples(g, [3, 7])
    config = small.quick(space=space, steps=60, map_steps=5)
    found = project(g, targets, small.distance(g), config, sources=["a", "b"])
    mean = draw(g, begin(g, config).mean.expand(2, g.config.num_ws, -1))
    assert found.latents.sources == ("a", "b")
    assert found.latents.network == network_digest(g)
    assert found.latents.w.shape == (2, g.config.num_ws, 8)
    assert bool((found.latents.w.diff(dim=1) == 0).all()) == (space == "w")
    assert torch.equal(found.images, draw(g, found.latents.w))
    for i in range(2):
        measures = found.measures[i]
        assert measures.psnr_db == pytest.approx(psnr(found.images, targets)[i].item())
        assert measures.ssim == pytest.approx(ssim(found.images, targets)[i].item())
        assert measures.psnr_db > psnr(mean, targets)[i] + 5
        assert found.measures_with_maps[i].distance < measures.distance + 1e-3


@pytest.mark.parametrize("space", ["w", "w+"])
@pytest.mark.parametrize("noise_maps", ["after", "joint"])
def test_company_changes_nothing(space: Any, noise_maps: Any) -> None:
    g = small.generator()
    targets, distance = samples(g, [3, 7, 9]), small.distance(g)
    config = small.quick(space=space, noise_maps=noise_maps, steps=8, traced=4)
    together = project(g, targets, distance, config)
    alone = project(g, targets[1:2], distance, config)
    assert_same(together, alone, slice(1, 2), atol=0)  # one by one, on a CPU
    grouped = small.quick(space=space, noise_maps=noise_maps, steps=8, traced=4, group=2)
    other_order = project(g, targets.flip(0), distance, grouped)
    assert_same(together, other_order, [2, 1, 0], atol=1e-4)


def test_the_best_step_is_kept_not_the_last() -> None:
    g = small.generator()
    targets, distance = samples(g, [3]), small.distance(g)
    seen: list[float] = []
    config = small.quick(
        steps=30, lr=1.0, ramp_down=0, latent_noise=0, noise_maps="stored", traced=30
    )
    found = project(g, targets, distance, config, progress=lambda d, t, loss: seen.append(loss))
    best = min(range(30), key=seen.__getitem__)
    assert found.steps == (best,)
    assert best != 29
    assert seen[29] > 1.5 * seen[best]
    torch.testing.assert_close(found.latents.w[0], found.trace[0, best], rtol=0, atol=0)


def test_stored_noise_stays_and_fitted_maps_come_nearer() -> None:
    g = small.generator()
    with torch.no_grad():  # an image of the same w, with other noise
        target = draw(g, seeds_to_ws(g, [5]), noise="random", seeds=[1])
    stored = project(g, target, small.distance(g), small.quick(noise_maps="stored", steps=20))
    assert torch.equal(stored.images, stored.with_maps)
    fitted = project(
        g,
        target,
        small.distance(g),
        small.quick(steps=20, map_steps=40, map_lr=0.1, noise_weight=1.0),
    )
    assert torch.equal(fitted.latents.w, stored.latents.w)
    assert fitted.measures_with_maps[0].distance < 0.9 * fitted.measures[0].distance


def test_w_plus_pays_for_layers_that_differ() -> None:
    g = small.generator()
    target = torch.randint(
        256, (1, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )

    def spread(**weights: float) -> tuple[float, float]:
        config = small.quick(space="w+", steps=25, noise_maps="stored", start="mean", **weights)
        w = project(g, target, small.distance(g), config).latents.w[0]
        mean = begin(g, config).mean
        return w.diff(dim=0).norm().item(), (w - mean).norm().item()

    free, smooth, pulled = (
        spread(pull=0.0, smoothness=0.0), spread(pull=0.0, smoothness=10.0),
        spread(pull=10.0, smoothness=0.0),
    )  # fmt: skip
    assert smooth[0] < 0.5 * free[0]
    assert pulled[1] < 0.5 * free[1]


class _StopError(Exception):
    pass


@pytest.mark.parametrize(("space", "stop_at"), [("w", 3), ("w", 5), ("w+", 8), ("w+", 11)])
def test_a_killed_run_goes_on(
    space: Any, stop_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    g = small.generator()
    targets, distance = samples(g, [3, 7]), small.distance(g)
    config = small.quick(space=space, steps=4, map_steps=2, traced=3)
    expected = project(g, targets, distance, config)
    monkeypatch.setattr("stylegen.editing.projection.projecting._SAVE_EVERY_SEC", 0.0)
    calls = 0
    step = Search.step

    def counted(self: Search, rows: Any, k: int) -> Any:
        nonlocal calls
        calls += 1
        if calls > stop_at:
            raise _StopError
        return step(self, rows, k)

    monkeypatch.setattr(searching_module.Search, "step", counted)
    with pytest.raises(_StopError):
        project(g, targets, distance, config, states=tmp_path / "states")
    calls = -100
    told: list[tuple[int, int]] = []
    again = project(
        g, targets, distance, config, states=tmp_path / "states",
        progress=lambda done, total, loss: told.append((done, total)),
    )  # fmt: skip
    assert calls == -100 + 12 - stop_at  # no step is done twice
    assert told == [(done, 12) for done in range(stop_at + 1, 13)]
    assert_same(expected, again, slice(None), atol=0)
    assert again.measures == expected.measures
    assert again.steps == expected.steps


def test_finished_images_are_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    g = small.generator()
    targets, distance = samples(g, [3, 7]), small.distance(g)
    one = project(g, targets[:1], distance, small.quick(), states=tmp_path)
    told: list[int] = []
    both = project(
        g, targets, distance, small.quick(), states=tmp_path,
        progress=lambda done, total, loss: told.append(done),
    )  # fmt: skip
    assert told == list(range(10, 19))
    assert torch.equal(both.latents.w[:1], one.latents.w)
    assert both.seconds[0] == one.seconds[0]
    with pytest.raises(InputError, match="of a projection with other settings"):
        project(g, targets, distance, small.quick(seed=1), states=tmp_path)
    with pytest.raises(InputError, match="of a projection with other settings"):
        project(small.generator(seed=5), targets, distance, small.quick(), states=tmp_path)


@pytest.mark.parametrize(
    "changes", [{"img_channels": 1}, {"img_channels": 4}, {"base_size": (3, 5)}, {"c_dim": 3}]
)
def test_any_network(changes: dict[str, Any]) -> None:
    g = small.generator(**changes)
    g.class_names = ("a", "b", "c") if g.config.c_dim else ()
    class_name = "b" if g.config.c_dim else None
    found = project(g, samples(g, [3]), small.distance(g), small.quick(), class_name=class_name)
    assert found.images.shape == (1, g.config.img_channels, g.config.height, g.config.width)


def test_bad_images_are_refused() -> None:
    g = small.generator()
    distance, targets = small.distance(g), samples(g, [1])
    with pytest.raises(InputError, match=r"uint8 \(N, 3, 16, 16\).*torch.float32"):
        project(g, targets.float(), distance, small.quick())
    with pytest.raises(InputError, match=r"came as torch.uint8 \(1, 1, 16, 16\)"):
        project(g, targets[:, :1], distance, small.quick())
    with pytest.raises(InputError, match="no images were given"):
        project(g, targets[:0], distance, small.quick())
    with pytest.raises(InputError, match="1 images were given, but 2 sources"):
        project(g, targets, distance, small.quick(), sources=["a", "b"])
    with pytest.raises(InputError, match="trained without classes"):
        project(g, targets, distance, small.quick(), class_name="b")


def test_numbers_that_are_not_finite_are_told() -> None:
    g = small.generator()
    with torch.no_grad():
        g.synthesis.b16.torgb.bias.fill_(float("nan"))
    with pytest.raises(InputError, match="never a finite number"):
        project(g, samples(g, [1]), small.distance(g), small.quick())
