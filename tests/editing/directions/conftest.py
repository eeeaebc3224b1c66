"""Weights of a demo network."""

import pytest

from stylegen.metrics.demo import demo_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(demo_weights(tmp_path_factory.mktemp("demo"), faces=400, epochs=3))
