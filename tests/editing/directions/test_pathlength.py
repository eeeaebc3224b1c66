"""Path lengths against closed forms: networks and feature spaces whose speed is known."""

from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.editing.directions import NetworkSpace, ReportConfig, path_lengths
from stylegen.editing.directions.pathlength import distances
from stylegen.errors import InputError
from stylegen.perceptual.demo import Demo
from tests.editing.directions.small import make_generator


class Pixels:
    name = "pixels"

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def between(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().sum(1)


class Flat(torch.nn.Module):
    """Draws w itself as pixels: the path length in W is the mean squared distance of two w."""

    def forward(self, ws: Tensor, noise: str) -> Tensor:
        assert noise == "const"
        return ws[:, 0, :, None, None].double()


CONFIG = ReportConfig(path_samples=400, epsilon=1e-3)


def flat(**changes: Any) -> Any:
    network = make_generator(**changes)
    network.synthesis = Flat()  # type: ignore[assignment]
    return network


def test_a_straight_path_has_the_length_of_its_ends_distance() -> None:
    network = flat()
    found = path_lengths(network, Pixels(), CONFIG)
    draws = torch.Generator().manual_seed(0)
    z = torch.randn(2, 400, 8, generator=draws, dtype=torch.float64)
    a, b = (network.mapping(x.float(), None)[:, 0].double() for x in z)
    squares = (a - b).square().sum(1)
    assert found.w == pytest.approx(float(squares.mean()), rel=1e-3)
    assert found.w_error == pytest.approx(float(squares.std()) / 20, rel=1e-3)
    assert (found.space, found.samples, found.epsilon) == ("pixels", 400, 1e-3)


def test_a_circle_has_the_length_of_its_angle() -> None:
    """With a mapping that is the identity, the path in Z is an arc of the unit sphere."""
    network = flat()

    def same(z: Tensor, c: Any, skip_w_avg_update: bool) -> Tensor:
        return z[:, None].repeat(1, 6, 1)

    network.mapping.forward = same
    found = path_lengths(network, Pixels(), CONFIG)
    draws = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 400, 8, generator=draws, dtype=torch.float64)
    angles = torch.nn.functional.cosine_similarity(a, b).acos()
    assert found.z == pytest.approx(float(angles.square().mean()), rel=1e-3)


def test_networks_without_z_have_no_path_there() -> None:
    found = path_lengths(flat(z_dim=0, c_dim=3), Pixels(), CONFIG)
    assert (found.z, found.z_error) == (None, None)
    assert found.w > 0


def test_both_ends_are_of_the_class() -> None:
    network = flat(c_dim=3)
    one = path_lengths(network, Pixels(), CONFIG, "b")
    assert one.w == path_lengths(network, Pixels(), CONFIG, 1).w
    assert one.w != path_lengths(network, Pixels(), CONFIG).w
    with pytest.raises(InputError, match="the classes are"):
        path_lengths(network, Pixels(), CONFIG, "d")


def test_the_step_hardly_matters() -> None:
    network = make_generator()
    found = [
        path_lengths(network, Pixels(), ReportConfig(path_samples=40, epsilon=eps))
        for eps in (1e-3, 3e-3)
    ]
    assert found[0].w == pytest.approx(found[1].w, rel=0.05)
    assert (found[0].z or 0) == pytest.approx(found[1].z, rel=0.05)


def test_groups_do_not_matter() -> None:
    network = make_generator()
    a, b = torch.randn(2, 21, 6, 8)
    whole = distances(network, Pixels(), a, b)
    alone = torch.cat([distances(network, Pixels(), a[i : i + 1], b[i : i + 1]) for i in (0, 20)])
    assert torch.allclose(whole[[0, 20]], alone, rtol=1e-4)


def test_a_feature_network_as_a_space(weights: str) -> None:
    demo = Demo(weights)
    space = NetworkSpace(demo)
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    features = space.features(images.float() / 127.5 - 1)
    assert torch.allclose(features, demo(images).pool, atol=1e-4)
    wanted = (features[:2] - features[2:]).square().sum(1)
    assert torch.equal(space.between(features[:2], features[2:]), wanted)
    assert space.name == "demo"
