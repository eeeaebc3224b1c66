"""Runs that grow: nothing jumps, nothing is lost, and any moment can be gone on from."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import stylegen
from stylegen.checkpoints import load, read_header, read_info, read_tensors
from stylegen.data import open_images
from stylegen.networks.fading import downsample_images
from stylegen.ops import setup_filter, upsample2d
from stylegen.training import resume, train
from stylegen.training.building import set_alpha
from stylegen.training.folder import RunFolder
from stylegen.training.run import Run
from stylegen.training.schedule import RampConfig, read_schedule
from stylegen.training.showing import halve_images, show_images
from stylegen.training.state import read_saved
from stylegen.training.step import Trainer
from stylegen.training.world import World

WORLD = World(device=torch.device("cpu"))
ARCHITECTURES = [("skip", "resnet"), ("resnet", "skip"), ("orig", "orig")]
GROWS = read_schedule("8:0-0.032,16:0.032-,fade=0.032")


def begun(config: Any, steps: int) -> Run:
    run = Run(config, open_images(config.data), WORLD)
    for _ in range(steps):
        run.step()
    return run


@torch.no_grad()
def drawn(trainer: Trainer) -> list[Tensor]:
    z = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    networks = (trainer.generator.eval(), trainer.average_generator)
    images = [network(z, None, noise="const") for network in networks]
    trainer.generator.train()
    return images


def moments(trainer: Trainer) -> dict[str, Tensor]:
    found = {}
    for prefix, network, adam in (
        ("G", trainer.generator, trainer.generator_optimizer),
        ("D", trainer.discriminator, trainer.discriminator_optimizer),
    ):
        for name, p in network.named_parameters():
            found |= {f"{prefix}.{name}.{k}": v.clone() for k, v in adam.state.get(p, {}).items()}
    return found


@pytest.mark.parametrize(("generator", "discriminator"), ARCHITECTURES)
def test_growth_changes_nothing_at_once(
    make_config: Any, generator: str, discriminator: str
) -> None:
    config = make_config(
        schedule=GROWS, precision="fp32",
        generator_architecture=generator, discriminator_architecture=discriminator,
    )  # fmt: skip
    run = begun(config, 4)
    old, taps = run.trainer, setup_filter((1, 3, 3, 1), separable=False)
    assert (run.resolution, run.is_fading) == (8, False)
    big = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    images, adam, skipped = drawn(old), moments(old), old.skipped
    with torch.no_grad():
        logits = old.discriminator(downsample_images(big, taps))
    average = {k: v.clone() for k, v in old.average_generator.state_dict().items()}
    run._follow(run.schedule.at(32))
    new = run.trainer
    assert new is not old
    assert (run.resolution, run.is_fading) == (16, True)
    for before, after in zip(images, drawn(new), strict=True):
        torch.testing.assert_close(after, upsample2d(before, taps), rtol=0, atol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(new.discriminator(big), logits, rtol=1e-5, atol=1e-5)
    carried = moments(new)
    names = {k for k in adam if k in carried}
    assert all(torch.equal(adam[k], carried[k]) for k in names)
    left = {k.rsplit(".", 1)[0] for k in adam if k not in names}
    kept = {k.rsplit(".", 1)[0] for k in carried if k not in names}
    assert all("torgb" in k or "fromrgb" in k for k in left | kept)
    assert all("fade." in k for k in kept)
    assert len(kept) == len(left)  # the image layer that the fade keeps
    for name, value in new.average_generator.state_dict().items():
        if name in average:
            assert torch.equal(value, average[name]), name
    assert (new.steps, new.images_shown, new.skipped) == (4, 32, skipped)
    assert new.change is run.view
    assert [next(iter(n.parameters())).requires_grad for n in (new.average_generator,)] == [False]


def test_a_grown_run_goes_through_its_fade(make_config: Any) -> None:
    run = begun(make_config(schedule=GROWS, precision="fp32"), 4)
    alphas = []
    for _ in range(6):
        run.step()
        fade = run.trainer.generator.synthesis.fade
        alphas.append(None if fade is None else fade.alpha)
        assert run.last_real is not None
        assert run.last_real.shape == (8, 3, 16, 16)
    assert alphas == [0.0, 0.25, 0.5, 0.75, None, None]
    assert moments(run.trainer).keys() >= {"G.synthesis.b16.conv0.weight.exp_avg"}


def test_reals_are_shown_as_the_networks_see_them(make_config: Any) -> None:
    config = make_config(schedule=read_schedule("4:0-0.008,8:0.008-0.04,16:0.04-,fade=0.016"))
    run, taps = Run(config, open_images(config.data), WORLD), setup_filter((1, 3, 3, 1))
    real = torch.rand(2, 3, 16, 16) * 2 - 1
    inside = downsample_images(real, setup_filter((1, 3, 3, 1), separable=False))[..., 1:-1, 1:-1]
    first = run._as_shown(real, run.schedule.at(0))
    half = run._as_shown(real, run.schedule.at(24))
    assert first.shape == (2, 3, 4, 4)
    torch.testing.assert_close(half[..., 1:-1, 1:-1], inside)  # as the networks halve
    quarter = run._as_shown(real, run.schedule.at(16))  # alpha 1/2 at 8 px
    mean = (half + upsample2d(first, taps)) / 2
    torch.testing.assert_close(quarter, mean, rtol=0, atol=1e-5)
    assert torch.equal(run._as_shown(real, run.schedule.at(80)), real)


@pytest.mark.parametrize("taps", [(1.0, 3.0, 3.0, 1.0), (1.0, 1.0), (1.0, 2.0, 1.0), (1.0,) * 12])
def test_halving_goes_on_beyond_the_edges(taps: tuple[float, ...]) -> None:
    """Against a sum over the outermost pixels' continuation, in float64."""
    n, size = len(taps), 12
    x = torch.rand(2, 3, size, size, dtype=torch.float64) * 2 - 1
    begin = -((n - 1) // 2)
    index = torch.arange(0, size, 2)[:, None] + begin + torch.arange(n)
    weights = torch.tensor(taps, dtype=torch.float64).flip(0) / sum(taps)
    columns = (x[..., index.clamp(0, size - 1)] * weights).sum(-1)
    expected = (columns.mT[..., index.clamp(0, size - 1)] * weights).sum(-1).mT
    halved = halve_images(x, setup_filter(taps, separable=False).double())
    torch.testing.assert_close(halved, expected, rtol=0, atol=1e-6)
    flat = torch.full((1, 1, 32, 16), 0.7)
    shown = show_images(flat, taps, halvings=3, alpha=1.0)
    torch.testing.assert_close(shown, torch.full((1, 1, 4, 2), 0.7))


@pytest.mark.parametrize(("generator", "discriminator"), ARCHITECTURES)
def test_growing_twice_from_4_px(
    make_config: Any, tmp_path: Path, generator: str, discriminator: str
) -> None:
    config = make_config(
        schedule=read_schedule("4:0-0.016,8:0.016-0.032,16:0.032-,fade=0.016"), kimg=0.064,
        generator_architecture=generator, discriminator_architecture=discriminator,
    )  # fmt: skip
    outcome = train(config, tmp_path)
    snapshots = RunFolder(outcome.folder).snapshots()
    assert [read_info(s).generator.resolution for s in snapshots] == [4, 16]
    header = read_header(RunFolder(outcome.folder).state)
    assert (header["resolution"], header["fading"]) == (16, False)


def test_a_snapshot_in_a_fade_draws_what_the_run_does(make_config: Any, tmp_path: Path) -> None:
    config = make_config(schedule=GROWS, kimg=0.048, precision="fp32")
    outcome = train(config, tmp_path)
    folder = RunFolder(outcome.folder)
    saved = read_saved(folder.state)
    assert (saved.fading, saved.resolution) == (True, 16)
    assert outcome.snapshot is not None
    snapshot = load(outcome.snapshot)
    assert stylegen.generate(snapshot, [0, 1]).shape == (2, 3, 16, 16)
    run = Run(config, open_images(config.data), WORLD, saved)
    assert run.trainer.generator.synthesis.fade is not None
    assert run.trainer.generator.synthesis.fade.alpha == 0.5  # of the next step
    set_alpha(run.trainer, 0.25)  # of the last step before it was saved
    z = torch.randn(4, 8)
    with torch.no_grad():
        expected = run.trainer.average_generator(z, None, noise="const")
        torch.testing.assert_close(snapshot(z, None, noise="const"), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("generator", "discriminator"), ARCHITECTURES)
def test_going_on_within_a_fade_has_the_same_bits(
    make_config: Any, tmp_path: Path, generator: str, discriminator: str
) -> None:
    config = make_config(
        schedule=GROWS, kimg=0.08, snapshot_kimg=1.0,
        generator_architecture=generator, discriminator_architecture=discriminator,
    )  # fmt: skip
    whole = train(config, tmp_path / "whole")

    def stop(status: Any) -> None:
        if status.images_shown == 40:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    part = train(config, tmp_path / "part", stop)
    assert part.kimg == 0.04
    assert read_saved(RunFolder(part.folder).state).fading
    rest = resume(part.folder)
    expected = read_tensors(RunFolder(whole.folder).state)
    actual = read_tensors(RunFolder(rest.folder).state)
    assert expected.keys() == actual.keys()
    assert [k for k in expected if not torch.equal(expected[k], actual[k])] == []


def test_regularisation_that_a_phase_turns_off_is_resumed_alike(
    make_config: Any, tmp_path: Path
) -> None:
    """The lazy correction of Adam follows the run's weights, not those of a phase."""
    from dataclasses import replace

    first, second = GROWS.phases
    schedule = replace(GROWS, phases=(replace(first, gamma=0.0), second))
    run = begun(make_config(schedule=schedule), 5)
    group = run.trainer.discriminator_optimizer.param_groups[0]
    assert group["lazy_correction"] == 16 / 17


@pytest.mark.parametrize(
    ("base", "of_phases", "ramp", "used"),
    [
        (0.0, (None, None), None, False),
        (1.0, (None, None), None, True),
        (0.0, (None, 2.0), None, True),
        (1.0, (0.0, 0.0), None, False),
        (0.0, (None, None), ((0.0, 0.0), (0.1, 1.0)), True),
        (1.0, (1.0, 1.0), ((0.0, 0.0),), False),  # a ramp wins over all
    ],
)
def test_the_correction_is_in_force_if_r1_is_ever_taken(
    make_config: Any,
    base: float,
    of_phases: tuple[float | None, ...],
    ramp: tuple[tuple[float, float], ...] | None,
    used: bool,
) -> None:
    from dataclasses import replace

    config = make_config(schedule=GROWS, gamma=base)
    phases = tuple(
        replace(p, gamma=g) for p, g in zip(config.schedule.phases, of_phases, strict=True)
    )
    ramps = () if ramp is None else (RampConfig(of="gamma", points=ramp),)
    config = replace(config, schedule=replace(config.schedule, phases=phases, ramps=ramps))
    assert config.uses_r1 == used
    run, c = begun(config, 0), 16 / 17 if used else 1.0
    for images_shown in (0, 32, 64):  # at 8 px, in the fade, after it
        run._follow(run.schedule.at(images_shown))
        (group,) = run.trainer.discriminator_optimizer.param_groups
        assert group["lr"] == pytest.approx(0.0025 * c)
        assert group["betas"] == (0.0, pytest.approx(0.99**c))
