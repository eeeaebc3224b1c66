"""Directions of factors, on networks and readers whose factors are known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegen.editing.directions import (
    BoundaryConfig,
    from_factor,
    measure_spread,
    strip,
)
from stylegen.editing.directions.factors import part_readings
from stylegen.editing.directions.reading import Factor
from stylegen.editing.sampling import draw, sample_w
from stylegen.errors import InputError
from tests.editing.directions.small import make_generator


class Redness:
    """Reads how red an image is, as a number, and as a colour of two values."""

    factors = (
        Factor(name="red", values=(), first=0, spread=1.0),
        Factor(name="colour", values=("blue", "red"), first=1, spread=1.0),
        Factor(name="hair", values=("a", "b", "c"), first=0, spread=1.0),
    )

    def check_channels(self, channels: int) -> None:
        assert channels == 3

    def find(self, name: str) -> Factor:
        return next(factor for factor in self.factors if factor.name == name)

    def __call__(self, images: Tensor) -> Tensor:
        red, _, blue = images.double().mean((2, 3)).unbind(1)
        return torch.stack([red, blue, red], dim=1)


@pytest.mark.parametrize(("name", "value"), [("red", None), ("colour", "red"), ("colour", None)])
def test_a_factor_grows_along_its_direction(name: str, value: str | None) -> None:
    network, reader = make_generator(), Redness()
    config = BoundaryConfig(samples=300)
    found = from_factor(network, reader, name, value, config=config)  # type: ignore[arg-type]
    w = sample_w(network, 100, seed=9)
    ends = []
    for sign in (-1, 1):
        moved = w + sign * (found.unit or 0) * found.vector
        ends.append(reader(draw(network, moved[:, None].repeat(1, 6, 1))))
    change = (ends[1] - ends[0]).mean(0)
    assert float(change[0] if name == "red" else change[2] - change[1]) > 1


def test_values_that_a_factor_lacks() -> None:
    red, colour, hair = Redness.factors
    readings = torch.tensor([[0.0, 2, 1], [3, 2, 1]])
    assert part_readings(readings, hair, "a")[1].tolist() == [False, True]
    assert part_readings(readings[:, :2], colour, None)[1].tolist() == [True, False]
    with pytest.raises(InputError, match="its values are: a, b, c"):
        part_readings(readings, hair, None)
    with pytest.raises(InputError, match="is a number"):
        part_readings(readings[:, :1], red, "a")


class Colours(torch.nn.Module):
    """Draws one colour: w_0 + w_1 as red, w_1 as green, w_2 - w_1 as blue."""

    def forward(self, ws: Tensor, noise: str) -> Tensor:
        w = ws[:, 0]
        colour = torch.stack([w[:, 0] + w[:, 1], w[:, 1], w[:, 2] - w[:, 1]], dim=1)
        return (0.05 * colour)[:, :, None, None].expand(-1, -1, 16, 16)


class Shades(Redness):
    """Reads the three colours, as numbers."""

    factors = (
        Factor(name="red", values=(), first=0, spread=1.0),
        Factor(name="green", values=(), first=1, spread=1.0),
        Factor(name="blue", values=(), first=2, spread=1.0),
    )

    def __call__(self, images: Tensor) -> Tensor:
        return images.double().mean((2, 3))


def test_a_purified_direction_changes_its_factor_alone() -> None:
    network = make_generator()
    network.synthesis = Colours()  # type: ignore[assignment]
    config = BoundaryConfig(samples=2000, ridge=1e-5)
    plain, pure = (
        from_factor(network, Shades(), "red", purify=purify, config=config)  # type: ignore[arg-type]
        for purify in (False, True)
    )
    # of steps with n_1 = n_2 = 0, S (a - ...) is the one that S makes likeliest: by Lagrange,
    # n = S a - S O' (O S O')^-1 O S a for the normal a and the rows O of the others
    s = measure_spread(network).covariance.numpy()
    o = np.zeros((2, 8))
    o[0, 1], o[1, 1], o[1, 2] = 1, -1, 1
    a = plain.vector.double().numpy()
    n = s @ a - s @ o.T @ np.linalg.solve(o @ s @ o.T, o @ s @ a)
    assert float(pure.vector.double().numpy() @ n / np.linalg.norm(n)) > 0.999
    changes = []
    for direction in (plain, pure):
        ends = strip(network, range(50), direction, [-1, 1]).double().mean((3, 4))
        changes.append((ends[:, 1] - ends[:, 0]).mean(0).abs())
    assert float(changes[0][1:].max()) > 0.3 * float(changes[0][0])
    assert float(changes[1][1:].max()) < 0.05 * float(changes[1][0])


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    config = BoundaryConfig(samples=300)
    from_factor(
        make_generator(), Redness(), "red", config=config,  # type: ignore[arg-type]
        progress=lambda *done: seen.append(done),
    )  # fmt: skip
    assert seen == [(250, 300), (300, 300)]
