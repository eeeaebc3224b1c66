"""What all tests share: the test material beside the project, and the GPU marker."""

from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="needs a CUDA device")
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test material beside the project; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no test material: the folder 'shared' beside the project is absent")
    return SHARED
