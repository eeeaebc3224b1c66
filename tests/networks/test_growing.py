"""Growing is continuous: what a grown network gives is known at every alpha."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    downsample_images,
    grow,
)
from tests.networks import plain

ARCHITECTURES = ("skip", "resnet", "orig")
CASES: list[dict[str, Any]] = [  # the smaller network
    {"resolution": 4},
    {"resolution": 8, "base_size": (3, 5), "img_channels": 1},
    {"resolution": 16, "base_size": (4, 6), "img_channels": 4, "c_dim": 3, "conv_clamp": 0.6},
    {"resolution": 8, "img_channels": 2, "resample_filter": (1.0, 3.0, 3.0, 1.0), "c_dim": 2},
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['resolution']}-{len(c)}")
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def show(network: nn.Module) -> None:
    """Give biases and strengths of noise a value that shows."""
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith(("bias", "noise_strength")):
                p.add_(0.3 * torch.randn_like(p))


def generators(architecture: Any, case: dict[str, Any]) -> tuple[Generator, Generator]:
    torch.manual_seed(0)
    sizes = {"z_dim": 8, "w_dim": 12, "mapping_layers": 2, "channel_base": 256, "channel_max": 10}
    old = Generator(GeneratorConfig(architecture=architecture, **sizes, **case)).eval()
    show(old)
    new = grow(old)
    new.synthesis.get_submodule(f"b{new.synthesis.resolution}").apply(show)
    return old, new


def discriminators(architecture: Any, case: dict[str, Any]) -> tuple[Discriminator, Discriminator]:
    torch.manual_seed(0)
    sizes = {"mapping_layers": 2, "channel_base": 256, "channel_max": 10}
    old = Discriminator(DiscriminatorConfig(architecture=architecture, **sizes, **case))
    show(old)
    new = grow(old)
    new.get_submodule(f"b{new.resolution}").apply(show)
    return old, new


def classes(c_dim: int, batch: int) -> Tensor | None:
    return torch.eye(c_dim)[torch.arange(batch) % c_dim] if c_dim else None


def images_for(network: Discriminator, batch: int = 4) -> Tensor:
    config = network.config
    return torch.randn(batch, config.img_channels, config.height, config.width)


def double(network: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().double() for k, v in network.state_dict().items()}


def shape_noise(n: int, h: int, w: int) -> Tensor:
    """Noise that depends on the layer's size alone."""
    return torch.randn(n, 1, h, w, generator=torch.Generator().manual_seed(h * w))


@every_case
@every_architecture
@torch.no_grad()
def test_images_at_alpha_0_are_the_smaller_ones_upsampled(
    architecture: str, case: dict[str, Any]
) -> None:
    old, new = generators(architecture, case)
    z, c = torch.randn(3, 8), classes(old.config.c_dim, 3)
    for noise in ("const", "none", shape_noise):
        expected = plain.twice(old(z, c, noise=noise).double())  # type: ignore[arg-type]
        actual = new(z, c, noise=noise)  # type: ignore[arg-type]
        assert expected.std() > 0.1
        torch.testing.assert_close(actual.double(), expected, atol=1e-5, rtol=0)


@every_case
@every_architecture
@torch.no_grad()
def test_images_within_the_fade_are_blended(architecture: str, case: dict[str, Any]) -> None:
    old, new = generators(architecture, case)
    new.set_alpha(0.3)
    ws = torch.randn(3, new.config.num_ws, 12)
    smaller = plain.synthesis(double(old), old.config, ws[:, : old.config.num_ws].double())
    larger = plain.synthesis(double(new), new.config, ws.double())
    expected = 0.7 * plain.twice(smaller) + 0.3 * larger
    actual = new.synthesis(ws, noise="const")
    torch.testing.assert_close(actual.double(), expected, atol=1e-4, rtol=1e-4)


