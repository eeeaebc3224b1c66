"""The phases of a step: what each changes, and what it tells."""

import copy
import math

import pytest
import torch
from torch import nn

from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from stylegen.training import Trainer
from stylegen.training.config import EmaConfig, LossConfig, OptimizerConfig


def trainer(**loss: float) -> Trainer:
    torch.manual_seed(0)
    generator = Generator(
        GeneratorConfig(resolution=8, z_dim=8, w_dim=8, channel_base=64, mapping_layers=2)
    )
    discriminator = Discriminator(DiscriminatorConfig(resolution=8, channel_base=64))
    return Trainer(
        generator,
        discriminator,
        LossConfig(**loss),  # type: ignore[arg-type]
        OptimizerConfig(),
        EmaConfig(),
    )


def values(module: nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in module.named_parameters()}


def changed(module: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {k for k, v in module.named_parameters() if not torch.equal(v, before[k])}


REAL = torch.rand(8, 3, 8, 8) * 2 - 1


def test_each_phase_trains_its_own_network_only() -> None:
    t = trainer()
    phases = {
        "generator_main": (lambda: t.generator_main(8), t.generator, t.discriminator),
        "path_length": (lambda: t.generator_path_length(8), t.generator, t.discriminator),
        "discriminator_main": (
            lambda: t.discriminator_main(REAL, None), t.discriminator, t.generator,
        ),
        "r1": (lambda: t.discriminator_r1(REAL, None), t.discriminator, t.generator),
    }  # fmt: skip
    for name, (phase, trained, still) in phases.items():
        before, other = values(trained), values(still)
        phase()
        assert changed(trained, before), name
        assert not changed(still, other), name


def test_regularisers_run_lazily() -> None:
    t = trainer(pl_interval=2, r1_interval=3)
    names = [set(t.step(REAL)) for _ in range(6)]
    assert ["loss_pl" in n for n in names] == [True, False] * 3
    assert ["r1" in n for n in names] == [True, False, False] * 2
    assert t.steps == 6
    assert t.images_shown == 48


def test_regularisers_can_be_turned_off() -> None:
    t = trainer(pl_weight=0.0, r1_gamma=0.0)
    assert set(t.step(REAL)) == {
        "loss_g", "loss_d", "logits_real", "logits_fake", "signs_real", "signs_fake",
    }  # fmt: skip
    assert t.generator_optimizer.param_groups[0]["lr"] == 0.0025


def test_reported_losses_are_those_of_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    t = trainer()
    seen = []
    forward = t.discriminator.forward

    def spy(image: torch.Tensor, c: torch.Tensor | None = None, parts: int = 1) -> torch.Tensor:
        logits = forward(image, c, parts)
        seen.extend(logits.chunk(parts))
        return logits

    monkeypatch.setattr(t.discriminator, "forward", spy)
    stats = t.discriminator_main(REAL, None)
    fake, real = (x.detach().flatten().tolist() for x in seen)
    softplus = [math.log1p(math.exp(x)) for x in fake] + [math.log1p(math.exp(-x)) for x in real]
    assert stats["loss_d"].item() == pytest.approx(sum(softplus) / 8, rel=1e-5)
    signs = sum(math.copysign(1, x) for x in real) / 8
    assert stats["signs_real"].item() == pytest.approx(signs)


def test_the_discriminator_learns_to_tell_two_colours() -> None:
    t = trainer()
    real = torch.full((8, 3, 8, 8), 0.9)
    first = t.discriminator_main(real, None)["loss_d"].item()
    for _ in range(30):
        last = t.discriminator_main(real, None)["loss_d"].item()
    assert last < 0.5 * first


def test_styles_are_mixed_as_often_as_asked() -> None:
    def shares_one_latent(t: Trainer) -> bool:
        ws, _ = t._draw_ws(2)
        return bool((ws == ws[:, :1]).all())

    never, always = trainer(style_mixing=0.0), trainer(style_mixing=1.0)
    assert all(shares_one_latent(never) for _ in range(10))
    assert not any(shares_one_latent(always) for _ in range(10))
    often = trainer(style_mixing=0.9)
    share = sum(not shares_one_latent(often) for _ in range(300)) / 300
    assert 0.83 < share < 0.96


def test_the_average_moves_towards_the_generator() -> None:
    t = trainer()
    t.images_shown = 100_000  # half life 5000 images
    before = copy.deepcopy(t.average.network)
    t.step(REAL)
    beta = 0.5 ** (8 / 5000)
    for old, new, current in zip(
        before.parameters(), t.average.network.parameters(), t.generator.parameters(), strict=True
    ):
        torch.testing.assert_close(new, old * beta + current.detach() * (1 - beta))
