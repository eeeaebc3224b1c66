"""What of a run may change, and what becomes of the numbers that its phases have."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from stylegen.data import DataConfig
from stylegen.errors import InputError
from stylegen.training import Choices, RunConfig, plan_run, resume, train
from stylegen.training.augment import AugmentConfig
from stylegen.training.changes import begun_anew, with_changes
from stylegen.training.moments import Moment
from stylegen.training.run import schedule_of
from stylegen.training.schedule import PhaseConfig, RampConfig, ScheduleConfig, read_schedule
from stylegen.training.world import World

GROWING = read_schedule("64:0-100,128:100-200,256:200-,fade=20")


def plan(schedule: ScheduleConfig = GROWING, **choices: Any) -> RunConfig:
    data = DataConfig(path="x", resolution=256)
    return plan_run(data, 256, choices=Choices(device="cpu", schedule=schedule, **choices))


def moments(config: RunConfig) -> list[Moment]:
    """Return the numbers of a step in each of the three phases."""
    schedule = schedule_of(config, World.alone("cpu"))
    return [schedule.at(kimg * 1000) for kimg in (50, 150, 250)]


def gammas(config: RunConfig) -> list[float]:
    return [moment.gamma for moment in moments(config)]


def test_automatic_gammas_keep_their_ratio_to_that_of_the_last_phase() -> None:
    config = plan()  # 0.0002 R^2 / batch, of 64, 128 and 256 px at 32, 32 and 16 images
    assert gammas(config) == pytest.approx([0.0256, 0.1024, 0.8192])
    changed = with_changes(config, {"gamma": 2 * 0.8192})
    assert gammas(changed) == pytest.approx([0.0512, 0.2048, 1.6384])
    assert changed.loss.r1_gamma == moments(changed)[-1].gamma == 2 * 0.8192
    again = with_changes(changed, {"gamma": 0.8192})
    assert gammas(again) == pytest.approx(gammas(config))
    assert gammas(with_changes(config, {"gamma": 0.0})) == [0, 0, 0]


def test_a_gamma_given_from_the_start_is_that_of_all_phases() -> None:
    changed = with_changes(plan(gamma=3.0), {"gamma": 2.0})
    assert gammas(changed) == [2.0] * 3


def phases(*numbers: tuple[float | None, float | None]) -> ScheduleConfig:
    """Three phases with a gamma and a learning rate."""
    begins = (0.0, 100.0, 200.0, None)
    return ScheduleConfig(
        phases=tuple(
            PhaseConfig(resolution=r, from_kimg=begin or 0, to_kimg=end, gamma=gamma, lr=lr)
            for r, begin, end, (gamma, lr) in zip(
                (64, 128, 256), begins[:3], begins[1:], numbers, strict=True
            )
        )
    )


def test_numbers_of_their_own_keep_their_ratio_too() -> None:
    config = plan(phases((4.0, None), (None, 0.001), (2.0, None)), gamma=6.0, lr=0.002)
    assert gammas(config) == [4, 6, 2]
    changed = with_changes(config, {"gamma": 1.0, "lr": 0.004})
    assert gammas(changed) == [2, 3, 1]
    for moment, lr in zip(moments(changed), (0.004, 0.002, 0.004), strict=True):
        assert (moment.generator_lr, moment.discriminator_lr) == pytest.approx((lr, lr))


def test_nothing_has_a_ratio_to_zero() -> None:
    config = plan(phases((4.0, None), (0.0, None), (0.0, None)))
    with pytest.raises(InputError, match="gamma cannot change here: it is 0 in the last phase"):
        with_changes(config, {"gamma": 1.0})
    config = plan(phases((0.0, None), (0.0, None), (0.0, None)))
    assert gammas(with_changes(config, {"gamma": 1.0})) == [1.0] * 3


@pytest.mark.parametrize(
    ("name", "value", "points"),
    [
        ("gamma", 2.0, ((0.0, 1.0), (100.0, 3.0))),
        ("lr", 0.001, ((0.0, 0.001),)),
        ("style_mixing", 0.5, ((0.0, 0.9),)),
        ("batch", 8, ((0.0, 16.0), (200.0, 32.0))),
    ],
)
def test_what_ramps_say_cannot_change(name: Any, value: float, points: Any) -> None:
    config = plan(ScheduleConfig(ramps=(RampConfig(of=name, points=points),)))
    with pytest.raises(InputError, match=f"{name} cannot change here: this run's schedule says"):
        begun_anew(config, {name: value})


@pytest.mark.parametrize(
    ("usual", "kinds", "expected"),
    [
        ("none", ("diffaug", "none", "none"), ("diffaug", "ada", "ada")),
        ("none", (None, "diffaug", "none"), ("ada", "diffaug", "ada")),
        ("none", (None, "diffaug", "diffaug"), ("none", "ada", "ada")),
        ("fixed", ("none", None, None), ("none", "ada", "ada")),
    ],
)
def test_an_augmentation_given_later_is_that_of_the_last_phase(
    usual: Any, kinds: tuple[Any, ...], expected: tuple[str, ...]
) -> None:
    phases = tuple(
        dataclasses.replace(p, augment=kind) for p, kind in zip(GROWING.phases, kinds, strict=True)
    )
    schedule = dataclasses.replace(GROWING, phases=phases)
    config = plan(schedule, augment=AugmentConfig(kind=usual))
    changed = with_changes(config, {"augment": "ada", "ada_max": 0.5})
    assert tuple(moment.augment for moment in moments(changed)) == expected
    assert changed.augment.max_p == 0.5
    with pytest.raises(InputError, match="kind is 'much'"):
        with_changes(config, {"augment": "much"})


def test_the_batch_of_phases_follows_when_another_run_begins() -> None:
    config = plan()
    assert [m.batch for m in moments(config)] == [32, 32, 16]
    changed = begun_anew(config, {"batch": 8, "seed": 3})
    assert [m.batch for m in moments(changed)] == [16, 16, 8]
    assert (changed.loop.batch, changed.loop.seed) == (8, 3)
    assert gammas(changed) == gammas(config)
    same = begun_anew(plan(batch=16), {"batch": 24})
    assert [m.batch for m in moments(same)] == [24] * 3
    assert begun_anew(plan(ScheduleConfig()), {"batch": 24}).loop.batch == 24
    for batch, text in ((0, "batch is 0; wanted an int of at least 1"), (2.5, "batch is 2.5")):
        with pytest.raises(InputError, match=text):
            begun_anew(config, {"batch": batch})


def test_a_batch_that_leaves_no_whole_images_is_refused() -> None:
    schedule = dataclasses.replace(
        GROWING, phases=tuple(dataclasses.replace(p, batch=b) for p, b in
                              zip(GROWING.phases, (24, 32, 16), strict=True))
    )  # fmt: skip
    with pytest.raises(
        InputError,
        match=r"batch cannot become 5 here: it is 16 .*, and what is 24 before it would be 7\.5$",
    ):
        begun_anew(plan(schedule), {"batch": 5})


def test_what_else_may_change() -> None:
    config = plan(augment=AugmentConfig(kind="fixed"))
    changed = with_changes(
        config,
        {"kimg": 9.0, "style_mixing": 0.25, "augment": "ada", "ada_kimg": 7.0, "lr": 0.125},
    )
    assert (changed.loop.kimg, changed.loss.style_mixing) == (9.0, 0.25)
    assert (changed.augment.kind, changed.augment.speed_kimg) == ("ada", 7.0)
    rates = changed.optimizer
    assert (rates.generator_lr, rates.discriminator_lr) == (0.125, 0.125)
    assert changed.schedule == config.schedule
    with pytest.raises(InputError, match="batch, seed cannot change when a run is resumed"):
        with_changes(config, {"seed": 1, "batch": 8, "kimg": 1.0})
    with pytest.raises(InputError, match="z_dim cannot change in a run's configuration"):
        begun_anew(config, {"z_dim": 8, "batch": 8})


def test_a_growing_run_goes_on_with_another_gamma(make_config: Any, tmp_path: Path) -> None:
    config = make_config(schedule=read_schedule("8:0-0.016,16:0.016-"), kimg=0.008)
    outcome = train(config, tmp_path)
    resume(outcome.folder, kimg=0.032, gamma=4 * config.loss.r1_gamma)
    usual = 0.0002 / 8  # R^2 / batch
    lines = (outcome.folder / "stats.jsonl").read_text().splitlines()
    assert [f'"gamma": {usual * 256 * 4}' in line for line in lines][-1]
