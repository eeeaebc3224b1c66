"""A small set of images and a run on it that takes a second."""

from pathlib import Path
from typing import Any

import pytest

from stylegen.data import DataConfig, write_synth
from stylegen.training import Choices, RunConfig, plan_run


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "faces.zip"
    write_synth(path, count=40, resolution=16, seed=0)
    return path


@pytest.fixture(scope="session")
def make_config(faces: Path) -> Any:
    def make(
        labels: bool = False,
        resolution: int = 16,
        c_dim: int = 0,
        name: str = "run",
        **changes: Any,
    ) -> RunConfig:
        values: dict[str, Any] = {
            "batch": 8, "channel_base": 64, "channel_max": 8, "z_dim": 8,
            "w_dim": 8, "kimg": 0.16, "tick_kimg": 0.04, "snapshot_kimg": 0.08, "device": "cpu",
        }  # fmt: skip
        data = DataConfig(path=str(faces), resolution=16, labels=labels, xflip=True)
        return plan_run(data, resolution, c_dim, name, Choices(**{**values, **changes}))

    return make
