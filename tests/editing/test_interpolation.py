"""Walks through latents of small networks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import stylegen
from stylegen.editing.interpolation import Walk, interpolate, only_seeds, walk_frames
from stylegen.editing.latents import Latents
from stylegen.editing.sampling import seeds_to_ws
from stylegen.editing.walk_config import WalkConfig, parse_sweep
from stylegen.errors import InputError
from stylegen.networks import Generator
from tests.editing import small


def generator(**changes: Any) -> Generator:
    network = small.generator(**changes)
    with torch.no_grad():
        network.train().mapping(torch.randn(64, 8), torch.eye(3)[:1].expand(64, 3))
    return network.eval()


class Pixels:
    """The plainest distance: mean squared difference of pixels."""

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def between(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().mean(dim=1)


def one(network: Generator, through: Any, psi: float = 1.0, **values: Any) -> Walk:
    (walk,) = interpolate(network, through, WalkConfig(**values), psi=psi, distance=Pixels())
    return walk


def images(network: Generator, *walks: Walk, columns: int = 1) -> Tensor:
    return torch.stack(list(walk_frames(network, walks, columns)))


@pytest.mark.parametrize("constant_speed", [False, True])
@pytest.mark.parametrize(
    ("space", "path"),
    [
        ("w", "linear"),
        ("w", "cubic"),
        ("w", "loop"),
        ("z", "linear"),
        ("z", "slerp"),
        ("z", "loop"),
    ],
)
@pytest.mark.parametrize("closed", [False, True])
def test_the_points_are_met_bit_by_bit(
    space: str, path: str, closed: bool, constant_speed: bool
) -> None:
    network, seeds = generator(), [5, 2, 9]
    walk = one(
        network, seeds, psi=0.7, frames=20, space=space, path=path, closed=closed,
        constant_speed=constant_speed,
    )  # fmt: skip
    assert len(walk.ws) == 20
    assert walk.keys[0] == 0
    assert closed or path == "loop" or walk.keys[-1] == 19
    assert walk.sources == ("5", "2", "9")
    assert torch.equal(walk.ws[list(walk.keys)], seeds_to_ws(network, seeds, 0.7))
    drawn = images(network, walk)
    assert torch.equal(drawn[list(walk.keys)], stylegen.generate(network, seeds, psi=0.7))
    assert (walk.ws[1:] != walk.ws[:-1]).flatten(1).any(dim=1).all()  # no frame twice


def test_frames_between_by_hand() -> None:
    network = generator()
    a, b = seeds_to_ws(network, [1, 2])
    walk = one(network, [1, 2], frames=5)
    assert torch.allclose(walk.ws, torch.stack([a + k / 4 * (b - a) for k in range(5)]))
    back = one(network, [1, 2], frames=4, closed=True)
    assert torch.allclose(back.ws, torch.stack([a, (a + b) / 2, b, (a + b) / 2]))
    z = torch.from_numpy(np.stack([np.random.RandomState(s).randn(8) for s in (1, 2)])).float()
    middle = network.mapping(z.mean(dim=0, keepdim=True))
    assert torch.allclose(one(network, [1, 2], frames=3, space="z").ws[1], middle[0])


@pytest.mark.parametrize(("space", "path"), [("w", "loop"), ("z", "loop"), ("z", "slerp")])
def test_a_loop_closes_as_smoothly_as_it_runs(space: str, path: str) -> None:
    network = generator()
    for offset in ([1, 2, 3, 4], [3, 4, 1, 2]):  # wherever it starts
        ws = one(network, offset, frames=64, space=space, path=path, closed=True).ws
        steps = (ws.roll(-1, 0) - ws).flatten(1).norm(dim=1)
        assert steps[-1] > 0  # the last frame is not the first
        assert steps[-1] < 1.1 * steps[:-1].max()
    shifted = one(network, [1, 2, 3, 4], frames=64, space=space, path=path, closed=True).ws
    assert torch.allclose(ws, shifted.roll(-32, 0), atol=1e-5)


def test_latents_of_their_own_for_each_layer() -> None:
    network = generator()
    w = torch.randn(2, network.config.num_ws, 8)
    given = Latents(w=w, sources=("a", "b"))
    walk = one(network, [given, 7], frames=7, path="cubic")
    expected = torch.cat([w, seeds_to_ws(network, [7])])
    assert walk.keys == (0, 3, 6)
    assert torch.equal(walk.ws[[0, 3, 6]], expected)
    assert walk.sources == ("a", "b", "7")


@pytest.mark.parametrize("space", ["w", "z"])
def test_only_chosen_layers_move(space: str) -> None:
    network = generator()
    whole = one(network, [1, 2, 3], frames=9, space=space)
    part = one(network, [1, 2, 3], frames=9, space=space, layers="1,3-4")
    moving = [1, 3, 4]
    still = [i for i in range(network.config.num_ws) if i not in moving]
    assert torch.equal(part.ws[:, moving], whole.ws[:, moving])
    assert torch.equal(part.ws[:, still], whole.ws[:1, still].expand(9, -1, -1))
    with pytest.raises(InputError, match="layer 9 was asked for"):
        one(network, [1, 2], layers="9")


def test_a_sweep_of_truncation() -> None:
    network = generator()
    low, high = parse_sweep("-1..1")
    walk = one(network, [4], frames=9, sweep=(low, high))
    assert walk.sources == ("4 at psi -1", "4 at psi 1")
    w, mean = seeds_to_ws(network, [4])[0], network.mapping.w_avg
    expected = torch.stack([mean + psi * (w - mean) for psi in np.linspace(-1, 1, 9)])
    assert torch.allclose(walk.ws, expected, atol=1e-6)
    drawn = images(network, walk)
    for frame, psi in ((0, -1.0), (8, 1.0)):
        assert torch.equal(drawn[frame], stylegen.generate(network, [4], psi=psi)[0])
    part = one(network, [4], frames=9, sweep=(-1.0, 1.0), layers="2-3")
    assert torch.equal(part.ws[:, 2:4], walk.ws[:, 2:4])
    assert torch.equal(part.ws[:, :2], w[:2].expand(9, -1, -1))  # others are not truncated


def test_a_sweep_there_and_back() -> None:
    ws = one(generator(), [4], frames=8, sweep=(0.0, 2.0), closed=True).ws
    assert torch.allclose(ws[1:4], ws[5:].flip(0))
    assert not torch.equal(ws[0], ws[4])


@pytest.mark.parametrize("text", ["1", "1..", "a..b", "1....2", "1..1", "--1..1", "1e3..2"])
def test_no_sweep(text: str) -> None:
    with pytest.raises(InputError, match=r"wanted two values such as -1\.\.1"):
        parse_sweep(text)


def test_sweeps_are_read() -> None:
    assert parse_sweep("0.5..-1.25") == (0.5, -1.25)
    assert parse_sweep(" +0 .. .5") == (0, 0.5)


def spread(network: Generator, walk: Walk) -> float:
    """Deviation of the steps' length over its mean, as pixels see it."""
    drawn = network.synthesis(walk.ws, noise="const")
    steps = Pixels().between(Pixels().features(drawn[1:]), Pixels().features(drawn[:-1])).sqrt()
    return float(steps.std() / steps.mean())


