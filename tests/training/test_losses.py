"""Losses and regularisers against closed forms, and through the operators' own gradients."""

import contextlib
import math
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from stylegen.ops import (
    bias_act,
    conv2d,
    conv2d_down,
    epilogue,
    forced,
    modulated_conv2d,
    scaled_weight,
    setup_filter,
)
from stylegen.training import losses
from stylegen.training.draws import Draws
from stylegen.training.losses import (
    discriminator_loss,
    generator_loss,
    path_length_noise,
    path_length_penalty,
    path_lengths,
    r1_penalty,
)


def test_logistic_losses() -> None:
    fake, real = torch.tensor([[0.0], [math.log(3)]]), torch.tensor([[0.0], [-math.log(3)]])
    # softplus(0) = log 2, softplus(log 3) = log 4, softplus(-log 3) = log 4/3
    assert math.isclose(
        generator_loss(fake).item(), (math.log(2) + math.log(4 / 3)) / 2, rel_tol=1e-6
    )
    expected = (math.log(2) + math.log(4)) / 2 * 2
    assert math.isclose(discriminator_loss(fake, real).item(), expected, rel_tol=1e-6)


def test_r1_of_a_linear_discriminator_is_the_norm_of_its_weight() -> None:
    weight = torch.randn(3 * 4 * 4, dtype=torch.double, requires_grad=True)
    images = torch.randn(5, 3, 4, 4, dtype=torch.double, requires_grad=True)
    penalty, squared = r1_penalty(images.flatten(1) @ weight[:, None], images, gamma=3.0)
    norm = weight.square().sum()
    torch.testing.assert_close(squared, norm.detach())
    penalty.backward()
    torch.testing.assert_close(weight.grad, 3.0 * weight.detach())


def test_path_lengths_of_a_linear_generator() -> None:
    # image = M w for each layer: J^T y = M^T y, lengths are its norm over the layers' mean
    n, layers, width = 4, 3, 5
    matrices = torch.randn(layers, width, 2 * 4 * 4, dtype=torch.double)
    ws = torch.randn(n, layers, width, dtype=torch.double, requires_grad=True)
    images = torch.einsum("nlw,lwp->np", ws, matrices).reshape(n, 2, 4, 4)
    noise = torch.randn(n, 2, 4, 4, dtype=torch.double)
    per_layer = torch.einsum("lwp,np->nlw", matrices, noise.flatten(1)).square().sum(2)
    torch.testing.assert_close(path_lengths(images, ws, noise), per_layer.mean(1).sqrt())


def test_path_length_noise_has_the_variance_of_one_over_pixels() -> None:
    torch.manual_seed(0)
    noise = path_length_noise(torch.zeros(64, 3, 16, 8), Draws(torch.device("cpu")))
    assert math.isclose(noise.var().item(), 1 / (16 * 8), rel_tol=0.05)


def test_path_length_penalty_is_taken_against_the_new_mean() -> None:
    lengths = torch.tensor([1.0, 3.0], requires_grad=True)
    penalty, mean = path_length_penalty(lengths, torch.tensor(1.0), torch.tensor(2.0), decay=0.1)
    assert math.isclose(mean.item(), 1.1, rel_tol=1e-6)
    assert math.isclose(penalty.item(), (0.1**2 + 1.9**2) / 2, rel_tol=1e-6)
    penalty.backward()
    # d/dl of the mean of (l - a)^2 with a = 0.9 + 0.1 mean(l): (l - a) - 0.1 (2 - 1.1)
    torch.testing.assert_close(lengths.grad, torch.tensor([-0.1 - 0.09, 1.9 - 0.09]))


def test_a_shared_path_length_penalty_has_the_gradient_of_the_whole() -> None:
    def whole(lengths: Tensor) -> Tensor:
        mean = torch.tensor(0.7, dtype=torch.double).lerp(lengths.mean(), 0.25)
        return (lengths - mean).square().mean()

    lengths = torch.tensor([0.3, 2.0, 1.1, 4.0], dtype=torch.double, requires_grad=True)
    (expected,) = torch.autograd.grad(whole(lengths), lengths)
    mean = torch.tensor(0.7, dtype=torch.double)
    halves = [
        path_length_penalty(part, mean, lengths.detach().mean(), 0.25)[0]
        for part in lengths.chunk(2)
    ]
    (actual,) = torch.autograd.grad(torch.stack(halves).mean(), lengths)
    torch.testing.assert_close(actual, expected)


