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


def noting(made: list[str], name: str) -> Callable[[], object]:
    return lambda: made.append(name)


def test_the_setting_changes_between_the_paths(made: list[str]) -> None:
    functions = {name: noting(made, name) for name in ("plain", "fp32", "bf16")}
    before = memory.switching(functions, lambda name: name, CPU)
    for name in ("plain", "fp32", "bf16", "plain"):
        before(name)
    seen = [name for i, name in enumerate(made) if name != made[i - 1]]
    assert seen == ["give back", "plain", "keep", "fp32", "bf16", "give back", "plain"]


def test_all_functions_of_a_variant_settle_after_a_change(made: list[str]) -> None:
    keys = [(variant, phase) for variant in ("plain", "fast") for phase in ("G", "D")]
    functions = {key: noting(made, "".join(key)) for key in keys}
    before = memory.switching(functions, lambda key: key[0], CPU)
    for key in keys:
        before(key)
    turns = ["plainG", "plainD"] * 2, ["fastG", "fastD"] * 2
    assert made == ["give back", *turns[0], "keep", *turns[1]]


def test_a_gpu_is_left_alone(made: list[str]) -> None:
    assert not memory.keep(True, torch.device("cuda"))
    assert made == []


def test_changes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_kept", None)
    assert [memory.keep(wanted, CPU) for wanted in (False, False, True, True)] == [
        True, False, True, False,
    ]  # fmt: skip
