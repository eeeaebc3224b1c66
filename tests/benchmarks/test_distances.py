"""The benchmark of distances: what it compares has one value, and a rehearsal has all rows."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import distances
from benchmarks.suites import Settings


def test_all_ways_have_one_value() -> None:
    anew, stored = distances.trace_rows(24, 2, None)
    assert [row["factor"] for row in (anew, stored)] == ["anew", "stored"]
    for row in (anew, stored):
        apart = row["apart"]
        assert isinstance(apart, float)
        assert apart < 1e-9


def test_a_rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = {"torch-fidelity": 400.0, "stylegen": 20.0}
    monkeypatch.setattr(distances, "peak_mb", lambda kind, images: peaks[kind])
    settings = Settings(device=torch.device("cpu"), rounds=2, tiny=True, out=tmp_path)
    values = json.loads(distances.run_distances(settings).path.read_text())
    assert values["complete"] is True
    assert [row["width"] for row in values["tables"]["Frechet distance"]] == [16, 16, 32, 32]
    (row,) = values["tables"].get("precision and recall", [{"share": 0.05}])  # Linux alone tells
    assert row["share"] == 0.05