@pytest.fixture
def weight_gradients(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The gradients of convolutions by their weights that were computed."""
    module = sys.modules["stylegen.ops.conv2d"]
    compute: Callable[..., Tensor] = module._weight_gradient
    computed: list[Tensor] = []

    def counted(*args: object) -> Tensor:
        computed.append(compute(*args))
        return computed[-1]

    monkeypatch.setattr(module, "_weight_gradient", counted)
    return computed


def drawn(*size: int) -> Tensor:
    return torch.randn(size, dtype=torch.double, requires_grad=True)


def small_discriminator(parameters: list[Tensor], image: Tensor) -> Tensor:
    """A residual block and a dense layer, of the operators that the real one is made of."""
    first, second, skip, b, dense = parameters
    f = setup_filter().double()
    x = epilogue(conv2d(image, scaled_weight(first, 0.3, image.dtype), padding=1), b=b, act="lrelu")
    y = conv2d_down(x, second, f, padding=1) + conv2d_down(x, skip, f)
    return bias_act(y.flatten(1) @ dense, act="lrelu")


def small_generator(parameters: list[Tensor], ws: Tensor) -> Tensor:
    """Two synthesis layers and toRGB, of the operators that the real one is made of."""
    const, up, rest, rgb, b, strength = parameters
    x = const.expand(len(ws), -1, -1, -1)
    common = {"b": b, "act": "lrelu", "clamp": 9.0}
    noise = torch.linspace(-1.0, 1.0, 64, dtype=ws.dtype).reshape(8, 8) * strength
    f = setup_filter().double()
    x = modulated_conv2d(x, up, ws[:, 0], noise, up=2, resample_filter=f, **common)
    x = modulated_conv2d(x, rest, ws[:, 1], **common)
    return modulated_conv2d(x, rgb, ws[:, 2], demodulate=False)


def r1_gradients() -> list[Tensor]:
    torch.manual_seed(0)
    parameters = [drawn(4, 3, 3, 3), drawn(5, 4, 3, 3), drawn(5, 4, 1, 1), drawn(4), drawn(80, 1)]
    real = drawn(3, 3, 8, 8)
    penalty, _ = r1_penalty(small_discriminator(parameters, real), real, gamma=2.0)
    return list(torch.autograd.grad(penalty, parameters, materialize_grads=True))


def path_length_gradients() -> list[Tensor]:
    torch.manual_seed(0)
    sizes = ((4, 4, 4), (4, 4, 3, 3), (4, 4, 3, 3), (3, 4, 1, 1), (4,), ())
    parameters, ws = [drawn(*size) for size in sizes], drawn(3, 3, 4)
    images = small_generator(parameters, ws)
    lengths = path_lengths(images, ws, torch.randn_like(images))
    mean = torch.tensor(0.5, dtype=torch.double)
    penalty, _ = path_length_penalty(lengths, mean, lengths.detach().mean(), 0.1)
    return list(torch.autograd.grad(penalty, parameters, materialize_grads=True))


REGULARISERS = pytest.mark.parametrize("gradients", [r1_gradients, path_length_gradients])


@REGULARISERS
def test_regularisers_train_as_by_the_reference(gradients: Callable[[], list[Tensor]]) -> None:
    with forced("reference"):
        expected = gradients()
    assert all(g.count_nonzero() > 0 for g in expected[:3])
    torch.testing.assert_close(gradients(), expected, rtol=1e-8, atol=1e-8)


@REGULARISERS
def test_leaving_out_weight_gradients_changes_nothing(
    gradients: Callable[[], list[Tensor]],
    weight_gradients: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    actual = gradients()
    without = len(weight_gradients)
    monkeypatch.setattr(losses, "no_weight_gradients", contextlib.nullcontext)
    expected = gradients()
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)
    assert 0 < without < len(weight_gradients) - without


def test_the_first_pass_of_r1_computes_no_weight_gradient(weight_gradients: list[Tensor]) -> None:
    torch.manual_seed(0)
    parameters = [drawn(4, 3, 3, 3), drawn(5, 4, 3, 3), drawn(5, 4, 1, 1), drawn(4), drawn(80, 1)]
    real = drawn(3, 3, 8, 8)
    penalty, _ = r1_penalty(small_discriminator(parameters, real), real, gamma=2.0)
    assert weight_gradients == []
    penalty.backward()  # type: ignore[no-untyped-call]
    assert len(weight_gradients) >= 3


def network_gradients(regulariser: str) -> dict[str, Tensor]:
    torch.manual_seed(0)
    sizes = {"resolution": 16, "channel_base": 64, "mapping_layers": 2, "conv_clamp": 256.0}
    if regulariser == "r1":
        network: torch.nn.Module = Discriminator(DiscriminatorConfig(**sizes))  # type: ignore[arg-type]
        real = torch.randn(4, 3, 16, 16, requires_grad=True)
        penalty, _ = r1_penalty(network(real), real, gamma=2.0)
    else:
        network = Generator(GeneratorConfig(z_dim=8, w_dim=8, **sizes))  # type: ignore[arg-type]
        ws = network.mapping(torch.randn(4, 8))
        images = network.synthesis(ws, noise="const")
        lengths = path_lengths(images, ws, path_length_noise(images, Draws(images.device)))
        mean = torch.tensor(0.5)
        penalty, _ = path_length_penalty(lengths, mean, lengths.detach().mean(), 0.1)
    penalty.backward()  # type: ignore[no-untyped-call]
    return {k: p.grad for k, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("regulariser", ["r1", "path length"])
def test_whole_networks_train_as_by_the_reference(regulariser: str) -> None:
    with forced("reference"):
        expected = network_gradients(regulariser)
    actual = network_gradients(regulariser)
    moved = {k for k, g in expected.items() if g.count_nonzero()}
    assert moved <= set(actual)
    largest = max(g.abs().max().item() for g in expected.values())
    for name, gradient in actual.items():
        wanted = expected.get(name, torch.zeros_like(gradient))
        torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-5 * largest)
