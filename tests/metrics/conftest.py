"""A small set of images, weights of the demo network, and a toy in its place."""

from pathlib import Path
from typing import Any

import pytest

from stylegen.data import write_synth
from stylegen.metrics import cache, workplace
from stylegen.metrics.demo import demo_weights
from stylegen.perceptual.several import FeatureNetworks, full_key
from tests.metrics.toys import Toy


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(demo_weights(tmp_path_factory.mktemp("demo"), faces=40, epochs=1))


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    """48 images in 6 classes of differing sizes."""
    path = tmp_path_factory.mktemp("faces") / "faces.zip"
    write_synth(path, count=48, resolution=16, seed=0)
    return str(path)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluations open a toy network; the cache, whose folder this is, begins empty."""

    def opened(keys: Any, *_: Any) -> FeatureNetworks:
        return FeatureNetworks({full_key(key): Toy() for key in keys})

    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(workplace, "open_several", opened)
    monkeypatch.setattr(workplace, "demo_weights", lambda **_: "none")
    monkeypatch.setattr(cache, "data_cache", lambda: folder)
    return folder
