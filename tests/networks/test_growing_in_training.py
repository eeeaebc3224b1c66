"""Grown networks train: gradients of both orders, precision, layout, states, what goes on."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylegen.checkpoints import SnapshotInfo, load_official_state, save_snapshot
from stylegen.checkpoints.snapshot import load, load_discriminator
from stylegen.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    faded,
    grow,
    lay_out,
    map_parameters,
)
from tests.networks import plain

every_architecture = pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
SHAPE: dict[str, Any] = {
    "resolution": 8, "base_size": (3, 4), "img_channels": 2, "channel_base": 128, "channel_max": 8,
    "mapping_layers": 2, "c_dim": 2,
}  # fmt: skip


def small_generator(architecture: Any = "skip") -> Generator:
    torch.manual_seed(0)
    return Generator(GeneratorConfig(z_dim=8, w_dim=6, architecture=architecture, **SHAPE))


def small_discriminator(architecture: Any = "resnet") -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(DiscriminatorConfig(architecture=architecture, **SHAPE))


def show(network: Any) -> Any:
    """Give biases and strengths of noise a value that shows."""
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith(("bias", "noise_strength")):
                p.add_(0.3 * torch.randn_like(p))
    return network


def state_with_gradients(network: nn.Module) -> dict[str, Tensor]:
    parameters = dict(network.named_parameters())
    return {
        k: v.detach().double().requires_grad_(k in parameters)
        for k, v in network.state_dict().items()
    }


def assert_same_gradients(network: nn.Module, state: dict[str, Tensor]) -> None:
    compared = 0
    for name, p in network.named_parameters():
        expected = state[name].grad
        if expected is None or expected.abs().max() < 1e-9:
            assert p.grad is None or p.grad.abs().max() < 1e-5, name
            continue
        assert p.grad is not None, name
        scale = expected.abs().max().item()
        torch.testing.assert_close(p.grad.double(), expected, rtol=1e-3, atol=1e-3 * scale)
        compared += 1
    assert compared > 4


@every_architecture
def test_both_orders_of_gradients_of_discriminators(architecture: str) -> None:
    network = show(grow(small_discriminator(architecture)))
    network.set_alpha(0.4)
    state = state_with_gradients(network)
    kept = {  # the plain pass knows the kept layer by its old name
        k.replace("fade.fromrgb", "b8.fromrgb"): v for k, v in state.items() if "fade." in k
    }
    images, c = torch.randn(4, 2, 12, 16), torch.eye(2).repeat(2, 1)

    def losses(x: Tensor, logits: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
        return logits.square().mean() + gradient.square().sum([1, 2, 3]).mean()

    x = images.clone().requires_grad_()
    losses(x, network(x, c)).backward()
    x = images.double().requires_grad_()
    arguments = (state, network.config, x, c.double(), 4)
    losses(x, plain.discriminate(*arguments, alpha=0.4, smaller=kept)).backward()
    assert_same_gradients(network, state)


@every_architecture
def test_both_orders_of_gradients_of_generators(architecture: str) -> None:
    old = small_generator(architecture)
    network = show(grow(old))
    network.set_alpha(0.4)
    state = state_with_gradients(network)
    smaller = {k.replace("synthesis.fade", "synthesis.b8"): v for k, v in state.items()}
    ws, direction = torch.randn(3, 6, 6), torch.randn(3, 2, 12, 16)

    def losses(w: Tensor, image: Tensor) -> Tensor:
        weighted = (image * direction.to(image.dtype)).sum()
        (gradient,) = torch.autograd.grad(weighted, w, create_graph=True)
        return image.square().mean() + gradient.square().sum(2).mean(1).sqrt().mean()

    w = ws.clone().requires_grad_()
    losses(w, network.synthesis(w, noise="const")).backward()
    w = ws.double().requires_grad_()
    image = 0.4 * plain.synthesis(state, network.config, w)
    image = image + 0.6 * plain.twice(plain.synthesis(smaller, old.config, w[:, :4]))
    losses(w, image).backward()
    assert_same_gradients(network.synthesis, {
        k.removeprefix("synthesis."): v for k, v in state.items()
    })  # fmt: skip


@every_architecture
@pytest.mark.parametrize("make", [small_generator, small_discriminator])
def test_layout_precision_and_mode_go_on(make: Any, architecture: str) -> None:
    old = lay_out(make(architecture)).eval()
    old.set_precision(torch.bfloat16, 2)
    new = grow(old)
    assert not any(m.training for m in new.modules())
    blocks = new.synthesis if isinstance(new, Generator) else new
    assert {r: b.dtype for r, b in blocks.blocks()} == {
        4: torch.float32, 8: torch.bfloat16, 16: torch.bfloat16,
    }  # fmt: skip
    new.end_fade()
    expected = lay_out(type(new)(new.config))
    for (name, p), q in zip(new.named_parameters(), expected.parameters(), strict=True):
        assert p.stride() == q.stride(), name
    plain_one = grow(make(architecture))
    assert all(p.is_contiguous() for p in plain_one.parameters())
    assert plain_one.training


@every_architecture
def test_low_precision_fades_near_float32(architecture: str) -> None:
    generator, discriminator = small_generator(architecture), small_discriminator(architecture)
    networks: list[Any] = [grow(lay_out(generator)), grow(lay_out(discriminator))]
    z, c = torch.randn(4, 8), torch.eye(2).repeat(2, 1)
    for network in networks:
        network.set_alpha(0.5)
    image = networks[0](z, c, noise="const")
    logits = networks[1](image, c)
    for network in networks:
        network.set_precision(torch.bfloat16)
    low = networks[0](z, c, noise="const")
    assert low.dtype == torch.float32
    assert 1e-5 < (low - image).std() / image.std() < 0.03
    assert (networks[1](image, c) - logits).abs().max() < 0.1 * logits.abs().max() + 0.05
    x = image.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(networks[1](x, c).sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in networks[1].parameters() if p.grad is not None)


@every_architecture
@pytest.mark.parametrize("make", [small_generator, small_discriminator])
def test_every_parameter_has_a_successor_of_the_same_value(make: Any, architecture: str) -> None:
    old = make(architecture)
    new = grow(old)
    pairs = map_parameters(old, new)
    assert {id(p) for p, _ in pairs} == {id(p) for p in old.parameters()}
    assert len({id(q) for _, q in pairs}) == len(pairs)
    assert all(p is not q and torch.equal(p, q) for p, q in pairs)
    added = {id(q) for q in new.parameters()} - {id(q) for _, q in pairs}
    newest = new.get_submodule("synthesis.b16" if make is small_generator else "b16")
    assert added == {id(q) for q in newest.parameters()}


def test_what_is_frozen_stays_so() -> None:
    old = small_discriminator()
    old.b8.requires_grad_(False)
    new = grow(old)
    frozen = {n for n, p in new.named_parameters() if not p.requires_grad}
    assert frozen == {
        *(f"b8.{n}" for n, _ in new.b8.named_parameters()), "fade.fromrgb.weight",
        "fade.fromrgb.bias",
    }  # fmt: skip
    whole = grow(small_generator().requires_grad_(False))
    assert not any(p.requires_grad for p in whole.parameters())


@every_architecture
@pytest.mark.parametrize("make", [small_generator, small_discriminator])
@torch.no_grad()
def test_a_fading_network_is_restored_from_its_state(make: Any, architecture: str) -> None:
    network = show(grow(make(architecture)))
    again = grow(make(architecture))
    load_official_state(again, network.state_dict())
    c = torch.eye(2)
    inputs = (torch.randn(2, 8), c) if make is small_generator else (torch.randn(2, 2, 12, 16), c)
    noise = {"noise": "const"} if make is small_generator else {}
    for one in (network.eval(), again.eval(), twin := copy.deepcopy(network)):
        one.set_alpha(0.3)
    for one in (again, twin):
        assert torch.equal(one(*inputs, **noise), network(*inputs, **noise))


@every_architecture
@torch.no_grad()
def test_snapshots_within_a_fade_are_standard_networks(architecture: str, tmp_path: Path) -> None:
    generator = show(grow(small_generator(architecture))).eval()
    discriminator = show(grow(small_discriminator(architecture)))
    z, c = torch.randn(4, 8), torch.eye(2).repeat(2, 1)
    for network in (generator, discriminator):
        assert network.fade is not None
        network.set_alpha(0.3)
    before = copy.deepcopy(generator.state_dict())
    info = SnapshotInfo(generator=generator.config, discriminator=discriminator.config)
    path = tmp_path / "s.safetensors"
    save_snapshot(path, faded(generator), faded(discriminator), info)
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
    loaded, judge = load(path), load_discriminator(path)
    if architecture != "skip":  # documented: the networks at alpha 1
        generator.set_alpha(1.0)
        discriminator.set_alpha(1.0)
    image = generator(z, c, noise="const")
    torch.testing.assert_close(loaded(z, c, noise="const"), image, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(judge(image, c), discriminator(image, c), atol=1e-5, rtol=1e-5)
    assert faded(loaded) is loaded
