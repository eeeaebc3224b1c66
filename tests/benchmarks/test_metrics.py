"""The comparison of folders with torch-fidelity, rehearsed."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_metrics(found: Callable[..., dict[str, Any]]) -> None:
    rows = found("metrics")["tables"]["end_to_end"]
    assert [row["arithmetic"] for row in rows] == ["fp32", "fast", "bf16"]
    for row in rows:
        assert row["images"] == 12
        wanted = row["plain seconds"][0] / row["seconds"][0]
        assert row["ratio"] == pytest.approx(wanted, rel=0.01)
    assert rows[0]["off by"] < 1e-6
    assert rows[1]["off by"] < 1e-4
