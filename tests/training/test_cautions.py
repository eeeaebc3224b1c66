"""What is said before the first step: once, by the first process, and before a folder is made."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.data import open_images
from stylegen.errors import InputError
from stylegen.training import resume, train
from stylegen.training.augment import AugmentConfig
from stylegen.training.building import build_trainer
from stylegen.training.cautions import check_classes, check_schedule, warn
from stylegen.training.config import TransferConfig
from stylegen.training.rehearsal import rehearse
from stylegen.training.run import schedule_of
from stylegen.training.schedule import PhaseConfig, RampConfig, ScheduleConfig, read_schedule
from stylegen.training.world import World

FIRST = World(device=torch.device("cpu"), rank=0, size=2)
SECOND = World(device=torch.device("cpu"), rank=1, size=2)
ALONE = World(device=torch.device("cpu"))


@pytest.mark.parametrize(("labels", "c_dim"), [(True, 4), (True, 9), (True, 0), (False, 6)])
def test_other_classes_than_those_of_the_images_are_refused(
    make_config: Any, tmp_path: Path, labels: bool, c_dim: int
) -> None:
    found = 6 if labels else 0
    text = f"the images have {found} classes, but the networks are for {c_dim}; c_dim of both"
    with pytest.raises(InputError, match=text):
        train(make_config(labels=labels, c_dim=c_dim), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_same_classes_pass(make_config: Any) -> None:
    for labels, c_dim in ((True, 6), (False, 0)):
        config = make_config(labels=labels, c_dim=c_dim)
        check_classes(config, open_images(config.data))


def said(caplog: pytest.LogCaptureFixture, text: str) -> int:
    """Return how often users were told."""
    return sum(text in r.getMessage() for r in caplog.records if r.levelname == "WARNING")


def grey(config: Any) -> Any:
    changed = {
        name: dataclasses.replace(getattr(config, name), img_channels=1)
        for name in ("generator", "discriminator")
    }
    return dataclasses.replace(config, data=dataclasses.replace(config.data, channels=1), **changed)


def test_what_augmentation_leaves_out_is_said_once(
    make_config: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schedule = read_schedule("8:0-0.008,16:0.008-,fade=0.008")  # of three shapes of networks
    config = grey(make_config(kimg=0.032, schedule=schedule, augment=AugmentConfig(kind="ada")))
    text = "augmentation leaves out hue and saturation (the images are grey)"
    outcome = train(config, tmp_path)
    assert said(caplog, text) == 1
    resume(outcome.folder, kimg=0.04)
    assert said(caplog, text) == 2
    rehearse(config, ALONE)
    assert said(caplog, text) == 3


def test_what_phases_leave_out_is_said_together(
    make_config: Any, caplog: pytest.LogCaptureFixture
) -> None:
    schedule = ScheduleConfig(
        phases=(
            PhaseConfig(resolution=8, to_kimg=1.0, augment="diffaug"),
            PhaseConfig(resolution=16, from_kimg=1.0),
        )
    )
    config = grey(make_config(schedule=schedule, augment=AugmentConfig(kind="fixed"), kimg=2.0))
    warn(config, SECOND)
    assert not caplog.records
    warn(config, FIRST)
    (record,) = caplog.records
    assert record.getMessage() == (
        "augmentation leaves out saturation (the images are grey); hue and saturation (the images "
        "are grey)"
    )
    warn(make_config(), FIRST)
    assert len(caplog.records) == 1


def test_an_end_before_the_last_phase_is_said_once(
    make_config: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(schedule=read_schedule("8:0-1,16:1-"), kimg=0.008)
    train(config, tmp_path)
    assert said(caplog, "the run ends at 0.008 kimg, before its schedule reaches 16 px at 1") == 1


def test_layers_that_begin_anew_are_said_by_the_first_process(
    make_config: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = train(make_config(kimg=0.008), tmp_path).snapshot
    transfer = TransferConfig(snapshot=str(given), match="resolution")
    config, labels = make_config(resolution=32, transfer=transfer), torch.zeros(1, dtype=torch.long)
    caplog.clear()
    build_trainer(config, labels, SECOND)
    assert not said(caplog, "begins anew")
    build_trainer(config, labels, FIRST)
    assert said(caplog, "Generator begins anew in synthesis.b32") == 1
    assert said(caplog, "Discriminator begins anew in b32") == 1
    build_trainer(make_config(transfer=dataclasses.replace(transfer, match="all")), labels, FIRST)
    assert said(caplog, "begins anew") == 2


def batches(*values: float, steps: bool = True) -> ScheduleConfig:
    points = tuple((0.01 * i, value) for i, value in enumerate(values))
    return ScheduleConfig(ramps=(RampConfig(of="batch", points=points, steps=steps),))


@pytest.mark.parametrize(("values", "named"), [((8, 10), "10"), ((6, 8), "6"), ((8, 8.5), "8.5")])
def test_batches_in_steps_that_are_no_whole_groups_are_refused(
    make_config: Any, tmp_path: Path, values: tuple[float, ...], named: str
) -> None:
    config = make_config(schedule=batches(*values), mbstd_group_size=4)
    for begin in (lambda: train(config, tmp_path), lambda: rehearse(config, ALONE)):
        with pytest.raises(InputError, match=f"ramp of batch holds {named}, .* multiple of 4 "):
            begin()
    assert not list(tmp_path.iterdir())


def test_rounded_batches_are_said_once(
    make_config: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def warned(schedule: ScheduleConfig, group: int, world: World = ALONE) -> int:
        caplog.clear()
        warn(make_config(schedule=schedule, mbstd_group_size=group), world)
        return said(caplog, "rounded to multiples of")

    assert warned(batches(8, 16, steps=False), 4) == 1
    assert warned(batches(8, 16, steps=False), 1) == 0
    assert warned(batches(8, 16, steps=False), 1, FIRST) == 1
    assert warned(batches(8, 16, steps=False), 1, SECOND) == 0
    assert warned(batches(8, 16), 4) == 0
    assert warned(batches(8, 10), 4) == 1  # of a run that began when that was not refused


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("4:0-0.004,8:0.004-0.006,16:0.006-", True),
        ("4:0-0.004,8:0.004-0.012,16:0.012-", False),
        ("4:0-0.004,8:0.004-0.011,16:0.011-", True),
        ("4:0-0.002,4:0.002-0.004,8:0.004-0.012,16:0.012-", False),  # nothing grows there
        ("4:0-9,8:9-9.002,16:9.002-", False),  # after the run's end
    ],
)
def test_a_phase_that_a_step_leaps_over_is_refused(
    make_config: Any, tmp_path: Path, text: str, is_refused: bool
) -> None:
    config = make_config(schedule=read_schedule(text), kimg=0.016)
    if is_refused:
        with pytest.raises(InputError, match=r"phase at 8 px lasts from 0\.004 .* of 8 images may"):
            train(config, tmp_path)
        assert not list(tmp_path.iterdir())
    else:
        check_schedule(config, schedule_of(config, ALONE))


def test_the_batch_that_leaps_is_that_of_the_moment(make_config: Any) -> None:
    ramp = RampConfig(of="batch", points=((0.0, 8.0), (0.1, 16.0)), steps=True)
    for begin, batch in ((0.05, 0), (0.104, 16)):
        text = f"4:0-{begin},8:{begin}-{begin + 0.01},16:{begin + 0.01}-"
        schedule = dataclasses.replace(read_schedule(text), ramps=(ramp,))
        config = make_config(schedule=schedule, kimg=0.2, mbstd_group_size=4)
        if batch:
            with pytest.raises(InputError, match=f"a step of {batch} images"):
                check_schedule(config, schedule_of(config, ALONE))
        else:
            check_schedule(config, schedule_of(config, ALONE))
