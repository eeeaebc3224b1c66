"""What the networks promise beside their numbers: w_avg, truncation, noise, precision, errors."""

from typing import Any

import pytest
import torch

from stylegen.errors import InputError
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from stylegen.networks.discriminator import _warn_of_group, minibatch_group


def small(**changes: Any) -> GeneratorConfig:
    values = {
        "resolution": 16, "z_dim": 8, "w_dim": 8, "mapping_layers": 2, "channel_base": 128,
        "channel_max": 8,
    }  # fmt: skip
    return GeneratorConfig(**{**values, **changes})


def test_w_avg_follows_the_batch_mean_in_training_only() -> None:
    generator = Generator(small())
    z = torch.randn(16, 8)
    mean = generator.mapping(z, skip_w_avg_update=True)[:, 0].mean(0)
    assert generator.mapping.w_avg.abs().max() == 0
    generator.mapping(z)
    torch.testing.assert_close(generator.mapping.w_avg, mean * 0.005)
    before = generator.mapping.w_avg.clone()
    generator.eval().mapping(z)
    assert torch.equal(generator.mapping.w_avg, before)


def test_truncation_pulls_the_first_layers_to_the_mean() -> None:
    generator = Generator(small()).eval()
    generator.mapping.w_avg.copy_(torch.randn(8))
    z = torch.randn(2, 8)
    full, cut = generator.mapping(z), generator.mapping(z, psi=0.25, cutoff=2)
    average = generator.mapping.w_avg
    torch.testing.assert_close(cut[:, :2], average + 0.25 * (full[:, :2] - average))
    assert torch.equal(cut[:, 2:], full[:, 2:])
    assert torch.allclose(generator.mapping(z, psi=0.0), average.expand(2, 6, 8))


def test_noise_modes() -> None:
    generator = Generator(small()).eval()
    with torch.no_grad():
        for name, p in generator.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(0.5)
    ws = generator.mapping(torch.randn(2, 8))

    def draw(noise: Any) -> torch.Tensor:
        image: torch.Tensor = generator.synthesis(ws, noise=noise)
        return image

    assert torch.equal(draw("const"), draw("const"))
    assert torch.equal(draw("none"), draw("none"))
    assert not torch.allclose(draw("random"), draw("random"))
    assert not torch.allclose(draw("const"), draw("none"))
    with pytest.raises(InputError, match="noise is 'fixed'"):
        draw("fixed")


def test_noise_from_outside() -> None:
    """It is asked for layer by layer, and counts as the stored noise of those shapes would."""
    generator = Generator(small(base_size=(3, 5))).eval()
    layers = [m for m in generator.modules() if hasattr(m, "noise_const")]
    with torch.no_grad():
        for layer in layers:
            layer.noise_strength.fill_(0.5)
    ws, asked = generator.mapping(torch.randn(2, 8)), []

    def noise(n: int, h: int, w: int) -> torch.Tensor:
        asked.append((n, h, w))
        return layers[len(asked) - 1].noise_const.expand(n, 1, h, w)

    image = generator.synthesis(ws, noise=noise)
    assert asked == [(2, 3, 5), (2, 6, 10), (2, 6, 10), (2, 12, 20), (2, 12, 20)]
    torch.testing.assert_close(image, generator.synthesis(ws, noise="const"))
    each = torch.randn(2, 1, 12, 20)  # every image has noise of its own
    apart = [
        generator.synthesis(ws[i : i + 1], lambda n, h, w, i=i: each[i : i + 1, :, :h, :w])
        for i in range(2)
    ]
    together = generator.synthesis(ws, lambda n, h, w: each[:, :, :h, :w])
    torch.testing.assert_close(together, torch.cat(apart))
    with pytest.raises(InputError, match=r"noise should have shape \(2, 1, 3, 5\), not \(3, 5\)"):
        generator.synthesis(ws, lambda n, h, w: torch.zeros(h, w))


@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
def test_features_are_what_the_last_layer_judges_each_image_by(architecture: Any) -> None:
    discriminator = Discriminator(
        DiscriminatorConfig(
            resolution=8, base_size=(3, 4), channel_base=64, architecture=architecture, c_dim=2,
            cmap_dim=5, mapping_layers=1,
        )
    )  # fmt: skip
    images, c = torch.randn(5, 3, 6, 8), torch.eye(2)[[0, 1, 1, 0, 1]]
    features = discriminator.features(images)
    assert features.shape == (5, 16)
    assert features.dtype == torch.float32
    out, cmap = discriminator.b4.out, discriminator.mapping(None, c)
    logits = (features @ out.weight.t() / 4 + out.bias).mul(cmap).sum(1, keepdim=True) / 5**0.5
    torch.testing.assert_close(logits, torch.cat([
        discriminator(images[i : i + 1], c[i : i + 1]) for i in range(5)
    ]))  # fmt: skip
    torch.testing.assert_close(features[2:3], discriminator.features(images[2:3]))
    with pytest.raises(InputError, match="image should have shape"):
        discriminator.features(images.mT)


