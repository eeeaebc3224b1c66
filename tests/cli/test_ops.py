"""``stylegen ops``: building ahead and cleaning up."""

import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from stylegen.cli import main
from stylegen.ops import build, cache
from stylegen.ops.locking import alone

needs_compiler = pytest.mark.skipif(
    shutil.which("c++") is None and shutil.which("g++") is None, reason="no C++ compiler"
)
SOURCE = """
#include <Python.h>
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "stylegen_cpu"};
PyMODINIT_FUNC __attribute__((visibility("default"))) PyInit_stylegen_cpu() {
  return PyModule_Create(&definition);
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own, small sources, and no GPU."""
    (tmp_path / "csrc" / "cpu").mkdir(parents=True)
    (tmp_path / "csrc" / "cpu" / "bindings.cpp").write_text(SOURCE)
    monkeypatch.setattr(build, "SOURCES", tmp_path / "csrc")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def run(*words: object, answer: str = "") -> Result:
    return CliRunner().invoke(main, ["ops", *map(str, words)], input=answer)


@needs_compiler
def test_build_says_what_it_did(folder: Path) -> None:
    first, second = run("build"), run("build", "--kind", "cpu")
    assert first.exit_code == second.exit_code == 0, first.output
    (library,) = folder.glob("ops-cpu-*/stylegen_cpu.so")
    skipped, built = first.stdout.splitlines()
    assert skipped.startswith("cuda: left out, since there is no GPU here")
    assert built.startswith("cpu: built in ")
    assert built.endswith(f" s: {library}")
    assert second.stdout == f"cpu: there already: {library}\n"


@needs_compiler
def test_build_elsewhere(folder: Path, tmp_path: Path) -> None:
    result = run("build", "--kind", "cpu", "--folder", tmp_path / "else")
    assert result.exit_code == 0, result.output
    assert list((tmp_path / "else").glob("ops-cpu-*/stylegen_cpu.so"))
    assert not folder.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--kind", "cuda"], "there is no GPU here; to build for another machine's, name it"),
        (["--kind", "cuda", "--arch", "hopper"], "--arch is 'hopper'; wanted compute"),
        (["--kind", "cuda", "--arch", "8.0,9.0"], "no compiler for CUDA"),
        (["--kind", "cpu"], "no C++ compiler: install one"),
        (["--kind", "cpu", "--folder", "{tmp}/csrc/cpu/bindings.cpp"], "bindings.cpp"),
    ],
)
def test_what_cannot_be_built_is_told_in_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "8.0,9.0" in words:
        (tmp_path / "csrc" / "cuda").mkdir()
        (tmp_path / "csrc" / "cuda" / "a.cu").touch()
        monkeypatch.setattr("stylegen.ops.toolkit._candidates", lambda: iter([]))
        monkeypatch.setattr(torch.version, "cuda", "13.0")
    if "--folder" not in words:
        monkeypatch.setenv("PATH", str(tmp_path))
    elif shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    result = run("build", *(word.format(tmp=tmp_path) for word in words))
    assert result.exit_code == 2, result.output
    (last,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert sentence in last


def fill(folder: Path) -> list[Path]:
    paths = [folder / f"ops-{kind}-0123456789abcdef" for kind in ("cpu", "cuda")]
    for path in paths:
        path.mkdir(parents=True)
        (path / "library.so").write_bytes(bytes(2**20))
    return paths


def test_clean_asks_first(folder: Path) -> None:
    paths = fill(folder)
    (folder / "demo-features-1.safetensors").touch()
    refused = run("clean", answer="n\n")
    assert refused.exit_code == 1
    assert f"{folder}: remove 2 builds, 2.0 MiB?" in refused.output
    assert all(path.exists() for path in paths)
    assert run("clean", answer="y\n").exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["demo-features-1.safetensors"]


def test_clean_without_asking_leaves_a_build_at_work(folder: Path) -> None:
    at_work, idle = fill(folder)
    with alone(at_work / cache.LOCK):
        result = run("clean", "--yes")
    assert result.exit_code == 0, result.output
    assert f"left alone, since a process is building there: {at_work}" in result.output
    assert f"{folder}: removed 1 builds, 1.0 MiB" in result.output
    assert at_work.exists()
    assert not idle.exists()


def test_clean_with_nothing_to_do(folder: Path) -> None:
    result = run("clean")
    assert (result.exit_code, result.output) == (0, f"{folder}: no builds to remove\n")
