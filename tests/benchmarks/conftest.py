"""Commands of the benchmarks, in this process and with tiny sizes; the package is not installed."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Run a command; its results go to the folder "out"."""
    from benchmarks.cli import main

    def call(*words: str) -> Result:
        shared = ["--device", "cpu", "--tiny", "--rounds", "2", "--out", str(tmp_path / "out")]
        return CliRunner().invoke(main, [*words, *shared])

    return call


@pytest.fixture
def found(run: Callable[..., Result], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run a command that shall succeed; return what its one JSON file holds."""

    def call(*words: str) -> dict[str, Any]:
        result = run(*words)
        assert result.exit_code == 0, result.output + repr(result.exception)
        (path,) = (tmp_path / "out").glob("*.json")
        values: dict[str, Any] = json.loads(path.read_text())
        return values

    return call
