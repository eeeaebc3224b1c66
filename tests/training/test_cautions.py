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
from stylegen.training.cautions import check_classes, warn
from stylegen.training.config import TransferConfig
from stylegen.training.rehearsal import rehearse
from stylegen.training.schedule import PhaseConfig, ScheduleConfig, read_schedule
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
