"""Options of ``stylegen train`` together: another run's configuration, phases, what fits."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stylegen.cli import main
from stylegen.data import write_synth
from stylegen.training import rehearsal

TINY = (
    "--batch 8 --channel-base 64 --channel-max 8 --z-dim 8 --w-dim 8 --kimg 0.008 --tick-kimg 0.02 "
    "--snapshot-kimg 0.02 --device cpu"
)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "faces.zip"
    write_synth(path, count=24, resolution=16)
    return path


def run(command: str) -> Result:
    result = CliRunner().invoke(main, command.split())
    assert "Traceback" not in result.output
    return result


def read(folder: Path) -> Any:
    return json.loads((folder / "config.json").read_text())


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int | None, str]]:
    """Every device holds 4 images; the list tells of which runs that was asked."""
    asked = []

    def four(config: Any, world: Any) -> int:
        asked.append((config.loop.batch_per_device, config.loop.precision))
        return 4

    monkeypatch.setattr(rehearsal, "fitting_batch", four)
    return asked


def test_a_batch_of_another_configuration_reaches_its_phases(faces: Path, tmp_path: Path) -> None:
    sizes = TINY.removeprefix("--batch 8 ")  # the phases get the usual one
    grows = "--schedule 8:0-0.008,16:0.008- --kimg 0.016"
    first = run(f"train --data {faces} --out {tmp_path} {sizes} {grows} --dry-run")
    assert first.exit_code == 0, first.output
    planned, _ = json.JSONDecoder().raw_decode(first.output[first.output.index("{") :])
    assert [p["batch"] for p in planned["schedule"]["phases"]] == [32, 32]
    file = tmp_path / "config.json"
    file.write_text(json.dumps(planned))
    result = run(f"train --config {file} --out {tmp_path}/runs --batch 8 --gamma 1.5 --seed 4")
    assert result.exit_code == 0, result.output
    assert "gamma 1.5, batch 8" in result.output
    config = read(tmp_path / "runs" / "00000-faces")
    assert [p["batch"] for p in config["schedule"]["phases"]] == [8, 8]
    # 0.0002 R^2 / batch: four times as much at 16 px as at 8 px
    assert [p["gamma"] for p in config["schedule"]["phases"]] == pytest.approx([0.375, 1.5])
    assert config["loop"]["seed"] == 4
    assert (tmp_path / "runs" / "00000-faces" / "training-state.safetensors").is_file()


def test_what_fits_is_looked_for_when_a_run_goes_on(
    faces: Path, tmp_path: Path, fits: list[tuple[int | None, str]]
) -> None:
    command = f"train --data {faces} --out {tmp_path} {TINY}"
    assert run(command).exit_code == 0
    folder = tmp_path / "00000-faces"
    assert (read(folder)["loop"]["batch_per_device"], fits) == (None, [])
    again = "--batch-per-device auto --precision fp32"
    result = run(f"train --resume {folder} --kimg 0.016 {again}")
    assert result.exit_code == 0, result.output
    assert "batch per device: 4" in result.output
    assert (read(folder)["loop"]["batch_per_device"], fits) == (4, [(None, "fp32")])


def test_what_fitted_once_is_kept_by_the_same_options(
    faces: Path, tmp_path: Path, fits: list[tuple[int | None, str]]
) -> None:
    command = f"train --data {faces} --out {tmp_path} {TINY} --resume auto"
    assert run(command).exit_code == 0
    assert not fits
    for kimg in ("0.016", "0.024"):  # the first one looks, since the run began without
        result = run(f"{command} --batch-per-device auto --kimg {kimg}")
        assert result.exit_code == 0, result.output
        assert read(tmp_path / "00000-faces")["loop"]["batch_per_device"] == 4
    assert len(fits) == 1
    assert not (tmp_path / "00001-faces").exists()


@pytest.mark.parametrize("word", ["0", "-2", "many", "1.5"])
def test_images_at_once_are_a_number_or_auto(faces: Path, tmp_path: Path, word: str) -> None:
    command = f"train --data {faces} --out {tmp_path}/r {TINY} --batch-per-device {word}"
    result = run(command)
    assert result.exit_code == 2
    assert f"--batch-per-device is '{word}'; wanted a number of at least 1, or auto" in (
        result.output
    )


def test_users_see_what_augmentation_leaves_out(
    faces: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = f"{TINY} --channels 1 --augment ada"
    assert run(f"train --data {faces} --out {tmp_path} {options}").exit_code == 0
    (record,) = [r for r in caplog.records if "leaves out" in r.getMessage()]
    assert record.levelno == logging.WARNING  # the least that is shown without --verbose


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("--ada-max 0.5", "--ada-max needs --augment ada"),
        ("--augment fixed --ada-target 0.5", "--ada-target needs --augment ada"),
        ("--augment diffaug --ada-kimg 5", "--ada-kimg needs --augment ada"),
        ("--augment ada --augment-p 0.5", "--augment-p needs --augment fixed"),
        ("--augpipe bg", "--augpipe needs --augment ada or fixed"),
        ("--augment ada --diffaug-policy color", "--diffaug-policy needs --augment diffaug"),
        ("--metric-ticks 3 --metric-images 9", "leave out --metric-images, --metric-ticks"),
        ("--inception-weights x", "leave out --features-weights"),
        ("--profile 3 --dry-run", "--profile is of a run's first steps"),
    ],
)
def test_options_that_would_be_ignored_are_refused(
    faces: Path, tmp_path: Path, options: str, text: str
) -> None:
    result = run(f"train --data {faces} --out {tmp_path}/r {TINY} {options}")
    assert result.exit_code == 2
    assert text in " ".join(result.output.split())
    assert not (tmp_path / "r").exists()


def test_options_of_what_a_run_has_go_on_with_it(faces: Path, tmp_path: Path) -> None:
    schedule = tmp_path / "s.json"
    schedule.write_text(json.dumps({"phases": [{"resolution": 16, "augment": "ada"}]}))
    begin = f"train --data {faces} --out {tmp_path}/r {TINY} --schedule {schedule}"
    result = run(f"{begin} --ada-max 0.5 --resume auto")
    assert result.exit_code == 0, result.output
    assert "finished at 0.008 kimg" in result.output
    folder = tmp_path / "r" / "00000-faces"
    assert run(f"train --resume {folder} --ada-max 0.6").exit_code == 0
    refused = run(f"train --resume {folder} --augment none --ada-max 0.7")
    assert (refused.exit_code, "--ada-max needs" in refused.output) == (2, True)
    assert read(folder)["augment"]["max_p"] == 0.6
    assert run(f"train --resume {folder} --augment none").exit_code == 0
    assert read(folder)["schedule"]["phases"][0]["augment"] == "none"
    result = run(f"{begin} --ada-max 0.5 --resume auto")  # the script's options are as they were
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "r" / "00001-faces").exists()


def test_auto_names_the_state_before_a_damaged_one(faces: Path, tmp_path: Path) -> None:
    command = f"train --data {faces} --out {tmp_path} {TINY} --kimg 0.016 --resume auto"
    assert run(command).exit_code == 0
    folder = tmp_path / "00000-faces"
    state = folder / "training-state.safetensors"
    state.write_bytes(state.read_bytes()[:-9])
    result = run(command)
    assert result.exit_code == 2
    earlier = folder / "training-state-earlier.safetensors"
    assert f"--resume{earlier}" in "".join(result.output.split())
    assert run(f"train --resume {earlier}").exit_code == 0
