"""Schedules: how they are read, what is refused, and the numbers of each moment."""

import json
from pathlib import Path
from typing import Any

import pytest

from stylegen.errors import InputError
from stylegen.training.moments import Moment, Schedule
from stylegen.training.presets import GROWING, growing
from stylegen.training.schedule import PhaseConfig, RampConfig, ScheduleConfig, read_schedule

USUAL = Moment(
    resolution=32,
    batch=32,
    generator_lr=0.002,
    discriminator_lr=0.003,
    gamma=0.5,
    style_mixing=0.9,
    augment="ada",
)


def test_the_inline_form() -> None:
    read = read_schedule("8:0-40, 16 : 40-100.5,32:100.5-,fade = 20")
    assert read == ScheduleConfig(
        phases=(
            PhaseConfig(resolution=8, from_kimg=0.0, to_kimg=40.0),
            PhaseConfig(resolution=16, from_kimg=40.0, to_kimg=100.5),
            PhaseConfig(resolution=32, from_kimg=100.5, to_kimg=None),
        ),
        fade_kimg=20.0,
    )
    assert read_schedule("4:0-").fade_kimg == 0
    assert read_schedule("4:0-,fade=.5").fade_kimg == 0.5


def test_a_long_inline_form_is_no_file_name() -> None:
    parts = [f"8:{i}-{i + 1}" for i in range(200)]
    assert len(read_schedule(",".join(parts)).phases) == 200


