"""Precision and what follows from it, in the plan of a run and in its life."""

import json
from typing import Any

import pytest
import torch

from stylegen import devices
from stylegen.data import DataConfig
from stylegen.errors import InputError
from stylegen.networks.layers import low_precision_blocks
from stylegen.precision import CONV_CLAMP, NUM_LOW_PRECISION_RES
from stylegen.training import Choices, plan_run, resume, train
from stylegen.training.building import build_trainer
from stylegen.training.config import LoopConfig


def plan(**choices: Any) -> Any:
    return plan_run(DataConfig(path="x"), 64, choices=Choices(device="cpu", **choices))


@pytest.mark.parametrize(
    ("has_bf16", "choices", "clamp"),
    [
        (True, {}, 256.0),
        (False, {}, None),
        (False, {"precision": "bf16"}, 256.0),
        (False, {"precision": "fp16"}, 256.0),
        (True, {"precision": "fp32"}, None),
        (True, {"num_low_precision_res": 0}, None),
        (True, {"conv_clamp": 12.0}, 12.0),
        (False, {"conv_clamp": 12.0}, 12.0),
        (True, {"conv_clamp": 0.0}, None),
    ],
)
def test_the_clamp_follows_the_precision(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, choices: dict[str, Any], clamp: float | None
) -> None:
    monkeypatch.setattr(devices, "bfloat16_units", lambda _: "units" if has_bf16 else None)
    run = plan(**choices)
    assert run.generator.conv_clamp == clamp
    assert run.discriminator.conv_clamp == clamp


def test_the_published_numbers() -> None:
    """Karras et al. 2020 (ADA), appendix D."""
    assert (NUM_LOW_PRECISION_RES, CONV_CLAMP) == (4, 256.0)
    assert LoopConfig().num_low_precision_res == NUM_LOW_PRECISION_RES


def test_float16_needs_a_clamp() -> None:
    with pytest.raises(InputError, match=r"'fp16'.*no conv_clamp: take bf16 or fp32"):
        plan(precision="fp16", conv_clamp=0.0)


@pytest.mark.parametrize("value", [-1, 101])
def test_the_number_of_resolutions_has_a_range(value: int) -> None:
    with pytest.raises(InputError, match="num_low_precision_res"):
        plan(num_low_precision_res=value)


@pytest.mark.parametrize(
    ("precision", "count", "dtype", "low"),
    [
        ("bf16", 2, torch.bfloat16, {8, 16}),
        ("bf16", 1, torch.bfloat16, {16}),
        ("bf16", 9, torch.bfloat16, {8, 16}),
        ("bf16", 0, torch.bfloat16, set()),
        ("fp16", 1, torch.float16, {16}),
        ("fp32", 2, torch.float32, {4, 8, 16}),
    ],
)
def test_both_networks_compute_as_told(
    make_config: Any, precision: str, count: int, dtype: torch.dtype, low: set[int]
) -> None:
    config = make_config(precision=precision, num_low_precision_res=count)
    trainer = build_trainer(config, torch.zeros(1, dtype=torch.int64))
    for network in (trainer.generator.synthesis, trainer.discriminator):
        assert {r for r, block in network.blocks() if block.dtype == dtype} == low
        assert {p.dtype for p in network.parameters()} == {torch.float32}
    if precision != "fp32":
        assert low == low_precision_blocks(16, count)


def test_a_snapshot_knows_its_precision_and_its_clamp(make_config: Any, tmp_path: Any) -> None:
    outcome = train(make_config(kimg=0.008, precision="bf16"), tmp_path)
    header = json.loads(outcome.snapshot.with_suffix(".json").read_text())
    text = json.dumps(header)
    assert '"precision": "bf16"' in text
    assert text.count('"conv_clamp": 256.0') == 2
    config = json.loads((outcome.folder / "config.json").read_text())
    assert config["loop"]["num_low_precision_res"] == NUM_LOW_PRECISION_RES


def test_a_run_goes_on_in_another_precision(make_config: Any, tmp_path: Any) -> None:
    first = train(make_config(kimg=0.008, precision="fp32"), tmp_path)
    rest = resume(first.folder, kimg=0.016, precision="bf16", num_low_precision_res=1)
    assert rest.kimg == 0.016
    before = (first.folder / "config.json").read_text()
    assert json.loads(before)["loop"]["precision"] == "bf16"
    assert json.loads(before)["generator"]["conv_clamp"] is None
    with pytest.raises(InputError, match="no conv_clamp"):
        resume(first.folder, kimg=0.024, precision="fp16")
    assert (first.folder / "config.json").read_text() == before


@pytest.mark.parametrize(
    ("c_dim", "numbers", "grouped"),
    [
        (6, {"batch": 16}, True),
        (6, {"batch": 12}, False),  # three groups would be three classes a step
        (6, {"batch": 16, "class_groups": False}, False),
        (6, {"batch": 12, "class_groups": True}, True),
        (6, {"batch": 16, "mbstd_group_size": 1}, False),
        (0, {"batch": 16}, False),
    ],
)
def test_classes_come_in_groups(
    make_config: Any, c_dim: int, numbers: dict[str, Any], grouped: bool
) -> None:
    config = make_config(labels=c_dim > 0, c_dim=c_dim, **numbers)
    assert config.loop.class_groups is grouped
    assert config.class_group == (4 if grouped else 1)


def test_groups_of_classes_need_classes_and_groups(make_config: Any) -> None:
    with pytest.raises(InputError, match="class_groups needs a run with classes; give --labels"):
        make_config(class_groups=True)
    with pytest.raises(InputError, match="groups of a size from 2 on, but --mbstd-group-size is 1"):
        make_config(labels=True, c_dim=6, class_groups=True, mbstd_group_size=1)
