"""Configurations to JSON and back."""

import json
from typing import Any

import pytest

from stylegen.configs import from_dict, to_dict
from stylegen.data import DataConfig
from stylegen.errors import InputError
from stylegen.training import Choices, RunConfig, plan_run


def config() -> RunConfig:
    return plan_run(DataConfig(path="x"), 16, choices=Choices(max_minutes=2.0))


def test_a_run_survives_json() -> None:
    text = json.dumps(to_dict(config()))
    assert from_dict(RunConfig, json.loads(text)) == config()


def change(path: str, value: Any) -> dict[str, Any]:
    values = to_dict(config())
    *parents, last = path.split(".")
    inner = values
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("loop.speed", 1, "config.loop has unknown entries: speed"),
        ("loop.batch", "8", "config.loop.batch is '8'; wanted a int"),
        ("loop.batch", True, "wanted a int"),
        ("data.resolution", [96], "wanted one of: int, list of 2 int, null"),
        ("data.resolution", [96, 64, 3], "wanted one of: int, list of 2 int, null"),
        ("data.resolution", [96, "64"], "wanted one of: int, list of 2 int, null"),
        ("data.resolution", True, "wanted one of: int, list of 2 int, null"),
        ("data.resolution", 64.0, "config.data.resolution is 64.0; wanted one of"),
        ("loop.max_minutes", "2", "config.loop.max_minutes is '2'; wanted a float"),
        ("generator.resample_filter", [1.0, "3"], r"resample_filter\[1\] is '3'; wanted a float"),
        ("generator", 3, "config.generator should be an object"),
        ("generator.architecture", "unet", "wanted one of"),
        ("generator.resolution", 24, "power of two"),
        ("generator.resolution", 32, "they should be equal"),
    ],
)
def test_what_does_not_fit_is_named(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        from_dict(RunConfig, change(path, value))


@pytest.mark.parametrize("resolution", [None, 64, (96, 64)])
def test_a_size_is_a_side_or_a_pair(resolution: Any) -> None:
    data = DataConfig(path="x", resolution=resolution)
    assert from_dict(DataConfig, json.loads(json.dumps(to_dict(data)))) == data


def test_missing_entries_are_named() -> None:
    values = to_dict(config())
    del values["data"], values["name"]
    with pytest.raises(InputError, match="config lacks: name, data"):
        from_dict(RunConfig, values)
    assert from_dict(DataConfig, {"path": "y"}) == DataConfig(path="y")


def test_the_usual_numbers() -> None:
    run = plan_run(DataConfig(path="x"), 256)
    assert run.loop.batch == 16
    assert run.loss.r1_gamma == pytest.approx(0.0002 * 256**2 / 16)
    assert run.ema.half_life_kimg == pytest.approx(5.0)
    assert run.generator.channel_base == 16384
    assert run.optimizer.generator_lr == 0.0025
    big = plan_run(DataConfig(path="x"), 1024)
    assert (big.loop.batch, big.generator.channel_base) == (4, 32768)
    assert big.optimizer.generator_lr == 0.002
