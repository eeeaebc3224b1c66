"""What is drawn for blitting and geometry, and the matrix that it comes to."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from stylegen.training.augment.chance import Chance
from stylegen.training.augment.config import Magnitudes
from stylegen.training.augment.geometry import (
    Motion,
    draw_blit,
    draw_geometry,
    inverse_affine,
    no_motion,
    turn,
)

N, P = 20_000, 0.6
M = Magnitudes()
Chances = Callable[[int, float], Chance]


def assert_share(occurred: Tensor, share: float) -> None:
    """Five standard deviations around the expected share."""
    margin = 5 * math.sqrt(share * (1 - share) / N) + 1e-12
    assert abs(occurred.float().mean().item() - share) < margin


def assert_follows(values: Tensor, distribution: object) -> None:
    assert stats.kstest(values.double().numpy(), distribution.cdf).pvalue > 1e-3  # type: ignore[attr-defined]


@pytest.fixture
def blit(chance: Chances) -> Motion:
    return draw_blit(no_motion(N, torch.device("cpu")), (20, 20), M, chance(N, P))


@pytest.fixture
def geometry(chance: Chances) -> Motion:
    return draw_geometry(no_motion(N, torch.device("cpu")), (20, 40), M, chance(N, P))


def test_mirrors_and_quarter_turns(blit: Motion) -> None:
    assert_share(blit.mirrored, P / 2)  # of the two that are drawn, one does nothing
    for quarters in (1, 2, 3):
        assert_share(blit.quarters == quarters, P / 4)
    assert_share(blit.quarters == 0, 1 - 3 * P / 4)


def test_whole_steps(blit: Motion) -> None:
    # up to 2.5 of 20 pixels: rounding gives -2 ... 2, each from an interval of width 1 of 5
    for axis in (0, 1):
        steps = blit.steps[:, axis]
        for step in (-2, -1, 1, 2):
            assert_share(steps == step, P / 5)
    assert_share((blit.steps == 0).all(1), 1 - P + P / 25)  # one decision for both axes


def test_rectangles_are_turned_by_halves_only(chance: Chances) -> None:
    motion = draw_blit(no_motion(N, torch.device("cpu")), (20, 40), M, chance(N, P))
    assert_share(motion.quarters == 2, P / 2)
    assert_share(motion.quarters == 0, 1 - P / 2)
    assert motion.steps[:, 0].abs().max() == 5
    assert motion.steps[:, 1].abs().max() == 2


def test_scale_and_stretch_are_lognormal(geometry: Motion) -> None:
    published = stats.lognorm(s=0.2 * math.log(2))
    for values in (geometry.scale, geometry.stretch):
        assert_share(values != 1, P)
        assert_follows(values[values != 1], published)


def test_either_turn_happens_with_p(geometry: Motion) -> None:
    for angle in (geometry.pre, geometry.post):
        assert_share(angle != 0, 1 - math.sqrt(1 - P))
        assert_follows(angle[angle != 0], stats.uniform(-math.pi, 2 * math.pi))
    assert_share((geometry.pre != 0) | (geometry.post != 0), P)


def test_shift_is_gaussian_in_shares_of_the_sides(geometry: Motion) -> None:
    moved = geometry.shift[(geometry.shift != 0).any(1)]
    assert_share((geometry.shift != 0).any(1), P)
    assert_follows(moved[:, 0] / 40, stats.norm(scale=0.125))
    assert_follows(moved[:, 1] / 20, stats.norm(scale=0.125))
    assert abs(np.corrcoef(moved.T.numpy())[0, 1]) < 0.05


def test_operations_are_drawn_apart(geometry: Motion) -> None:
    happened = torch.stack(
        [geometry.scale != 1, geometry.stretch != 1, geometry.pre != 0, geometry.post != 0,
         (geometry.shift != 0).any(1)]
    ).double()  # fmt: skip
    correlations = torch.corrcoef(happened) - torch.eye(5)
    assert correlations.abs().max() < 5 / math.sqrt(N)


@pytest.mark.parametrize(("p", "expected"), [(0.0, 0.0), (1.0, 1.0)])
def test_never_and_always(chance: Chances, p: float, expected: float) -> None:
    motion = draw_geometry(no_motion(500, torch.device("cpu")), (8, 8), M, chance(500, p))
    for values, neutral in ((motion.scale, 1), (motion.pre, 0), (motion.post, 0)):
        assert (values != neutral).float().mean() == expected


def homogeneous(motion: Motion, sample: int) -> np.ndarray:
    """Compose the published matrices, one after the other, in float64."""

    def value(name: str) -> np.ndarray:
        values: np.ndarray = getattr(motion, name)[sample].double().numpy()
        return values

    def scale(x: float, y: float) -> np.ndarray:
        return np.diag([x, y, 1.0])

    def rotate(angle: float) -> np.ndarray:
        c, s = math.cos(angle), math.sin(angle)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])

    def translate(by: np.ndarray) -> np.ndarray:
        return np.array([[1, 0, by[0]], [0, 1, by[1]], [0, 0, 1]])

    g = translate(value("steps"))
    s, a = float(value("scale")), float(value("stretch"))
    g = scale(s, s) @ g
    g = rotate(float(value("pre"))) @ g
    g = scale(a, 1 / a) @ g
    g = rotate(float(value("post"))) @ g
    return translate(value("shift")) @ g


def test_inverse_affine_inverts_the_composition(chance: Chances) -> None:
    lots, size = chance(50, 0.9), (12, 17)
    motion = draw_blit(no_motion(50, torch.device("cpu")), size, M, lots)
    motion = draw_geometry(motion, size, M, lots)
    inverse = inverse_affine(motion).double().numpy()
    for sample in range(50):
        expected = np.linalg.inv(homogeneous(motion, sample))[:2]
        np.testing.assert_allclose(inverse[sample], expected, atol=2e-5)


def test_what_does_not_move_has_exactly_the_identity() -> None:
    inverse = inverse_affine(no_motion(3, torch.device("cpu")))
    assert torch.equal(inverse, torch.eye(2, 3).expand(3, 2, 3))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_turns_are_exact(mirrored: bool, quarters: int) -> None:
    images = torch.randn(2, 3, 7, 7)
    still = no_motion(2, torch.device("cpu"))
    motion = replace(
        still,
        mirrored=torch.tensor([mirrored, False]),
        quarters=torch.tensor([float(quarters), 0.0]),
    )
    done = turn(images, motion)
    first = images[0].flip(2) if mirrored else images[0]
    assert torch.equal(done[0], torch.rot90(first, quarters, [1, 2]))
    assert torch.equal(done[1], images[1])


def test_a_half_turn_of_a_rectangle_is_exact() -> None:
    images = torch.randn(1, 2, 5, 9)
    motion = replace(no_motion(1, torch.device("cpu")), quarters=torch.tensor([2.0]))
    assert torch.equal(turn(images, motion), images.flip([2, 3]))
