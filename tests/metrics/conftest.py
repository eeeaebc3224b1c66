"""A small set of images, and weights of the demo network."""

import pytest

from stylegen.data import write_synth
from stylegen.metrics.demo import demo_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(demo_weights(tmp_path_factory.mktemp("demo"), faces=40, epochs=1))


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    """48 images in 6 classes of differing sizes."""
    path = tmp_path_factory.mktemp("faces") / "faces.zip"
    write_synth(path, count=48, resolution=16, seed=0)
    return str(path)
