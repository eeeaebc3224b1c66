"""Which path finds freed memory kept, and who pays for the change."""

from collections.abc import Callable

import pytest
import torch

from benchmarks import memory

CPU = torch.device("cpu")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is set, in order, without setting it."""
    settings: list[str] = []
    monkeypatch.setattr(memory, "_kept", None)
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: settings.append("keep"))
    monkeypatch.setattr(memory, "_give_back", lambda: settings.append("give back"))
    return settings


def test_the_setting_changes_between_the_paths(made: list[str]) -> None:

    def noting(name: str) -> Callable[[], object]:
        return lambda: made.append(name)

    functions = {name: noting(name) for name in ("plain", "fp32", "bf16")}
    before = memory.switching(functions, lambda name: name == "plain", CPU)
    for name in ("plain", "fp32", "bf16", "plain"):
        before(name)
    assert made == ["give back", "keep", "fp32", "give back"]


def test_a_gpu_is_left_alone(made: list[str]) -> None:
    assert not memory.keep(True, torch.device("cuda"))
    assert made == []


def test_changes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_kept", None)
    assert [memory.keep(wanted, CPU) for wanted in (False, False, True, True)] == [
        True, False, True, False,
    ]  # fmt: skip
