"""Training steps on a GPU: the CPU's losses, no NaN, and no waiting for the device."""

from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from stylegen.networks.synthesis import SynthesisLayer
from stylegen.ops.dispatch import forced
from stylegen.training import Trainer, step
from stylegen.training.config import EmaConfig, LossConfig, OptimizerConfig
from stylegen.training.draws import Draws

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
REAL = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def trainer(device: str, dtype: torch.dtype = torch.float32) -> Trainer:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"resolution": 16, "channel_base": 256, "channel_max": 16}
    sizes["conv_clamp"] = 256.0
    networks = [
        Generator(GeneratorConfig(z_dim=16, w_dim=16, mapping_layers=2, **sizes)),
        Discriminator(DiscriminatorConfig(**sizes)),
    ]
    for network in networks:
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.set_precision(dtype)
    loss = LossConfig(pl_interval=2, r1_interval=2)
    return Trainer(networks[0], networks[1], loss, OptimizerConfig(), EmaConfig())  # type: ignore[arg-type]


@pytest.fixture
def _without_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix the latents, the noise and the direction of the path lengths."""
    drawn = torch.randn(8, 16, generator=torch.Generator().manual_seed(1))
    direction = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(2)) / 16

    def draw(self: Trainer, draws: Draws, batch: int) -> tuple[Tensor, None]:
        return self.generator.mapping(drawn[:batch].to(self.device)), None

    def noise(self: SynthesisLayer, x: Tensor, kind: str) -> Tensor:
        return self.noise_const * self.noise_strength

    monkeypatch.setattr(Trainer, "_draw_ws", draw)
    monkeypatch.setattr(SynthesisLayer, "_noise", noise)
    monkeypatch.setattr(
        step, "path_length_noise", lambda images, draws: direction[: len(images)].to(images)
    )


def steps(t: Trainer, count: int) -> list[dict[str, float]]:
    real = REAL.to(t.device, memory_format=torch.channels_last)
    return [{name: value.item() for name, value in t.step(real).items()} for _ in range(count)]


@pytest.mark.usefixtures("_without_chance")
@pytest.mark.parametrize("device", DEVICES)
def test_losses_are_those_of_the_reference_on_the_cpu(device: str) -> None:
    with forced("reference"):
        expected = steps(trainer("cpu"), 3)
    with full_float32():
        actual = steps(trainer(device), 3)
    assert "loss_pl" in expected[2]
    assert "r1" in expected[2]
    for got, wanted in zip(actual, expected, strict=True):
        assert got == pytest.approx(wanted, rel=5e-3, abs=1e-4)


@pytest.mark.usefixtures("_without_chance")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("device", DEVICES)
def test_low_precision_is_near(device: str, dtype: torch.dtype) -> None:
    expected = steps(trainer("cpu"), 3)
    t = trainer(device, dtype)
    for got, wanted in zip(steps(t, 3), expected, strict=True):
        assert got.keys() == wanted.keys()
        for name in ("loss_g", "loss_d", "logits_real", "logits_fake"):
            assert got[name] == pytest.approx(wanted[name], rel=0.1, abs=0.05), name
    for network in (t.generator, t.discriminator, t.average.network):
        assert all(p.isfinite().all() for p in network.parameters())


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_step_never_waits_for_the_gpu(dtype: torch.dtype) -> None:
    t = trainer("cuda", dtype)
    real = REAL.to(t.device, memory_format=torch.channels_last)
    for _ in range(2):  # whatever is set up by the first steps
        t.step(real)
    torch.cuda.set_sync_debug_mode("error")
    try:
        stats = [t.step(real) for _ in range(2)]  # one of them with both regularisers
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert {"loss_pl", "r1"} <= set(stats[0]) | set(stats[1])
    assert all(value.isfinite() for named in stats for value in named.values())
