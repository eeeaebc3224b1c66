"""Every architecture against the plain float64 forward passes of plain.py."""

from typing import Any

import pytest
import torch

from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from tests.networks import plain


def randomised(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Give all parameters a value that shows, and return the state in float64."""
    torch.manual_seed(7)
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith(("bias", "noise_strength")):
                p.add_(torch.randn_like(p) * (30 if "mapping.fc" in name else 0.3))
    return {k: v.double() for k, v in network.state_dict().items()}


@pytest.mark.parametrize("clamp", [None, 0.6])
@pytest.mark.parametrize("resolution", [4, 8, 32])
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_generator(architecture: Any, resolution: int, clamp: float | None) -> None:
    config = GeneratorConfig(
        resolution=resolution, img_channels=2, z_dim=8, w_dim=12, mapping_layers=3,
        channel_base=128, channel_max=10, architecture=architecture, conv_clamp=clamp,
    )  # fmt: skip
    generator = Generator(config).eval()
    state = randomised(generator)
    ws = torch.randn(3, config.num_ws, 12)
    expected = plain.synthesis(state, config, ws.double())
    for layout in (torch.contiguous_format, torch.channels_last):
        actual = generator.to(memory_format=layout).synthesis(ws, noise="const")  # type: ignore[call-overload]
        assert expected.std() > 0.1
        torch.testing.assert_close(actual.double(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("resolution", "base_size", "channels"),
    [(4, (3, 5), 1), (8, (4, 6), 4), (32, (3, 5), 2), (16, (16, 3), 3)],
)
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_rectangles(
    architecture: Any, resolution: int, base_size: tuple[int, int], channels: int
) -> None:
    shape: dict[str, Any] = {
        "resolution": resolution, "base_size": base_size, "img_channels": channels,
        "architecture": architecture, "channel_base": 128, "channel_max": 10,
    }  # fmt: skip
    config = GeneratorConfig(z_dim=8, w_dim=12, mapping_layers=3, **shape)
    generator = Generator(config).eval()
    state = randomised(generator)
    ws = torch.randn(3, config.num_ws, 12)
    image = generator.synthesis(ws, noise="const")
    size = (base_size[0] * resolution // 4, base_size[1] * resolution // 4)
    assert image.shape == (3, channels, *size)
    expected = plain.synthesis(state, config, ws.double())
    torch.testing.assert_close(image.double(), expected, atol=1e-4, rtol=1e-4)
    discriminator = Discriminator(DiscriminatorConfig(**shape))
    state = randomised(discriminator)
    expected = plain.discriminate(state, discriminator.config, image.double(), None, 3)
    torch.testing.assert_close(discriminator(image).double(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("clamp", [None, 0.6])
@pytest.mark.parametrize(("batch", "group"), [(4, 4), (6, 3), (5, 1), (1, 1)])
@pytest.mark.parametrize("c_dim", [0, 3])
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_discriminator(
    architecture: Any, c_dim: int, batch: int, group: int, clamp: float | None
) -> None:
    config = DiscriminatorConfig(
        resolution=16, img_channels=2, c_dim=c_dim, channel_base=128, channel_max=10,
        architecture=architecture, conv_clamp=clamp, mapping_layers=2,
    )  # fmt: skip
    discriminator = Discriminator(config)
    state = randomised(discriminator)
    images = torch.randn(batch, 2, 16, 16)
    c = torch.nn.functional.one_hot(torch.arange(batch) % c_dim, c_dim).float() if c_dim else None
    expected = plain.discriminate(
        state, config, images.double(), None if c is None else c.double(), group
    )
    actual = discriminator(images, c)
    torch.testing.assert_close(actual.double(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("c_dim", [0, 3])
def test_mapping(c_dim: int) -> None:
    config = GeneratorConfig(resolution=8, z_dim=6, w_dim=5, c_dim=c_dim, mapping_layers=3)
    mapping = Generator(config).eval().mapping
    state = randomised(mapping)
    z = torch.randn(4, 6)
    c = torch.eye(3)[[0, 2, 1, 2]] if c_dim else None
    x = plain.unit(z.double())
    if c is not None:
        x = torch.cat([x, plain.unit(plain.dense(state, "embed", c.double(), act=False))], 1)
    for i in range(3):
        x = plain.dense(state, f"fc{i}", x, lr=0.01)
    ws = mapping(z, c)
    assert ws.shape == (4, config.num_ws, 5)
    torch.testing.assert_close(ws.double(), x[:, None].expand_as(ws), atol=1e-5, rtol=1e-4)
