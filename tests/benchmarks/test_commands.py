"""Every command with tiny sizes: what it writes, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from benchmarks.operators import OPERATORS
from benchmarks.training import WEIGHTS

Found = Callable[..., dict[str, Any]]
Run = Callable[..., Result]


def check_comparison(row: dict[str, Any]) -> None:
    assert len(row["seconds"]) == len(row["plain seconds"]) == 2
    wanted = sum(row["plain seconds"]) / sum(row["seconds"])
    assert row["ratio"] == pytest.approx(wanted, rel=0.01)


def test_standard(found: Found) -> None:
    values = found("standard", "--precision", "fp32")
    assert values["benchmark"] == "standard"
    assert values["schema"] == 1
    assert values["complete"] is True
    assert values["rehearsal"] is True
    rows = values["tables"]["phases"]
    assert [row["phase"] for row in rows] == list(WEIGHTS)
    (step,) = values["tables"]["amortised"]
    for row in [*rows, step]:
        check_comparison(row)
    by_phase = {row["phase"]: row["ms"] for row in rows}
    amortised = by_phase["Gmain"] + by_phase["Greg"] / 4 + by_phase["Dmain"]
    amortised += by_phase["Dreg"] / 16 + by_phase["EMA"]
    assert step["ms"] == pytest.approx(amortised, rel=0.01)
    assert step["img/s"] == pytest.approx(4 / step["ms"] * 1000, rel=0.01)
    rate = step["GFLOP/img"] * step["img/s"]
    assert step["GFLOP/s"] == pytest.approx(rate, rel=0.01)
    peak = values["tables"]["peaks"][0]["forward GFLOP/s"]
    assert step["% of peak"] == pytest.approx(100 * rate / peak, rel=0.02)


def test_the_environment_is_told(found: Found) -> None:
    values = found("peaks", "--precision", "fp32")
    environment = values["environment"]
    assert environment["device"] == "cpu"
    assert environment["gpu"] is None
    assert environment["cpu"]["threads"] >= 1
    assert environment["cpu"]["name"]
    assert {"torch", "torchvision", "stylegen", "python", "commit", "operators"} <= set(environment)
    assert values["tables"]["peaks"][-1]["GB/s"] > 0


def test_matrix(found: Found) -> None:
    values = found("matrix", "--precision", "fp32")
    rows = values["tables"]["phases"]
    assert {row["batch"] for row in rows} == {2, 4}
    rows += values["tables"]["amortised"]
    slow = sum(row["verdict"] == "slower than plain" for row in rows)
    assert values["notes"] == [f"Slower than plain: {slow} of 12 rows."]
    for row in rows:
        assert (row["verdict"] == "slower than plain") == (row["ratio"] < 1 and row["to"] < 1)


def test_ops(found: Found) -> None:
    rows = found("ops", "--precision", "fp32")["tables"]["operators"]
    assert {row["operator"] for row in rows} == set(OPERATORS)
    assert {row["pass"] for row in rows} == {"forward", "forward+backward"}
    for row in rows:
        check_comparison(row)
        assert ("GB/s" in row) != ("GFLOP/s" in row)
    copied = {(row["operator"], row["size"], row["pass"]): row for row in rows}
    row = copied["bias_act", "2 x 8 x 8 px", "forward+backward"]
    moved = 5 * 2 * 8 * 8 * 8 * 4  # x, y, dy, y, dx in float32
    assert row["GB/s"] == pytest.approx(moved / row["ms"] / 1e6, rel=0.01)


def test_generate(found: Found) -> None:
    rows = found("generate", "--precision", "fp32")["tables"]["generation"]
    assert [row["batch"] for row in rows] == [1, 2]
    for row in rows:
        check_comparison(row)


def test_train(found: Found) -> None:
    values = found("train", "--precision", "fp32")
    rows = values["tables"]["training"]
    operators = [row["operators"] for row in rows]
    assert operators == ["auto", "auto", "reference", "plain path"]
    for row in rows:
        assert row["s/kimg"] == pytest.approx(1000 / row["img/s"], rel=0.01)
        assert row["peak MiB"] > 0


def test_profile(found: Found) -> None:
    (rows,) = found("profile", "--precision", "fp32")["tables"].values()
    times = [row["ms/kimg"] for row in rows]
    assert times == sorted(times, reverse=True)


def test_time_over_leaves_out_the_rest_and_says_so(found: Found) -> None:
    values = found("ops", "--precision", "fp32", "--minutes", "0")
    assert values["tables"].keys() == {"peaks"}
    assert len(values["notes"]) == 2 * len(OPERATORS)


def test_build_refuses_a_folder_that_holds_something(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("build", "--cache", str(tmp_path))
    assert result.exit_code == 2
    assert "is not empty" in result.output


def test_a_failed_build_is_a_row_and_an_error(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr("benchmarks.building.build", fail)
    result = run("build", "--cache", str(tmp_path / "cache"))
    assert result.exit_code == 2
    assert "the kernels were not built: no compiler" in result.output
    (path,) = (tmp_path / "out").glob("*.json")
    values = json.loads(path.read_text())
    assert values["tables"] == {"build": [{"kernels": "cpu", "error": "no compiler"}]}
    assert values["complete"] is False


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ops", "--precision", "int8"), "precision 'int8' is unknown"),
        (("learn", "nowhere.zip", "--work", "w"), "does not exist"),
    ],
)
def test_mistakes(run: Run, words: tuple[str, ...], message: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.output
