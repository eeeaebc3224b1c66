"""What the tests of the operators share."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

Case = tuple[dict[str, Any], dict[str, torch.Tensor]]


@pytest.fixture(scope="session")
def official(shared: Path) -> Callable[[str], Case]:
    """Arguments and tensors of a case computed by the official implementation."""
    cases = json.loads((shared / "fixtures/stylegan2_reference.json").read_text())["cases"]
    arrays = np.load(shared / "fixtures/stylegan2_reference.npz")

    def read(name: str) -> Case:
        keys = [key for key in arrays.files if key.startswith(f"{name}.")]
        return cases[name], {key[len(name) + 1 :]: torch.tensor(arrays[key]) for key in keys}

    return read


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
