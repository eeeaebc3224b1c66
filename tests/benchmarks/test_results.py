"""Files that are never overwritten, whole after every row, and tables that can be read."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.results import Results, Row, rounded, table

CPU = torch.device("cpu")


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    paths = [Results("ops", CPU, tmp_path, {}).path for _ in range(3)]
    stem = paths[0].stem
    assert [p.name for p in paths] == [f"{stem}.json", f"{stem}-2.json", f"{stem}-3.json"]
    assert stem.endswith("-cpu-ops")
    first = paths[0].read_bytes()
    Results("ops", CPU, tmp_path, {}).add("t", {"a": 1})
    assert paths[0].read_bytes() == first


def test_a_table_without_its_json_is_left_alone_too(tmp_path: Path) -> None:
    stem = Results("ops", CPU, tmp_path / "a", {}).path.stem
    kept = tmp_path / "b" / f"{stem}.md"
    kept.parent.mkdir()
    kept.write_text("mine")
    assert Results("ops", CPU, tmp_path / "b", {}).path.stem == f"{stem}-2"
    assert kept.read_text() == "mine"


def test_every_row_is_on_disk_before_the_end(tmp_path: Path) -> None:
    results = Results("ops", CPU, tmp_path, {"rounds": 3}, tiny=True)
    results.add("speed", {"what": "copy", "GB/s": 12.5, "seconds": [0.1, 0.2]})
    values = json.loads(results.path.read_text())
    assert values["complete"] is False
    assert values["rehearsal"] is True
    assert values["arguments"] == {"rounds": 3}
    assert values["tables"] == {"speed": [{"what": "copy", "GB/s": 12.5, "seconds": [0.1, 0.2]}]}
    assert "not finished" in results.path.with_suffix(".md").read_text()
    results.finish()
    assert json.loads(results.path.read_text())["complete"] is True
    assert "not finished" not in results.path.with_suffix(".md").read_text()


def test_table_for_people() -> None:
    rows: list[Row] = [
        {"name": "a", "ms": 1234.5678, "verdict": "", "seconds": [1.0]},
        {"name": "bcd", "ms": 2.0, "img/s": 3, "verdict": ""},
    ]
    assert table(rows).splitlines() == [
        "| name |    ms | img/s |",
        "| ---- | ----: | ----: |",
        "| a    | 1,235 |       |",
        "| bcd  |     2 |     3 |",
    ]


@pytest.mark.parametrize(("value", "text"), [(0.0123456, 0.01235), (98765.4, 98770.0), (0.0, 0.0)])
def test_rounded(value: float, text: float) -> None:
    assert rounded(value) == text
