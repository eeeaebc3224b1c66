"""What a dry run tells: each phase at its own speed, and the checks of a real run."""

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from stylegen.errors import InputError
from stylegen.training import train
from stylegen.training.building import build_trainer
from stylegen.training.config import TransferConfig
from stylegen.training.rehearsal import fitting_batch, rehearse
from stylegen.training.schedule import PhaseConfig, ScheduleConfig
from stylegen.training.step import Trainer
from stylegen.training.view import View
from stylegen.training.world import World

WORLD = World(device=torch.device("cpu"))
SCHEDULE = ScheduleConfig(
    phases=(
        PhaseConfig(resolution=8, to_kimg=0.1, batch=16, gamma=0.0),
        PhaseConfig(resolution=16, from_kimg=0.1, to_kimg=0.2, gamma=0.5, augment="ada"),
        PhaseConfig(resolution=16, from_kimg=0.2, gamma=0.5, batch=4),
    ),
    fade_kimg=0.05,
)


def test_each_phase_is_timed_with_its_own_numbers(
    make_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def timed(trainer: Trainer, batch: int) -> float:
        view = trainer.change
        assert isinstance(view, View)
        resolution = trainer.generator.config.resolution
        assert trainer.discriminator.config.resolution == resolution
        seen.append((resolution, batch, trainer.loss.r1_gamma, view.kind, view.p))
        return {16: 0.2, 8: 0.4, 4: 0.1}[batch]

    monkeypatch.setattr("stylegen.training.rehearsal._step_seconds", timed)
    config = make_config(schedule=SCHEDULE, kimg=0.3)
    told = rehearse(config, WORLD)
    assert seen == [(8, 16, 0.0, "none", 0), (16, 8, 0.5, "ada", 0.425), (16, 4, 0.5, "none", 0)]
    assert [(p.resolution, p.img_per_sec) for p in told.phases] == [(8, 80), (16, 20), (16, 40)]
    assert [p.kimg for p in told.phases] == pytest.approx([0.1, 0.1, 0.1])
    # 100 images at 80, 20 and 40 a second: 1.25 + 5 + 2.5 s
    assert told.hours == pytest.approx(8.75 / 3600)
    assert told.img_per_sec == pytest.approx(300 / 8.75)
    assert told.kimg_per_hour == pytest.approx(300 / 8.75 * 3.6)
    short = rehearse(make_config(schedule=SCHEDULE, kimg=0.05), WORLD)
    assert [p.resolution for p in short.phases] == [8]
    assert short.hours == pytest.approx(0.625 / 3600)


def test_steps_are_really_timed(make_config: Any) -> None:
    config = make_config(schedule=SCHEDULE, kimg=0.3)
    told = rehearse(config, WORLD)
    whole = build_trainer(config, torch.zeros(1, dtype=torch.int64))
    for network, count in (
        (whole.generator, told.generator_parameters),
        (whole.discriminator, told.discriminator_parameters),
    ):
        assert count == sum(p.numel() for p in network.parameters())
    assert all(0.1 < p.img_per_sec < 1e6 for p in told.phases)
    assert told.memory_mib > 10
    nothing = rehearse(make_config(kimg=0.0), WORLD)
    assert (nothing.hours, len(nothing.phases)) == (0, 1)
    assert nothing.img_per_sec > 0


def test_steps_compute_in_the_float32_of_a_run(
    make_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, backends = [], cast(Any, torch.backends)

    def now() -> tuple[str, str]:
        return backends.cudnn.conv.fp32_precision, backends.cuda.matmul.fp32_precision

    def timed(trainer: Trainer, batch: int) -> float:
        seen.append(now())
        return 1.0

    monkeypatch.setattr("stylegen.training.rehearsal._step_seconds", timed)
    before = now()
    assert before != ("ieee", "ieee")
    rehearse(make_config(), WORLD)
    assert seen == [("ieee", "ieee")]
    fitting_batch(make_config(), WORLD)
    assert seen == [("ieee", "ieee")] * 3
    assert now() == before


def test_weights_to_begin_from_are_checked(make_config: Any, tmp_path: Path) -> None:
    small = ScheduleConfig(
        phases=(
            PhaseConfig(resolution=8, to_kimg=1.0),
            PhaseConfig(resolution=16, from_kimg=1.0),
        )
    )
    given = train(make_config(kimg=0.008, schedule=small), tmp_path).snapshot
    taking = TransferConfig(snapshot=str(given))
    # a snapshot of 8 px fits a run that begins there, as it does in the run
    assert len(rehearse(make_config(schedule=SCHEDULE, kimg=0.3, transfer=taking), WORLD).phases)
    for changes, text in (
        ({"transfer": taking}, r"does not fit this Generator.*missing.*b16"),
        ({"transfer": taking, "schedule": SCHEDULE, "w_dim": 9}, "other shape"),
        ({"transfer": TransferConfig(snapshot=str(tmp_path / "no.safetensors"))}, "not exist"),
        (
            {"transfer": TransferConfig(snapshot=str(given), freeze_d=2), "schedule": SCHEDULE},
            "freeze_d is 2, but the discriminator begins with 2",
        ),
    ):
        with pytest.raises(InputError, match=text):
            rehearse(make_config(kimg=0.3, **changes), WORLD)