def test_each_layer_listens_to_its_own_w() -> None:
    generator = Generator(small()).eval()
    ws = generator.mapping(torch.randn(1, 8)).requires_grad_()
    (gradient,) = torch.autograd.grad(generator.synthesis(ws, noise="none").square().sum(), ws)
    assert (gradient.abs().sum(2) > 0).all()


def test_low_precision_stays_near_float32() -> None:
    torch.manual_seed(0)
    generator = Generator(small(conv_clamp=256.0)).eval()
    discriminator = Discriminator(DiscriminatorConfig(resolution=16, channel_base=128))
    ws = generator.mapping(torch.randn(2, 8))
    image = generator.synthesis(ws, noise="const")
    logits = discriminator(image)
    for network in (generator, discriminator):
        network.set_precision(torch.bfloat16, 4)
    low = generator.synthesis(ws, noise="const")
    assert low.dtype == torch.float32
    assert 1e-5 < (low - image).std() / image.std() < 0.03
    assert discriminator(image).dtype == torch.float32
    assert (discriminator(image) - logits).abs().max() < 0.1 * logits.abs().max() + 0.05
    assert generator.synthesis.b4.dtype == torch.float32
    assert generator.synthesis.b8.dtype == torch.bfloat16


def test_both_orders_of_gradients_reach_all_parameters() -> None:
    generator = Generator(small(c_dim=2))
    ws = generator.mapping(torch.randn(2, 8), torch.eye(2))
    image = generator.synthesis(ws)
    (g,) = torch.autograd.grad((image * torch.randn_like(image)).sum(), ws, create_graph=True)
    g.square().sum().backward()
    without = [n for n, p in generator.named_parameters() if p.grad is None]
    assert all(n.endswith(("bias", "noise_strength")) for n in without), without


@pytest.mark.parametrize(
    ("batch", "group", "expected"), [(8, 4, 4), (6, 4, 3), (5, 4, 1), (2, 4, 2), (7, None, 7)]
)
def test_minibatch_groups(batch: int, group: int | None, expected: int) -> None:
    assert minibatch_group(batch, group) == expected


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"resolution": 48}, "power of two"),
        ({"resolution": 2}, "power of two"),
        ({"architecture": "unet"}, "skip, resnet, orig"),
        ({"conv_clamp": 0.0}, "conv_clamp"),
        ({"z_dim": 0}, "z_dim and c_dim are both 0"),
        ({"mapping_layers": 0}, "mapping_layers"),
        ({"channel_base": 8}, "leaves no channel"),
        ({"img_channels": 0}, "img_channels"),
        ({"base_size": (2, 4)}, "base_size"),
        ({"base_size": (4, 17)}, "base_size"),
        ({"base_size": (4,)}, "base_size"),
        ({"base_size": (4.0, 4.0)}, "base_size"),
        ({"base_size": 4}, "base_size"),
    ],
)
def test_impossible_generators_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        small(**changes)


def test_misshapen_inputs_are_refused() -> None:
    generator = Generator(small(c_dim=3)).eval()
    discriminator = Discriminator(DiscriminatorConfig(resolution=16, c_dim=3, channel_base=64))
    with pytest.raises(InputError, match=r"z should have shape \(N, 8\)"):
        generator(torch.randn(2, 9), torch.eye(3)[:2])
    with pytest.raises(InputError, match="this network is conditional"):
        generator(torch.randn(2, 8))
    with pytest.raises(InputError, match="ws should have shape"):
        generator.synthesis(torch.randn(2, 5, 8))
    with pytest.raises(InputError, match="image should have shape"):
        discriminator(torch.randn(2, 3, 8, 8), torch.eye(3)[:2])
    with pytest.raises(InputError, match=r"shape \(N, 3, 12, 20\), not \(2, 3, 20, 12\)"):
        Discriminator(DiscriminatorConfig(resolution=16, base_size=(3, 5)))(
            torch.ones(2, 3, 20, 12)
        )
    with pytest.raises(InputError, match="this network is conditional"):
        discriminator(torch.randn(2, 3, 16, 16))


def test_an_indivisible_batch_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    _warn_of_group.cache_clear()
    discriminator = Discriminator(DiscriminatorConfig(resolution=8, channel_base=64))
    for _ in range(3):
        discriminator(torch.randn(6, 3, 8, 8))
    assert caplog.text.count("3 instead of 4") == 1


def test_impossible_truncations_are_refused() -> None:
    generator = Generator(small()).eval()
    for wrong in ({"psi": float("nan")}, {"psi": 0.5, "cutoff": -1}):
        with pytest.raises(InputError, match="psi is"):
            generator.mapping(torch.randn(1, 8), **wrong)