def test_the_json_form(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    values: dict[str, Any] = {
        "phases": [
            {"resolution": 8, "to_kimg": 40, "batch": 64, "gamma": 0.1, "augment": "none"},
            {"resolution": 16, "from_kimg": 40, "lr": 0.001},
        ],
        "fade_kimg": 5,
        "ramps": [{"of": "blur_sigma_px", "points": [[0, 10], [200, 0]]}],
    }
    path.write_text(json.dumps(values))
    assert read_schedule(str(path)) == ScheduleConfig(
        phases=(
            PhaseConfig(resolution=8, to_kimg=40.0, batch=64, gamma=0.1, augment="none"),
            PhaseConfig(resolution=16, from_kimg=40.0, lr=0.001),
        ),
        fade_kimg=5.0,
        ramps=(RampConfig(of="blur_sigma_px", points=((0.0, 10.0), (200.0, 0.0))),),
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "part 1 of the schedule is ''; wanted resolution:kimg-kimg such as 8:0-40"),
        ("8:0-40,sixteen", "part 2 of the schedule is 'sixteen'"),
        ("8:0-4.0.1", "part 1 of the schedule is '8:0-4.0.1'"),
        ("8:0-40,16:40-,fade=2.0.1", "part 3 of the schedule is 'fade=2.0.1'"),
        ("8:0-40,fade=1,16:40-,fade=2", "says fade 2 times; say it once"),
        ("nowhere.json", "nowhere.json is no file"),
        ("8:1-40,16:40-", "the first phase begins at 1 kimg, not 0"),
        ("12:0-", "a phase's resolution is 12; wanted a power of two from 4 on"),
        ("2:0-", "a phase's resolution is 2;"),
        ("8:0-0", "the phase at 8 px ends at 0 kimg, but begins at 0; wanted a later end"),
        ("8:0-40,16:50-", "8 px ends at 40 kimg, but the next begins at 50"),
        ("8:0-40,16:30-", "8 px ends at 40 kimg, but the next begins at 30"),
        ("8:0-,16:40-", "8 px never ends, but the next begins at 40"),
        ("8:0-40,32:40-", "at 8 px is followed by one at 32 px; wanted the same or twice as many"),
        ("16:0-40,8:40-", "at 16 px is followed by one at 8 px"),
        ("8:0-40,16:40-50,32:50-,fade=20", "16 px lasts 10 kimg, but its block fades in over 20"),
    ],
)
def test_poor_schedules(text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_schedule(text)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "schedule.json is not valid JSON"),
        ("[]", "schedule.json"),
        ('{"phase": []}', "phase"),
        ('{"phases": [{"resolution": "8"}]}', r"resolution is '8'"),
        ('{"phases": [{"resolution": 8, "batch": 0}]}', "batch of the phase at 8 px is 0"),
        ('{"phases": [{"resolution": 8, "lr": -1}]}', "lr of the phase at 8 px is -1.0"),
        ('{"phases": [{"resolution": 8, "gamma": NaN}]}', "gamma of the phase at 8 px is nan"),
        ('{"phases": [{"resolution": 8, "augment": "much"}]}', "augment is 'much'"),
        ('{"fade_kimg": -1}', "fade_kimg is -1.0; wanted 0 or more"),
        ('{"ramps": [{"of": "psi", "points": [[0, 1]]}]}', "of is 'psi'"),
        ('{"ramps": [{"of": "lr", "points": []}]}', r"ramp of lr needs points \(kimg, value\)"),
        ('{"ramps": [{"of": "lr", "points": [[1, 2, 3]]}]}', "ramp of lr needs points"),
        ('{"ramps": [{"of": "lr", "points": [[5, 1], [5, 2]]}]}', "rising kimg from 0"),
        ('{"ramps": [{"of": "lr", "points": [[-1, 1]]}]}', "rising kimg from 0"),
        ('{"ramps": [{"of": "lr", "points": [[NaN, 1]]}]}', "rising kimg from 0"),
        ('{"ramps": [{"of": "lr", "points": [[0, -1]]}]}', "goes through -1; wanted 0 or more"),
        ('{"ramps": [{"of": "lr", "points": [[0, NaN]]}]}', "goes through nan"),
        ('{"ramps": [{"of": "batch", "points": [[0, 0.5]]}]}', "through 0.5; wanted 1 or more"),
        ('{"ramps": [{"of": "style_mixing", "points": [[0, 2]]}]}', "it is a probability"),
        (
            '{"ramps": [{"of": "lr", "points": [[0, 1]]}, {"of": "lr", "points": [[0, 2]]}]}',
            "there are two ramps of lr; give one",
        ),
    ],
)
def test_poor_files(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "schedule.json"
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        read_schedule(str(path))


def test_without_a_schedule_all_is_as_usual() -> None:
    schedule = Schedule(ScheduleConfig(), USUAL)
    assert schedule.at(0) == schedule.at(10**9) == USUAL
    assert schedule.batches(100) == {32}


def test_phases_begin_and_fade_at_their_image() -> None:
    schedule = Schedule(read_schedule("8:0-40,16:40-100,16:100-120,32:120-,fade=20"), USUAL)
    expected = {
        0: (8, 1.0), 39_999: (8, 1.0), 40_000: (16, 0.0), 45_000: (16, 0.25), 59_999: (16, 0.99995),
        60_000: (16, 1.0), 99_999: (16, 1.0), 100_000: (16, 1.0), 119_999: (16, 1.0),
        120_000: (32, 0.0), 130_000: (32, 0.5), 140_000: (32, 1.0), 10**9: (32, 1.0),
    }  # fmt: skip
    for shown, (resolution, alpha) in expected.items():
        moment = schedule.at(shown)
        assert (moment.resolution, moment.alpha) == (resolution, pytest.approx(alpha)), shown
    assert [schedule.is_growing(i) for i in range(4)] == [False, True, False, True]


def test_growth_without_a_fade_is_at_once() -> None:
    schedule = Schedule(read_schedule("8:0-40,16:40-"), USUAL)
    assert schedule.at(40_000).alpha == 1


def test_what_a_phase_says_holds_in_it_alone() -> None:
    phases = (
        PhaseConfig(resolution=16, to_kimg=1.0, batch=8, lr=0.01, gamma=9.0, augment="none"),
        PhaseConfig(resolution=32, from_kimg=1.0),
    )
    schedule = Schedule(ScheduleConfig(phases=phases), USUAL)
    first = schedule.at(999)
    assert (first.batch, first.gamma, first.augment) == (8, 9.0, "none")
    assert (first.generator_lr, first.discriminator_lr) == (0.01, 0.01)
    assert schedule.at(1000) == USUAL
    assert schedule.batches(0.5) == {8}
    assert schedule.batches(2.0) == {8, 32}


def ramped(steps: bool, **of: Any) -> Schedule:
    ramps = tuple(RampConfig(of=k, points=v, steps=steps) for k, v in of.items())  # type: ignore[arg-type]
    return Schedule(ScheduleConfig(ramps=ramps), USUAL, granule=4)


def test_ramps_in_straight_lines() -> None:
    schedule = ramped(
        False,
        gamma=((10.0, 1.0), (20.0, 3.0), (40.0, 2.0)),
        blur_sigma_px=((0.0, 10.0), (5.0, 0.0)),
        style_mixing=((0.0, 0.0), (10.0, 1.0)),
        lr=((0.0, 0.0), (2.0, 0.004)),
    )
    gammas = {0: 1.0, 9_999: 1.0, 15_000: 2.0, 20_000: 3.0, 30_000: 2.5, 40_000: 2.0, 99_000: 2.0}
    for shown, gamma in gammas.items():
        assert schedule.at(shown).gamma == pytest.approx(gamma), shown
    moment = schedule.at(1_000)
    assert moment.blur_sigma_px == pytest.approx(8.0)
    assert moment.style_mixing == pytest.approx(0.1)
    assert (moment.generator_lr, moment.discriminator_lr) == pytest.approx((0.002, 0.002))
    assert schedule.at(5_000).blur_sigma_px == 0


def test_ramps_in_steps() -> None:
    schedule = ramped(True, gamma=((10.0, 1.0), (20.0, 3.0)))
    assert [schedule.at(n).gamma for n in (0, 10_000, 19_999, 20_000, 10**6)] == [1, 1, 1, 3, 3]


def test_batches_of_a_ramp_are_whole_groups() -> None:
    schedule = ramped(False, batch=((0.0, 1.0), (1.0, 33.0)))
    sizes = [schedule.at(n).batch for n in (0, 100, 400, 500, 900, 1000, 9999)]
    assert sizes == [4, 4, 12, 16, 28, 32, 32]  # of 1, 4.2, 13.8, 17, 29.8, 33, 33
    assert schedule.batches(5.0) == {4, 8, 12, 16, 20, 24, 28, 32}


def test_every_batch_of_a_phase_that_begins_between_two_images_is_found() -> None:
    phases = (
        PhaseConfig(resolution=32, to_kimg=1.001, batch=8),
        PhaseConfig(resolution=32, from_kimg=1.001, batch=6),  # 1.001 * 1000 is below 1001
    )
    assert Schedule(ScheduleConfig(phases=phases), USUAL).batches(9.0) == {8, 6}


@pytest.mark.parametrize("resolution", GROWING)
def test_ready_schedules_end_at_their_resolution(resolution: int) -> None:
    schedule = read_schedule(growing(resolution))
    assert schedule.phases[0].resolution == 8
    assert schedule.phases[-1].resolution == resolution
    assert schedule.phases[-1].to_kimg is None
    assert schedule.fade_kimg > 0
    for phase in schedule.phases[1:-1]:  # as long alone as in its fade
        assert phase.to_kimg is not None
        assert phase.to_kimg - phase.from_kimg >= 2 * schedule.fade_kimg
    with pytest.raises(InputError, match="no ready schedule for 96 px"):
        growing(96)
