"""The published settings, number by number, and the rules where nothing is said.

Source: Karras et al. 2020 (ADA), table of configurations.
"""

from typing import Any

import pytest
import torch

from stylegen.data import DataConfig
from stylegen.errors import InputError
from stylegen.training import Choices, RunConfig, plan_run
from stylegen.training.config import TransferConfig
from stylegen.training.run import schedule_of
from stylegen.training.schedule import read_schedule
from stylegen.training.world import World


def plan(resolution: int, devices: int = 1, **choices: Any) -> RunConfig:
    data = DataConfig(path="x", resolution=resolution)
    return plan_run(data, resolution, choices=Choices(device="cpu", **choices), devices=devices)


def numbers(config: RunConfig) -> tuple[Any, ...]:
    g, d, loop = config.generator, config.discriminator, config.loop
    assert g.channel_base == d.channel_base
    assert g.channel_max == d.channel_max
    assert config.optimizer.generator_lr == config.optimizer.discriminator_lr
    return (
        loop.kimg, loop.batch, d.mbstd_group_size, g.channel_base, config.optimizer.generator_lr,
        config.loss.r1_gamma, config.ema.half_life_kimg, config.ema.rampup, g.mapping_layers,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "resolution", "expected"),
    [  # kimg, batch, mbstd, channel base, lr, gamma, ema kimg, ramp, mapping
        ("stylegan2", 1024, (25000, 32, 4, 32768, 0.002, 10, 10, None, 8)),
        ("paper256", 256, (25000, 64, 8, 16384, 0.0025, 1, 20, None, 8)),
        ("paper512", 512, (25000, 64, 8, 32768, 0.0025, 0.5, 20, None, 8)),
        ("paper1024", 1024, (25000, 32, 4, 32768, 0.002, 2, 10, None, 8)),
        ("cifar", 32, (100000, 64, 32, 32768, 0.0025, 0.01, 500, 0.05, 2)),
        ("auto", 256, (25000, 16, 4, 16384, 0.0025, 0.8192, 5, 0.05, 2)),
    ],
)
def test_published_presets(name: str, resolution: int, expected: tuple[Any, ...]) -> None:
    config = plan(resolution, preset=name)
    assert numbers(config) == pytest.approx(expected)
    is_cifar = name == "cifar"
    assert config.loss.pl_weight == (0 if is_cifar else 2)
    assert config.loss.style_mixing == (0 if is_cifar else 0.9)
    assert config.discriminator.architecture == ("orig" if is_cifar else "resnet")
    assert config.generator.architecture == "skip"
    assert config.generator.channel_max == 512
    assert (config.generator.z_dim, config.generator.w_dim) == (512, 512)
    loss, adam = config.loss, config.optimizer
    assert (loss.pl_interval, loss.r1_interval, loss.pl_batch_shrink) == (4, 16, 2)
    assert loss.pl_decay == 0.01
    assert (adam.beta1, adam.beta2, adam.eps) == (0, 0.99, 1e-8)
    assert config.loop.num_low_precision_res == 4


def test_the_presets_do_not_depend_on_devices() -> None:
    for name in ("stylegan2", "paper256", "cifar"):
        assert numbers(plan(256, 8, preset=name)) == numbers(plan(256, 1, preset=name))


@pytest.mark.parametrize(
    ("resolution", "devices", "expected"),
    [  # batch, mbstd, channel base, lr, gamma, ema kimg: by hand from the published rules
        (32, 1, (32, 4, 16384, 0.0025, 0.0064, 10)),
        (32, 2, (64, 4, 16384, 0.0025, 0.0032, 20)),
        (256, 8, (64, 4, 16384, 0.0025, 0.2048, 20)),
        (512, 1, (8, 4, 32768, 0.0025, 6.5536, 2.5)),
        (1024, 1, (4, 4, 32768, 0.002, 52.4288, 1.25)),
        (1024, 8, (32, 4, 32768, 0.002, 6.5536, 10)),
        (2048, 1, (2, 2, 32768, 0.002, 419.4304, 0.625)),
        (1024, 100, (100, 1, 32768, 0.002, 2.097152, 31.25)),
    ],
)
def test_rules_by_resolution_and_devices(
    resolution: int, devices: int, expected: tuple[Any, ...]
) -> None:
    assert numbers(plan(resolution, devices))[1:7] == pytest.approx(expected)


def test_what_is_chosen_wins() -> None:
    config = plan(
        256, preset="paper256", batch=8, gamma=3.0, lr=0.01, ema_kimg=7.0, mapping_layers=3,
        channel_base=1024, mbstd_group_size=2, pl_weight=0.0, style_mixing=0.1, kimg=5.0,
        discriminator_architecture="skip",
    )  # fmt: skip
    assert numbers(config) == (5.0, 8, 2, 1024, 0.01, 3.0, 7.0, None, 3)
    assert (config.loss.pl_weight, config.loss.style_mixing) == (0, 0.1)
    assert config.discriminator.architecture == "skip"
    assert plan(256, batch=8).loss.r1_gamma == pytest.approx(0.0002 * 256**2 / 8)
    assert plan(256, batch=8).ema.half_life_kimg == 2.5


def test_a_group_is_never_torn_by_what_a_device_computes_at_once() -> None:
    assert plan(256, 8, batch=16).discriminator.mbstd_group_size == 2
    run = plan(256, 1, batch=32, batch_per_device=2)
    assert run.discriminator.mbstd_group_size == 4
    with pytest.raises(InputError, match="at most 2 that hold whole minibatch groups of 4"):
        schedule_of(run, World(device=torch.device("cpu")))


def test_transfer_does_not_ramp_the_average() -> None:
    assert plan(256).ema.rampup == 0.05
    assert plan(256, transfer=TransferConfig(snapshot="x.safetensors")).ema.rampup is None


def test_phases_get_the_numbers_of_their_resolution() -> None:
    schedule = read_schedule("64:0-100,128:100-200,256:200-,fade=20")
    phases = plan(256, schedule=schedule).schedule.phases
    assert [p.batch for p in phases] == [32, 32, 16]
    assert [p.gamma for p in phases] == pytest.approx([0.0256, 0.1024, 0.8192])
    phases = plan(256, schedule=schedule, gamma=1.5).schedule.phases
    assert [p.gamma for p in phases] == [None] * 3
    assert [p.batch for p in phases] == [32, 32, 16]


def test_phases_of_a_chosen_batch_get_the_gamma_of_their_resolution() -> None:
    schedule = read_schedule("64:0-100,128:100-,fade=20")
    config = plan(128, schedule=schedule, batch=8)
    gammas = [config.loss.r1_gamma if p.gamma is None else p.gamma for p in config.schedule.phases]
    assert gammas == pytest.approx([0.1024, 0.4096])  # 0.0002 R^2 / 8


def test_an_unknown_preset() -> None:
    with pytest.raises(InputError, match="preset 'papre256' is unknown; wanted one of auto, style"):
        plan(256, preset="papre256")