@every_case
@every_architecture
@torch.no_grad()
def test_logits_at_alpha_0_are_the_smaller_ones_of_downsampled_images(
    architecture: str, case: dict[str, Any]
) -> None:
    old, new = discriminators(architecture, case)
    x, c = images_for(new), classes(old.config.c_dim, 4)
    smaller = downsample_images(x, new.config.resample_filter)
    torch.testing.assert_close(smaller.double(), plain.half(x.double()))
    torch.testing.assert_close(new(x, c), old(smaller, c), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(new(x, c, parts=2), old(smaller, c, parts=2), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(new.features(x), old.features(smaller), atol=1e-5, rtol=1e-5)


@every_case
@every_architecture
@torch.no_grad()
def test_logits_within_the_fade_are_those_of_blended_features(
    architecture: str, case: dict[str, Any]
) -> None:
    old, new = discriminators(architecture, case)
    new.set_alpha(0.3)
    x, c = images_for(new), classes(old.config.c_dim, 4)
    expected = plain.discriminate(
        double(new), new.config, x.double(), None if c is None else c.double(), 4,
        alpha=0.3, smaller=double(old),
    )  # fmt: skip
    torch.testing.assert_close(new(x, c).double(), expected, atol=1e-4, rtol=1e-4)


@every_case
@every_architecture
@torch.no_grad()
def test_at_alpha_1_they_are_standard_networks(architecture: str, case: dict[str, Any]) -> None:
    generator, discriminator = (
        generators(architecture, case)[1],
        discriminators(architecture, case)[1],
    )
    z, c = torch.randn(3, 8), classes(generator.config.c_dim, 3)
    for network in (generator, discriminator):
        standard = type(network)(network.config).train(network.training)  # type: ignore[arg-type]
        state = {k: v for k, v in network.state_dict().items() if "fade." not in k}
        assert list(state) == list(standard.state_dict())
        standard.load_state_dict(state)
        network.set_alpha(1.0)
        inputs = (z, c) if network is generator else (images_for(discriminator, 3), c)
        noise = {"noise": "const"} if network is generator else {}
        expected = standard(*inputs, **noise)
        assert torch.equal(network(*inputs, **noise), expected)
        network.end_fade()
        assert network.fade is None
        assert list(network.state_dict()) == list(standard.state_dict())
        assert torch.equal(network(*inputs, **noise), expected)


@every_architecture
def test_the_fade_keeps_the_image_layers_of_resnet_and_orig(architecture: str) -> None:
    for make, layer in ((generators, "synthesis.fade.torgb."), (discriminators, "fade.fromrgb.")):
        network = make(architecture, CASES[1])[1]
        names = {n for n, _ in network.named_parameters() if "fade." in n}
        if architecture == "skip":
            assert not names
        else:
            assert {layer + "weight", layer + "bias"} <= names
            assert all(n.startswith(layer) for n in names)


@torch.no_grad()
def test_growing_twice_is_growing_from_a_standard_network() -> None:
    _, new = generators("resnet", CASES[0])
    new.set_alpha(1.0)
    new.end_fade()
    again = grow(new)
    z = torch.randn(2, 8)
    expected = plain.twice(new(z, noise="const").double())
    torch.testing.assert_close(again(z, noise="const").double(), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_an_average_takes_the_new_block_of_its_network() -> None:
    old, new = generators("resnet", CASES[1])
    average = copy.deepcopy(old)
    for p in average.parameters():
        p.add_(0.1)
    grown = grow(average, like=new)
    theirs, newest = average.state_dict(), new.state_dict()
    for name, value in grown.state_dict().items():
        if "fade." in name:
            continue
        expected = theirs[name] if name in theirs else newest[name]
        assert torch.equal(value, expected), name
    assert torch.equal(grown.synthesis.fade.torgb.bias, average.synthesis.b8.torgb.bias)
    assert list(grown.state_dict()) == list(new.state_dict())


def test_impossible_fades_are_refused() -> None:
    for make in (generators, discriminators):
        old, new = make("skip", CASES[0])
        for wrong in (-0.1, 1.5, float("nan")):
            with pytest.raises(InputError, match="wanted 0 to 1"):
                new.set_alpha(wrong)
        with pytest.raises(InputError, match="nothing fades"):
            old.set_alpha(0.5)
        old.set_alpha(1.0)
        with pytest.raises(InputError, match="end_fade"):
            grow(new)
    thin = Generator(GeneratorConfig(resolution=8, z_dim=4, w_dim=4, channel_base=8))
    with pytest.raises(InputError, match="leaves no channel at 16 px"):
        grow(thin)