def test_constant_speed_in_an_uneven_case() -> None:
    network = generator()
    w = seeds_to_ws(network, [1, 2])
    near = w[0].lerp(w[1], 0.05)  # one short way and two long ones
    points = Latents(w=torch.stack([w[0], near, w[1], w[0]]), sources=("a", "b", "c", "d"))
    for values in ({}, {"path": "cubic"}):
        time = one(network, points, frames=60, **values)
        speed = one(network, points, frames=60, constant_speed=True, **values)
        assert spread(network, time) > 0.4
        assert spread(network, speed) < 0.1  # whole numbers of steps to each point leave some
        assert torch.equal(speed.ws[list(speed.keys)], points.w)
    assert speed.keys[1] < 10 < 20 == time.keys[1]


def test_constant_speed_within_one_way() -> None:
    network = generator()
    z = [1, 2]
    # straight through z: fast in the middle, slow at the ends, as nearly opposite points make it
    time = one(network, z, frames=40, space="z")
    speed = one(network, z, frames=40, space="z", constant_speed=True)
    assert spread(network, speed) < spread(network, time) / 4
    assert spread(network, speed) < 0.05


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_grid_of_walks(channels: int) -> None:
    network = generator(img_channels=channels, base_size=(3, 5), resolution=16)
    config = WalkConfig(frames=4, walks=6)
    walks = interpolate(network, "0-11", config)
    assert [walk.sources for walk in walks] == [(str(2 * i), str(2 * i + 1)) for i in range(6)]
    drawn = images(network, *walks, columns=3)
    assert drawn.shape == (4, channels, 2 * 12, 3 * 20)
    assert torch.equal(drawn[0, :, :12, 20:40], stylegen.generate(network, [2])[0])
    assert torch.equal(drawn[3, :, 12:, 40:], stylegen.generate(network, [11])[0])
    swept = interpolate(network, [3, 4], WalkConfig(frames=3, walks=2, sweep=(0.0, 1.0)))
    assert [walk.sources[1] for walk in swept] == ["3 at psi 1", "4 at psi 1"]


