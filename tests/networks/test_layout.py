"""lay_out changes where weights lie in memory, freeze what is kept of them; images stay."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylegen.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    freeze,
    lay_out,
)

LAST = torch.channels_last


def generator(architecture: Any = "skip") -> Generator:
    torch.manual_seed(0)
    return Generator(
        GeneratorConfig(
            resolution=16, z_dim=8, w_dim=8, channel_base=96, mapping_layers=2,
            architecture=architecture,
        )
    )  # fmt: skip


def discriminator(architecture: Any = "resnet") -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(
        DiscriminatorConfig(resolution=16, channel_base=96, architecture=architecture)
    )


def draw(network: Generator) -> Tensor:
    torch.manual_seed(1)
    return network(torch.randn(3, 8), noise="const")


def networks() -> list[nn.Module]:
    return [
        *(generator(a) for a in ("skip", "resnet", "orig")),
        *(discriminator(a) for a in ("skip", "resnet", "orig")),
    ]


def convolutions(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """The layers with kernels of more than one pixel, whose layout shows."""
    found = [
        (name, m) for name, m in network.named_modules()
        if isinstance(getattr(m, "weight", None), Tensor) and m.weight.ndim == 4
        and m.weight.shape[2] > 1
    ]  # fmt: skip
    assert found
    return found


def test_weights_lie_as_their_convolutions_read_them() -> None:
    upsampling = 0
    for network in networks():
        lay_out(network)
        for name, module in convolutions(network):
            exchanged = getattr(module, "up", 1) > 1
            weight = module.weight.transpose(0, 1) if exchanged else module.weight
            assert weight.is_contiguous(memory_format=LAST), name
            assert not weight.is_contiguous(), name
            upsampling += exchanged
    assert upsampling == 3 * 2  # two blocks of each generator


def test_shapes_and_values_stay() -> None:
    for network in networks():
        before = {k: v.clone() for k, v in network.state_dict().items()}
        identities = [id(p) for p in network.parameters()]
        assert lay_out(network) is network
        after = network.state_dict()
        assert list(after) == list(before)
        assert all(torch.equal(after[k], v) for k, v in before.items())
        assert [id(p) for p in network.parameters()] == identities  # optimisers keep theirs


def test_images_and_logits_stay() -> None:
    g, d = generator("resnet").eval(), discriminator()
    image = draw(g)
    logits = d(image)
    torch.testing.assert_close(draw(lay_out(g)), image, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(lay_out(d)(image), logits, rtol=1e-4, atol=1e-5)


def test_gradients_stay_and_lie_as_their_weights() -> None:
    def gradients(network: Generator) -> dict[str, Tensor]:
        draw(network).square().sum().backward()
        return {k: p.grad for k, p in network.named_parameters() if p.grad is not None}

    expected = gradients(generator())
    laid_out = lay_out(generator())
    for name, gradient in gradients(laid_out).items():
        scale = expected[name].abs().max().item()
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-4 * scale)
    for name, module in convolutions(laid_out):
        assert module.weight.grad.stride() == module.weight.stride(), name


@pytest.mark.parametrize("make", [generator, discriminator])
def test_it_survives_copies_states_and_repetition(make: Any) -> None:
    network = lay_out(make())
    strides = [p.stride() for p in network.parameters()]
    twin = copy.deepcopy(network)
    network.load_state_dict(make().state_dict())
    lay_out(network)
    for again in (network, twin):
        assert [p.stride() for p in again.parameters()] == strides


def test_it_survives_training() -> None:
    network = lay_out(generator())
    strides = [p.stride() for p in network.parameters()]
    adam = torch.optim.Adam(network.parameters(), lr=0.01, fused=True)
    draw(network).square().mean().backward()
    adam.step()
    assert [p.stride() for p in network.parameters()] == strides
    moments = [adam.state[p]["exp_avg"] for p in network.parameters() if p in adam.state]
    owners = [p for p in network.parameters() if p in adam.state]
    assert [m.stride() for m in moments] == [p.stride() for p in owners]


def test_low_precision_too() -> None:
    plain, laid_out = generator().eval(), lay_out(generator()).eval()
    for network in (plain, laid_out):
        network.set_precision(torch.bfloat16, 2)
    difference = (draw(plain) - draw(laid_out)).std() / draw(plain).std()
    assert difference < 0.03


def low_precision_generator() -> Generator:
    network = generator()
    network.set_precision(torch.bfloat16, 2)
    return network


@torch.no_grad()
def test_frozen_networks_draw_the_same_images() -> None:
    network = low_precision_generator().eval()
    image = draw(network)
    assert freeze(network) is network
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    for _ in range(2):
        assert torch.equal(draw(network), image)


@torch.no_grad()
def test_frozen_networks_see_new_weights() -> None:
    network, other = freeze(low_precision_generator()), low_precision_generator().eval()
    draw(network)
    for p in other.parameters():
        p.mul_(1.5)
    network.load_state_dict(other.state_dict())
    assert torch.equal(draw(network), draw(other))
    twin = copy.deepcopy(network)
    for p in (*twin.parameters(), *other.parameters()):
        p.add_(0.1)
    assert torch.equal(draw(twin), draw(other))
    assert not torch.equal(draw(network), draw(other))


@pytest.mark.parametrize("prepare", [freeze, lambda network: network.eval().requires_grad_(False)])
def test_latents_are_trained_through_what_was_kept(prepare: Any) -> None:
    network, plain = prepare(low_precision_generator()), low_precision_generator().eval()

    def gradient(network: Generator) -> Tensor:
        torch.manual_seed(1)
        ws = network.mapping(torch.randn(3, 8)).detach().requires_grad_()
        image = network.synthesis(ws, noise="const")
        return torch.autograd.grad(image.square().sum(), ws)[0]

    with torch.inference_mode():
        draw(network)
    for _ in range(2):
        assert torch.equal(gradient(network), gradient(plain))


def test_networks_in_training_see_every_step() -> None:
    """Fused optimisers change weights without telling."""
    network = low_precision_generator()
    adam = torch.optim.Adam(network.parameters(), lr=0.1, fused=True)
    for _ in range(3):
        loss = draw(network).square().mean()
        with torch.no_grad():
            draw(network)  # between the passes, as progress images are
        loss.backward()
        adam.step()
        fresh = low_precision_generator()
        fresh.load_state_dict(network.state_dict())
        with torch.no_grad():
            assert torch.equal(draw(network.eval()), draw(fresh.eval()))
        network.train()


@pytest.mark.parametrize("given", [torch.contiguous_format, LAST])
def test_convolutions_see_one_layout_whatever_the_images_come_in(
    given: torch.memory_format,
) -> None:
    network = lay_out(discriminator())
    seen: list[bool] = []

    def spy(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        seen.append(args[0].is_contiguous(memory_format=LAST))

    for name, module in network.named_modules():
        if type(module).__name__ == "Conv2d" and not name.startswith("b4"):  # tiny, after a cat
            module.register_forward_pre_hook(spy)
    network(torch.randn(4, 3, 16, 16).contiguous(memory_format=given))
    assert len(seen) > 5
    assert all(seen)


@pytest.mark.slow
def test_frozen_networks_compile_into_one_graph() -> None:
    network = freeze(lay_out(generator()))
    ws = torch.randn(2, network.synthesis.num_ws, 8)
    expected = network.synthesis(ws, noise="const")
    compiled = torch.compile(network.synthesis, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(ws, noise="const"), expected)
