"""The phases of a step: what each changes, and what it tells."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from stylegen.ops import forced
from stylegen.training import Trainer
from stylegen.training.config import EmaConfig, LossConfig, OptimizerConfig
from stylegen.training.draws import Draws


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
        "grad_norm_g", "grad_norm_d",
    }  # fmt: skip
    assert t.generator_optimizer.param_groups[0]["lr"] == 0.0025


def test_reported_losses_are_those_of_the_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    t = trainer()
    seen = []
    judge = t._judge

    def spy(*args: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        seen.extend(judge(*args))  # type: ignore[arg-type]
        return seen[0], seen[1]

    monkeypatch.setattr(t, "_judge", spy)
    stats = t.discriminator_main(REAL, None)
    fake, real = (x.detach().flatten().tolist() for x in seen)
    softplus = [math.log1p(math.exp(x)) for x in fake] + [math.log1p(math.exp(-x)) for x in real]
    assert stats["loss_d"].item() == pytest.approx(sum(softplus) / 8, rel=1e-5)
    signs = sum(math.copysign(1, x) for x in real) / 8
    assert stats["signs_real"].item() == pytest.approx(signs)
    assert stats["logits_real"].item() == pytest.approx(sum(real) / 8, rel=1e-5)
    assert stats["logits_fake"].item() == pytest.approx(sum(fake) / 8, rel=1e-5)


@pytest.mark.parametrize("c_dim", [0, 3])
def test_fakes_and_reals_are_judged_as_if_alone(c_dim: int) -> None:
    t = trainer()
    torch.manual_seed(0)
    t.discriminator = Discriminator(
        DiscriminatorConfig(resolution=8, channel_base=64, c_dim=c_dim, mapping_layers=2)
    )
    fake = torch.randn(8, 3, 8, 8)
    classes = [torch.eye(3)[torch.arange(first, first + 8) % 3] for first in (0, 1)]
    c_fake, c_real = classes if c_dim else (None, None)
    logits = t._judge(fake, c_fake, REAL, c_real)
    expected = t.discriminator(fake, c_fake), t.discriminator(REAL, c_real)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert (logits[0] - logits[1]).abs().max() > 1e-2


def test_the_discriminator_gets_the_gradients_of_two_passes() -> None:
    t = trainer()
    twin = copy.deepcopy(t.discriminator)
    seen = []
    t._update = lambda network, parts, losses, name: seen.extend(loss for loss, _ in losses)  # type: ignore[method-assign,misc,assignment]
    random = torch.random.get_rng_state()
    t.discriminator_main(REAL, None)
    torch.random.set_rng_state(random)
    with torch.no_grad():
        draws = Draws(t.device)
        fake = t._draw_images(t._draw_ws(draws, 8)[0], draws)
    expected = F.softplus(twin(fake)).mean() + F.softplus(-twin(REAL)).mean()
    seen[0].backward()
    expected.backward()
    for (name, p), q in zip(t.discriminator.named_parameters(), twin.parameters(), strict=True):
        scale = q.grad.abs().max().item()  # type: ignore[union-attr]
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-3, atol=1e-4 * scale, msg=name)


def test_steps_are_those_of_the_reference() -> None:
    """Each phase's gradients by the operators' own formulas and by plain torch."""

    def gradients(phase: str) -> list[torch.Tensor]:
        t = trainer()
        if phase in ("generator_main", "generator_path_length"):
            getattr(t, phase)(8)
            network: nn.Module = t.generator
        else:
            getattr(t, phase)(REAL, None)
            network = t.discriminator
        return [p.grad for p in network.parameters() if p.grad is not None]

    for phase in (
        "generator_main", "generator_path_length", "discriminator_main", "discriminator_r1",
    ):  # fmt: skip
        with forced("reference"):
            expected = torch.cat([g.flatten() for g in gradients(phase) if g.count_nonzero()])
        actual = torch.cat([g.flatten() for g in gradients(phase) if g.count_nonzero()])
        scale = expected.abs().max().item()
        torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4 * scale)


def test_the_discriminator_learns_to_tell_two_colours() -> None:
    t = trainer()
    real = torch.full((8, 3, 8, 8), 0.9)
    first = t.discriminator_main(real, None)["loss_d"].item()
    for _ in range(30):
        last = t.discriminator_main(real, None)["loss_d"].item()
    assert last < 0.5 * first


def test_styles_are_mixed_as_often_as_asked() -> None:
    def shares_one_latent(t: Trainer) -> bool:
        ws, _ = t._draw_ws(Draws(t.device), 2)
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
