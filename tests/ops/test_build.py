"""The build of the CUDA kernels: a real one wherever there is a compiler, and its failures."""

import fcntl
import importlib.util
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from stylegen.ops import build, compile, toolkit

FAKE_NVCC = """#!/bin/sh
case "$*" in
  *--version*) echo "Cuda compilation tools, release {version}, V{version}.1";;
  *) echo 'kernel.cu(7): error: identifier "nonsense" is undefined' >&2
     echo '1 error detected in the compilation of "kernel.cu".' >&2
     exit 1;;
esac
"""


def fake_toolkit(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "include").mkdir()
    (home / "lib64").mkdir()
    (home / "lib64" / "libcudart.so").touch()
    (home / "bin" / "nvcc").write_text(FAKE_NVCC.format(version=version))
    (home / "bin" / "nvcc").chmod(0o755)
    return home


@pytest.fixture
def major():
    if torch.version.cuda is None:
        pytest.skip("torch is built without CUDA")
    return int(torch.version.cuda.split(".")[0])


@pytest.fixture
def clean(monkeypatch):
    """Forget what was built, and look as if there were a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(build, "_architectures", lambda: "9.0")
    build._kernels_or_failure.cache_clear()
    yield
    build._kernels_or_failure.cache_clear()


@pytest.fixture
def broken(tmp_path, monkeypatch, major):
    """A compiler that refuses everything, and one source for it."""
    sources = tmp_path / "csrc"
    sources.mkdir()
    (sources / "kernel.cu").write_text("nonsense")
    for module in (build, compile):
        monkeypatch.setattr(module, "SOURCES", sources)
    monkeypatch.setenv("CUDA_HOME", str(fake_toolkit(tmp_path / "cuda", f"{major}.0")))
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    try:
        toolkit.find_toolkit()
    except RuntimeError as error:
        pytest.skip(f"no CUDA compiler: {error}")
    return build.compile_cuda("9.0", tmp_path_factory.mktemp("kernels"))


def test_kernels_compile_and_link(library):
    assert library.read_bytes()[:4] == b"\x7fELF"
    assert b"sm_90" in library.read_bytes()


def test_second_build_takes_the_first(library, caplog):
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        assert build.compile_cuda("9.0", library.parents[1]) == library
    assert "building" not in caplog.text


def test_module_refuses_what_the_kernels_cannot(library):
    """Loaded without a GPU: only the checks of the arguments can run."""
    spec = importlib.util.spec_from_file_location(library.stem, library)
    kernels = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kernels)
    x = torch.zeros(1, 2, 4, 4)
    refused = pytest.raises(RuntimeError, match="wanted a CUDA tensor, not one on cpu")
    with refused:
        kernels.bias_act(x, None, 1, 0, 0.0, 1.0, -1.0)
    with refused:
        kernels.bias_act_backward(x, x, None, 1, 0, 0.0, 1.0, -1.0)
    with refused:
        kernels.bias_act_backward2(x, x, x, None, 1, 0, 0.0, 1.0, -1.0)
    with refused:
        kernels.upfirdn2d(x, x[0, 0], [1, 1], [1, 1], [0, 0, 0, 0], False, 1.0)


@pytest.mark.usefixtures("broken")
def test_failed_build_says_the_compilers_last_error(tmp_path):
    with pytest.raises(RuntimeError) as failure:
        build.compile_cuda("9.0")
    message = str(failure.value)
    assert message.startswith('kernel.cu(7): error: identifier "nonsense" is undefined')
    assert "\n" not in message
    (log,) = (tmp_path / "cache").glob("ops-*/build.log")
    assert str(log) in message
    assert "1 error detected" in log.read_text()


@pytest.mark.usefixtures("broken", "clean")
def test_failed_build_is_remembered(monkeypatch):
    tries = []
    real = build.compile_module
    monkeypatch.setattr(build, "compile_module", lambda *args: tries.append(1) or real(*args))
    for _ in range(3):
        with pytest.raises(RuntimeError, match="nonsense"):
            build.cuda_kernels()
    assert len(tries) == 1


@pytest.mark.usefixtures("broken")
def test_stale_lock_is_removed(tmp_path, caplog):
    folder = tmp_path / "cache" / f"ops-{build._digest(toolkit.find_toolkit(), '9.0')}"
    folder.mkdir(parents=True)
    (folder / "lock").write_text("left by a process that died")
    with (
        caplog.at_level(logging.INFO, logger="stylegen.ops"),
        pytest.raises(RuntimeError, match="nonsense"),
    ):
        build.compile_cuda("9.0")
    assert f"removing the lock {folder / 'lock'}" in caplog.text


@pytest.mark.usefixtures("broken", "clean")
def test_unwritable_cache_is_a_failure_too(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "file" / "below"))
    with pytest.raises(RuntimeError, match="Not a directory"):
        build.cuda_kernels()


def test_without_a_gpu_there_are_no_kernels(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    build._kernels_or_failure.cache_clear()
    with pytest.raises(RuntimeError, match="no CUDA device"):
        build.cuda_kernels()
    build._kernels_or_failure.cache_clear()


def test_two_at_once_take_turns(tmp_path, caplog):
    entered = threading.Event()

    def second():
        with build._alone_in(tmp_path):
            entered.set()

    with build._alone_in(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.3)
    assert entered.wait(10)
    thread.join()
    assert "waiting for another process" in caplog.text


def test_a_dead_process_leaves_no_lock(tmp_path):
    hold = "import sys, fcntl, os; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX); os.abort()"
    subprocess.run([sys.executable, "-c", hold, tmp_path / "in_use"], check=False)
    with (tmp_path / "in_use").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if it is held
    with build._alone_in(tmp_path):
        assert (tmp_path / "in_use").exists()


def test_cuda_home_comes_first(tmp_path, monkeypatch, caplog, major):
    home = fake_toolkit(tmp_path / "cuda", f"{major}.4")
    monkeypatch.setenv("CUDA_HOME", str(home))
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        found = toolkit.find_toolkit()
    assert (found.home, found.version, found.origin) == (home, f"{major}.4", "CUDA_HOME")
    assert f"{home / 'bin' / 'nvcc'}, version {major}.4, by CUDA_HOME" in caplog.text


def test_path_comes_next_and_the_wrong_version_is_passed_over(tmp_path, monkeypatch, major):
    old = fake_toolkit(tmp_path / "old", f"{major - 1}.8")
    home = fake_toolkit(tmp_path / "cuda", f"{major}.1")
    monkeypatch.setenv("CUDA_HOME", str(old))
    monkeypatch.delenv("CUDA_PATH", raising=False)
    monkeypatch.setenv("PATH", str(home / "bin"), prepend=":")
    assert toolkit.find_toolkit().home == home


def test_the_package_comes_last(tmp_path, monkeypatch, major):
    packaged = fake_toolkit(tmp_path / f"nvidia/cu{major}", f"{major}.2")
    monkeypatch.setattr(toolkit, "_system_candidates", lambda: iter([]))
    monkeypatch.setattr(toolkit, "packaged_homes", lambda: [packaged])
    found = toolkit.find_toolkit()
    assert (found.home, found.origin) == (packaged, "the package nvidia-cuda-nvcc")


def test_no_compiler_says_what_to_do(monkeypatch, tmp_path, major):
    old = fake_toolkit(tmp_path / "old", f"{major - 1}.8")
    candidates = [("CUDA_HOME", tmp_path), ("CUDA_PATH", old)]
    monkeypatch.setattr(toolkit, "_system_candidates", lambda: iter(candidates))
    monkeypatch.setattr(toolkit, "packaged_homes", list)
    with pytest.raises(RuntimeError) as failure:
        toolkit.find_toolkit()
    assert f"{tmp_path} (CUDA_HOME) holds no working bin/nvcc" in str(failure.value)
    assert f"{old} (CUDA_PATH) is CUDA {major - 1}.8" in str(failure.value)
    assert "pip install nvidia-cuda-nvcc" in str(failure.value)


def test_the_runtime_of_the_package_gets_its_linkers_name(tmp_path, monkeypatch):
    home = tmp_path / "cu13"
    (home / "lib").mkdir(parents=True)
    (home / "lib" / "libcudart.so.13").write_text("runtime")
    monkeypatch.setattr(toolkit, "packaged_homes", list)
    found = toolkit.Toolkit(home=home, version="13.0", origin="test")
    folder = toolkit.runtime_folder(found, tmp_path)
    assert (folder / "libcudart.so").read_text() == "runtime"


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "a.cu(1): error: first\na.cu(9): error: last\n2 errors detected\n",
            "a.cu(9): error: last",
        ),
        ("nvcc fatal   : Unsupported gpu architecture 'compute_20'\n", "nvcc fatal"),
        ("ld: cannot find -lcudart\ncollect2: error: ld returned 1 exit status\n", "ld: cannot"),
        (
            "a.cpp:2:9: fatal error: x.h: No such file\ncompilation terminated.\n",
            "a.cpp:2:9: fatal",
        ),
        ("", "no message"),
    ],
)
def test_last_error(output, expected):
    assert compile.last_error(output).startswith(expected)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TORCH_EXTENSIONS_DIR": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/stylegen"),
        ({}, "~/.cache/stylegen"),
    ],
)
def test_cache_folder(monkeypatch, environment, expected):
    for name in ("TORCH_EXTENSIONS_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert build.build_folder() == Path(expected).expanduser()