@pytest.mark.parametrize("space", ["w", "z"])
def test_conditional_networks(space: str) -> None:
    network = generator(c_dim=3)
    network.class_names = ("a", "b", "c")
    for name in ("b", None):  # one class, or each seed's own
        (walk,) = interpolate(
            network, [1, 2, 3], WalkConfig(frames=7, space=space), class_name=name
        )
        assert torch.equal(walk.ws[[0, 3, 6]], seeds_to_ws(network, [1, 2, 3], class_name=name))
    with pytest.raises(InputError, match="the classes are: a, b, c"):
        interpolate(network, [1, 2], WalkConfig(space=space), class_name="d")


def test_noise_is_that_of_all_frames() -> None:
    network = generator()
    same = Latents(w=seeds_to_ws(network, [1, 1]), sources=("1", "1"))
    drawn = images(network, one(network, same, frames=12))
    assert (drawn == drawn[:1]).all()
    (still,) = list(walk_frames(network, [one(network, same, frames=2)], noise="none"))[:1]
    assert not torch.equal(still, drawn[0])


def test_walks_in_z_take_seeds_only(tmp_path: Path) -> None:
    network = generator()
    saved = Latents(w=seeds_to_ws(network, [1]), sources=("1",))
    saved.save(tmp_path / "w.npz")
    for wrong in (saved, tmp_path / "w.npz", tmp_path / "photo.jpg"):
        through: Sequence[Any] = [1, wrong]
        with pytest.raises(InputError, match=r"goes from seed to seed, but .* has only a w"):
            one(network, through, space="z")
    assert only_seeds("3,1-2") == [3, 1, 2]


def test_requests_that_cannot_be_met() -> None:
    network = generator()
    for values, message in (
        ({"path": "slerp"}, "path 'slerp' follows the sphere of z"),
        ({"path": "zigzag"}, "wanted one of linear, slerp, cubic, loop"),
        ({"space": "w+"}, "wanted one of w, z"),
        ({"frames": 1}, "wanted at least 2"),
        ({"walks": 0}, "walks is 0"),
        ({"sweep": (0.0, 1.0), "path": "cubic"}, "goes straight through w"),
        ({"sweep": (0.0, 1.0), "space": "z"}, "goes straight through w"),
    ):
        with pytest.raises(InputError, match=message):
            WalkConfig(**values)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="needs at least two points, but there is 1"):
        one(network, [1])
    with pytest.raises(InputError, match=r"2 walks need equally many points, .* there are 5"):
        one(network, "1-5", walks=2)
    with pytest.raises(InputError, match=r"takes one point for each walk, 1 in all, but .* 2"):
        one(network, [1, 2], sweep=(0.0, 1.0))
    with pytest.raises(InputError, match="3 frames cannot show 4 points; wanted at least 4"):
        one(network, "1-4", frames=3)
    with pytest.raises(InputError, match="needs a distance"):
        interpolate(network, [1, 2], WalkConfig(constant_speed=True))
