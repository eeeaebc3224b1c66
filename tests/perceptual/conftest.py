"""Inception with lively weights, built once: it takes seconds."""

from typing import Any

import pytest

from tests.perceptual.published import save_inception


@pytest.fixture(scope="session")
def inception(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """A weights file, and torch-fidelity's extractor that has them."""
    pytest.importorskip("torch_fidelity")
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    return str(path), save_inception(path)
