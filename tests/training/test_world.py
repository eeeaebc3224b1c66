"""Several processes, and a batch in parts, against one process that takes the batch whole."""

import dataclasses
import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen import configs
from stylegen.errors import InputError
from stylegen.training import RunConfig, resume
from stylegen.training.augment import AugmentConfig
from stylegen.training.folder import RunFolder
from stylegen.training.schedule import PhaseConfig, RampConfig, ScheduleConfig
from stylegen.training.state import read_saved
from stylegen.training.updates import parts_of, rows_of
from stylegen.training.world import World, world_of

_spec = importlib.util.spec_from_file_location("joint", Path(__file__).with_name("joint.py"))
assert _spec is not None
assert _spec.loader is not None
joint: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(joint)

STEPS = 6
ALONE = World(device=torch.device("cpu"))


def often(config: RunConfig, **loss: Any) -> RunConfig:
    """Regularise every second step."""
    changed = dataclasses.replace(config.loss, pl_interval=2, r1_interval=2, **loss)
    loop = dataclasses.replace(config.loop, precision="fp32")
    return dataclasses.replace(config, loss=changed, loop=loop)


@pytest.fixture(scope="module")
def runs(make_config: Any) -> dict[str, RunConfig]:
    ada = AugmentConfig(kind="ada", pipe="bgcfnc", target=-1.0, interval=2, speed_kimg=0.1)
    growing = ScheduleConfig(
        phases=(
            PhaseConfig(resolution=8, to_kimg=0.016, augment="diffaug"),
            PhaseConfig(resolution=16, from_kimg=0.016, augment="fixed"),
        ),
        fade_kimg=0.02,
        ramps=(
            RampConfig(of="blur_sigma_px", points=((0.0, 2.0), (0.1, 0.0))),
            RampConfig(of="batch", points=((0.0, 8.0), (0.024, 16.0)), steps=True),
        ),
    )
    return {
        "ada": often(make_config(augment=ada, mbstd_group_size=4, style_mixing=0.5)),
        "classes": often(
            make_config(
                labels=True, c_dim=6, class_balanced=True, mbstd_group_size=2,
                schedule=growing, pl_weight=2.0,
            )
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def by_two(runs: dict[str, RunConfig], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What two processes tell of each run: by name, then by rank."""
    folder = tmp_path_factory.mktemp("two")
    path = folder / "configs.json"
    path.write_text(json.dumps([configs.to_dict(c) for c in runs.values()]))
    for process in joint.processes(["steps", str(path), str(STEPS), str(folder)]):
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    return {
        name: [torch.load(folder / f"{i}-{rank}.pt") for rank in range(2)]
        for i, name in enumerate(runs)
    }


def assert_near(told: list[dict[str, float]], expected: list[dict[str, float]]) -> None:
    for step, wanted in zip(told, expected, strict=True):
        assert step == pytest.approx(wanted, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", ["ada", "classes"])
def test_two_processes_take_the_steps_of_one(
    runs: dict[str, RunConfig], by_two: Any, name: str
) -> None:
    expected, weights = joint.take_steps(runs[name], ALONE, STEPS)
    (told, own), (told_second, own_second) = by_two[name]
    assert told_second == told
    assert all(torch.equal(own_second[k], v) for k, v in own.items())
    assert_near(told, expected)
    torch.testing.assert_close(own, weights, rtol=1e-4, atol=1e-4)
    assert [("r1" in s, "loss_pl" in s) for s in told] == [(True, True), (False, False)] * 3
    if name == "ada":  # 16 images after every second step, at 100 images from 0 to 1
        assert [s["p"] for s in told] == pytest.approx([0, 0.16, 0.16, 0.32, 0.32, 0.48])
    else:
        assert [s["alpha"] for s in told] == pytest.approx([1, 1, 0, 0.4, 1, 1])


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_four_parts_take_the_steps_of_one(runs: dict[str, RunConfig], decay: float) -> None:
    """The path lengths' mean is the one thing that parts do not share (step.py says so)."""
    for config in runs.values():
        config = dataclasses.replace(
            config,
            loss=dataclasses.replace(config.loss, pl_decay=decay),
            discriminator=dataclasses.replace(config.discriminator, mbstd_group_size=2),
        )
        in_parts = dataclasses.replace(
            config, loop=dataclasses.replace(config.loop, batch_per_device=2)
        )
        count = STEPS if decay == 0 else 1
        told, weights = joint.take_steps(in_parts, ALONE, count)
        expected, wanted = joint.take_steps(config, ALONE, count)
        if decay:  # what comes before the penalty's gradient does
            names = ("loss_g", "grad_norm_g", "path_length")
            told, expected = ([{k: s[0][k] for k in names}] for s in (told, expected))
            torch.testing.assert_close(weights["pl_mean"], wanted["pl_mean"])
            assert weights["pl_mean"] != 0
        else:
            torch.testing.assert_close(weights, wanted, rtol=1e-4, atol=1e-4)
        assert_near(told, expected)


def test_parts_are_no_larger_than_the_device_holds() -> None:
    assert parts_of(ALONE, 8, None) == 1
    assert [parts_of(ALONE, 12, n) for n in (1, 2, 3, 4, 5, 6, 11, 12, 99)] == [
        12, 6, 4, 3, 3, 2, 2, 1, 1,
    ]  # fmt: skip
    pair = World(device=torch.device("cpu"), rank=1, size=2)
    assert parts_of(pair, 12, 4) == 2
    with pytest.raises(InputError, match="batch of 7 cannot be shared equally by 2 processes"):
        parts_of(pair, 7, None)
    assert rows_of(ALONE, 8, 1, 4) is None
    rows = rows_of(pair, 16, 2, 2)  # groups {n, n + 8}; this process has the second four of them
    assert rows is not None
    assert rows.tolist() == [4, 5, 12, 13, 6, 7, 14, 15]


@pytest.mark.parametrize(
    ("environment", "match"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two' in the environment; torchrun sets it"),
        ({"WORLD_SIZE": "2"}, "LOCAL_RANK is ''"),
    ],
)
def test_a_poor_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], match: str
) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with world_of("cpu") as world:
        assert (world.rank, world.size, world.is_first) == (0, 1, True)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=match), world_of("cpu"):
        pass


def write(config: RunConfig, path: Path) -> str:
    path.write_text(json.dumps([configs.to_dict(config)]))
    return str(path)


@pytest.mark.parametrize("victim", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_a_process_that_dies_ends_a_run_that_can_go_on(
    make_config: Any, tmp_path: Path, victim: int
) -> None:
    runs = tmp_path / "runs"
    config = often(make_config(mbstd_group_size=4, kimg=100.0, snapshot_kimg=0.016))
    pair = joint.processes(["train", write(config, tmp_path / "c.json"), str(runs)])
    try:
        end = time.monotonic() + 60
        while not list(runs.glob("*/stats.jsonl")) and time.monotonic() < end:
            time.sleep(0.1)
        pair[victim].kill()
        _, err = pair[1 - victim].communicate(timeout=30)
    finally:
        for process in pair:
            process.kill()
            process.communicate()
    assert pair[1 - victim].returncode == 1
    assert err.count("Error: another process of the run has died or fallen silent") == 1
    assert "Traceback" not in err
    (folder,) = runs.iterdir()
    assert len(list(folder.glob("events.*"))) == 1
    shown = read_saved(RunFolder(folder).state).images_shown
    assert resume(folder, kimg=(shown + 48) / 1000).kimg == (shown + 48) / 1000
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    told = [line["images_shown"] for line in lines]
    assert told[:-1] == [40 * (i + 1) for i in range(len(told) - 1)]
