"""Perceptual path length by hand on a linear generator, and what it leaves as it was."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import trim_mean
from scipy.stats.mstats import trimmed_stde
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.metrics.drawing import NotFiniteError
from stylegen.metrics.path_length import perceptual_path_length, trimmed
from tests.metrics.gaussians import normal
from tests.metrics.small import make_generator

Z, CLASSES = 5, 3


class Linear(nn.Module):
    """w = M z + b_c, image = A w, in float64: path lengths have a closed form."""

    def __init__(self, classes: int = 0, side: int = 8) -> None:
        super().__init__()
        self.config = SimpleNamespace(z_dim=Z, c_dim=classes)
        self.M = nn.Parameter(normal(Z, Z, seed=1))
        self.b = normal(max(classes, 1), Z, seed=2)
        self.A = normal(3 * side * side, Z, seed=3)
        self.shape = (3, side, side)
        self.synthesis: Any = _Synthesis(self)
        self.classes_seen = list[int]()

    def mapping(self, z: Tensor, c: Tensor | None) -> Tensor:
        classes = torch.zeros(len(z), dtype=torch.int64) if c is None else c.argmax(1)
        self.classes_seen += classes.tolist()
        return (z.double() @ self.M.T + self.b[classes])[:, None].repeat(1, 4, 1)

    def set_precision(self, *given: Any) -> None:
        self.synthesis.precision = given


class _Synthesis:
    precision = (torch.bfloat16, 2)

    def __init__(self, owner: Linear) -> None:
        self.owner = owner

    def __call__(self, ws: Tensor, noise: str) -> Tensor:
        assert ws.shape[1:] == (4, Z)
        assert self.precision[0] == torch.float32
        return (ws[:, 1] @ self.owner.A.T).view(-1, *self.owner.shape)


def square(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().flatten(1).sum(1)


def latents(samples: int, seed: int) -> Tensor:
    drawn = np.random.RandomState(seed).randn(samples, 2, Z)
    return torch.from_numpy(drawn).float().double()


@pytest.mark.parametrize("sampling", ["full", "end"])
def test_in_w_by_hand(sampling: Any) -> None:
    """Anywhere on the way it is |A M (z2 - z1)|^2."""
    generator = Linear()
    found = perceptual_path_length(
        generator, square, space="w", sampling=sampling, samples=230, seed=4, batch=50
    )  # type: ignore[arg-type]
    z = latents(230, seed=4)
    expected = ((z[:, 1] - z[:, 0]) @ (generator.A @ generator.M).T.detach()).square().sum(1)
    torch.testing.assert_close(found.values, expected, rtol=1e-6, atol=0)
    ordered = np.sort(expected.numpy())
    # 230 values: the 1st percentile lies between numbers 2 and 3, the 99th between 226 and 227.
    assert found.mean == pytest.approx(ordered[2:228].mean(), rel=1e-6)
    assert (found.low, found.high) == pytest.approx((ordered[2], ordered[227]), rel=1e-6)


@pytest.mark.parametrize("sampling", ["full", "end"])
def test_in_z_by_hand(sampling: Any) -> None:
    """On the sphere of radius sqrt(Z), by the law of sines, in float64."""
    generator, epsilon = Linear(), 1e-2
    found = perceptual_path_length(
        generator, square, space="z", sampling=sampling, samples=40, seed=4, epsilon=epsilon
    )  # type: ignore[arg-type]
    z = latents(40, seed=4)
    a, b = (x / x.norm(dim=1, keepdim=True) for x in z.unbind(1))
    angle = (a * b).sum(1, keepdim=True).acos()
    times = torch.from_numpy(np.random.RandomState([4, 1]).rand(40, 1))
    t = times if sampling == "full" else torch.zeros(40, 1)

    def at(t: Tensor) -> Tensor:
        return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin() * math.sqrt(Z)

    step = (at(t + epsilon) - at(t)) @ (generator.A @ generator.M).T.detach()
    expected = step.square().sum(1) / epsilon**2
    torch.testing.assert_close(found.values, expected, rtol=1e-4, atol=0)  # z is float32


def test_samples_do_not_depend_on_the_batch() -> None:
    a, b = (
        perceptual_path_length(Linear(CLASSES), square, sampling="full", samples=13, batch=n)  # type: ignore[arg-type]
        for n in (2, 13)
    )
    torch.testing.assert_close(a.values, b.values, rtol=1e-8, atol=0)


def test_both_ends_have_one_class_out_of_those_given() -> None:
    generator = Linear(CLASSES)
    perceptual_path_length(
        generator, square, samples=30, batch=30, labels=torch.tensor([0, 2, 2, 2])
    )  # type: ignore[arg-type]
    first, second = generator.classes_seen[:30], generator.classes_seen[30:]
    assert first == second
    assert first.count(1) == 0
    assert first.count(2) > first.count(0) > 0


def test_large_images_are_averaged_down_and_cropped() -> None:
    generator = Linear(side=528)
    shapes = []

    def watched(a: Tensor, b: Tensor) -> Tensor:
        shapes.append(tuple(a.shape))
        return square(a, b)

    whole = perceptual_path_length(generator, watched, samples=1, batch=1)  # type: ignore[arg-type]
    crop = perceptual_path_length(generator, watched, samples=1, batch=1, crop=True)  # type: ignore[arg-type]
    assert shapes == [(1, 3, 264, 264), (1, 3, 264, 264)]
    z = latents(1, seed=0)
    change = (generator.A @ generator.M @ (z[0, 1] - z[0, 0])).detach().view(3, 528, 528)
    means = change.view(3, 264, 2, 264, 2).mean((2, 4))
    assert whole.mean == pytest.approx(float(means.square().sum()), rel=1e-6)
    middle = change[:, 198:462, 132:396]
    assert crop.mean == pytest.approx(float(middle.square().sum()), rel=1e-6)


def test_a_generator_is_left_as_it_was_and_noise_is_held() -> None:
    generator = make_generator(c_dim=CLASSES, channels=1).train()
    generator.mapping.eval()
    generator.set_precision(torch.bfloat16, 1)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    pairs, told = [], []

    def watched(a: Tensor, b: Tensor) -> Tensor:
        assert generator.synthesis.precision[0] == torch.float32
        pairs.append((a, b))
        return square(a, b)

    found = perceptual_path_length(
        generator, watched, samples=5, batch=3, progress=told.append, seed=2
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert generator.synthesis.training
    assert not generator.mapping.training
    assert generator.synthesis.precision == (torch.bfloat16, 1)
    assert told == [3, 5]
    assert pairs[0][0].shape == (3, 3, 16, 16)
    assert pairs[0][0].dtype == torch.float32
    # Other noise would change images a thousand times as much as the step does.
    steps = torch.cat([(a - b).abs().flatten(1).amax(1) for a, b in pairs])
    again = perceptual_path_length(generator, watched, samples=3, batch=3, seed=2)
    with torch.random.fork_rng(), torch.no_grad():
        w = generator.mapping(torch.zeros(1, 6), torch.eye(3)[:1])
        noise = (generator.synthesis(w) - generator.synthesis(w)).abs().max()
    assert 0 < float(steps.max()) < float(noise) / 20
    torch.testing.assert_close(again.values, found.values[:3])


def test_trimming_and_its_error_are_scipys() -> None:
    x = normal(1001).exp()
    mean, error, _, _ = trimmed(x)
    assert mean == pytest.approx(trim_mean(x.numpy(), 10 / 1001), rel=1e-12)
    assert error == pytest.approx(trimmed_stde(x.numpy(), (10 / 1001, 10 / 1001)), rel=2e-3)


def test_it_refuses() -> None:
    run: Any = perceptual_path_length
    with pytest.raises(InputError, match="in space 'v', sampled 'full'"):
        run(Linear(), square, space="v", sampling="full")
    with pytest.raises(InputError, match="epsilon is 0"):
        run(Linear(), square, epsilon=0)
    without = Linear()
    without.config.z_dim = 0
    with pytest.raises(InputError, match="classes only"):
        run(without, square, samples=1)
    broken = Linear()
    broken.A[0, 0] = torch.nan
    with pytest.raises(NotFiniteError, match="has diverged"):
        run(broken, square, samples=1)
    with pytest.raises(InputError, match="draws 4 channels"):
        run(make_generator(channels=4), square, samples=1)
