"""Both networks on a GPU give what the reference gives on the CPU. Rehearsed on the CPU."""

from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    grow,
    lay_out,
)
from stylegen.ops.dispatch import forced

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
SIZES: dict[str, Any] = {"resolution": 32, "channel_base": 1024, "channel_max": 48}
LAST = torch.channels_last


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    config = GeneratorConfig(z_dim=32, w_dim=32, mapping_layers=2, conv_clamp=256, **SIZES)
    network = Generator(config).eval()
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                p.add_(0.3 * torch.randn_like(p))
    return network


@pytest.fixture
def discriminator() -> Discriminator:
    torch.manual_seed(1)
    return Discriminator(DiscriminatorConfig(conv_clamp=256, **SIZES)).eval()


def images_and_gradients(network: Generator, z: Tensor, weight: Tensor) -> list[Tensor]:
    """Draw, and differentiate a sum over the images by all parameters."""
    images = network(z, noise="const")
    by = list(network.synthesis.parameters())
    gradients = torch.autograd.grad((images * weight).sum(), by)
    return [images.detach().cpu(), *(g.cpu() for g in gradients)]


def logits_and_penalty(network: Discriminator, images: Tensor) -> list[Tensor]:
    """Judge, and differentiate the squared gradient (R1) by all parameters."""
    images = images.detach().requires_grad_()
    logits = network(images)
    (first,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    by = list(network.parameters())
    second = torch.autograd.grad(
        first.square().sum(), by, allow_unused=True, materialize_grads=True
    )
    return [t.detach().cpu() for t in (logits, first, *second)]


def assert_near(actual: list[Tensor], expected: list[Tensor], relative: float) -> None:
    """Compare the first to a share of its norm, and the rest, as one vector, to three of its."""
    for part, share in ((slice(0, 1), relative), (slice(1, None), 3 * relative)):
        got, wanted = (
            torch.cat([t.double().flatten() for t in tensors[part]])
            for tensors in (actual, expected)
        )
        assert got.isfinite().all()
        assert (got - wanted).norm() <= share * wanted.norm()


PRECISIONS = [(torch.float32, 1e-4), (torch.bfloat16, 0.05), (torch.float16, 0.02)]


@pytest.mark.parametrize(("dtype", "relative"), PRECISIONS, ids=str)
@pytest.mark.parametrize("device", DEVICES)
def test_generator(generator: Generator, device: str, dtype: torch.dtype, relative: float) -> None:
    z, weight = torch.randn(3, 32), torch.randn(3, 3, 32, 32)
    with forced("reference"):
        expected = images_and_gradients(generator, z, weight)
    generator.to(device, memory_format=LAST).set_precision(dtype)  # type: ignore[call-overload]
    with full_float32():
        actual = images_and_gradients(generator, z.to(device), weight.to(device))
    assert_near(actual, expected, relative)


@pytest.mark.parametrize(("dtype", "relative"), PRECISIONS, ids=str)
@pytest.mark.parametrize("device", DEVICES)
def test_discriminator(
    discriminator: Discriminator, device: str, dtype: torch.dtype, relative: float
) -> None:
    images = torch.rand(4, 3, 32, 32) * 2 - 1
    with forced("reference"):
        expected = logits_and_penalty(discriminator, images)
    discriminator.to(device, memory_format=LAST).set_precision(dtype)  # type: ignore[call-overload]
    with full_float32():
        actual = logits_and_penalty(discriminator, images.to(device))
    assert_near(actual, expected, relative)


@pytest.mark.parametrize(("dtype", "relative"), PRECISIONS[:2], ids=str)
@pytest.mark.parametrize("device", DEVICES)
def test_growing_rectangles(device: str, dtype: torch.dtype, relative: float) -> None:
    """They grow on their device, and fade there as they do on the CPU."""
    torch.manual_seed(2)
    sizes: dict[str, Any] = {**SIZES, "resolution": 16, "base_size": (3, 5), "conv_clamp": 256}
    networks = (
        Generator(GeneratorConfig(z_dim=32, w_dim=32, mapping_layers=2, **sizes)).eval(),
        Discriminator(DiscriminatorConfig(architecture="skip", **sizes)),
    )
    inputs = torch.randn(4, 32), torch.rand(4, 3, 24, 40) * 2 - 1
    for network, x in zip(networks, inputs, strict=True):
        measure = images_and_gradients if x.ndim == 2 else logits_and_penalty
        weight = (torch.randn(4, 3, 24, 40),) if x.ndim == 2 else ()
        network.to(device)
        lay_out(network)
        network.set_precision(dtype)
        grown: Any = grow(network)
        grown.set_alpha(0.5)
        with full_float32():
            actual = measure(grown, x.to(device), *(t.to(device) for t in weight))
        assert all(p.device.type == device for p in grown.parameters())
        grown.to("cpu").set_precision(torch.float32)
        with forced("reference"):
            expected = measure(grown, x, *weight)
        assert_near(actual, expected, relative)
