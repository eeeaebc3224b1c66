"""The build of the CUDA kernels: a real one wherever there is a compiler, and its failures."""

import logging
from pathlib import Path

import pytest
import torch

from stylegen.ops import build, cache, compile, toolkit

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


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """Forget what was built."""
    monkeypatch.setattr(build, "_outcomes", {})


@pytest.fixture
def gpu(monkeypatch):
    """Look as if there were one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda device: [(9, 0), (8, 6), (9, 0)][device]
    )


@pytest.fixture
def broken(tmp_path, monkeypatch, major):
    """A compiler that refuses everything, and one source for it."""
    (tmp_path / "csrc" / "cuda").mkdir(parents=True)
    (tmp_path / "csrc" / "cuda" / "kernel.cu").write_text("nonsense")
    monkeypatch.setattr(build, "SOURCES", tmp_path / "csrc")
    monkeypatch.setenv("CUDA_HOME", str(fake_toolkit(tmp_path / "cuda", f"{major}.0")))
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    try:
        build.recipe_for("cuda", "9.0")
    except RuntimeError as error:
        pytest.skip(f"no CUDA compiler: {error}")
    return build.build("cuda", "9.0", tmp_path_factory.mktemp("kernels"))


@pytest.mark.slow
def test_kernels_compile_and_link(library):
    assert library.read_bytes()[:4] == b"\x7fELF"
    assert b"sm_90" in library.read_bytes()


@pytest.mark.slow
def test_second_build_takes_the_first(library, caplog):
    with caplog.at_level(logging.INFO, logger="stylegen.ops"):
        assert build.build("cuda", "9.0", library.parents[1]) == library
    assert "building" not in caplog.text


@pytest.mark.slow
def test_module_refuses_what_the_kernels_cannot(library):
    """Loaded without a GPU: only the checks of the arguments can run."""
    kernels = build._import(build.recipe_for("cuda", "9.0"), library)
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
        build.build("cuda", "9.0")
    message = str(failure.value)
    assert message.startswith('kernel.cu(7): error: identifier "nonsense" is undefined')
    assert "\n" not in message
    (log,) = (tmp_path / "cache").glob("ops-cuda-*/build.log")
    assert str(log) in message
    assert "1 error detected" in log.read_text()


@pytest.mark.usefixtures("broken", "gpu")
def test_failed_build_is_remembered(monkeypatch):
    tries = []
    real = build.compile_library
    monkeypatch.setattr(build, "compile_library", lambda *args: tries.append(1) or real(*args))
    for _ in range(3):
        with pytest.raises(RuntimeError, match="nonsense"):
            build.cuda_kernels()
    assert len(tries) == 1


@pytest.mark.usefixtures("broken", "gpu")
def test_each_gpu_here_is_compiled_for(monkeypatch):
    assert build.architectures() == "8.6;9.0"
    here, named = build.recipe_for("cuda"), build.recipe_for("cuda", "8.6;9.0")
    assert here == named
    assert "-gencode=arch=compute_86,code=sm_86" in here.ninja
    assert "-gencode=arch=compute_90,code=sm_90" in here.ninja
    assert build.recipe_for("cuda", "9.0").key != here.key


@pytest.mark.usefixtures("broken")
def test_the_host_compiler_that_was_named_serves_nvcc(monkeypatch, tmp_path):
    host = tmp_path / "host"
    host.write_text("#!/bin/sh\necho 1.0")
    host.chmod(0o755)
    assert "-ccbin" not in build.recipe_for("cuda", "9.0").ninja
    monkeypatch.setenv("CXX", f"env {host}")
    assert f"-ccbin {host}" in build.recipe_for("cuda", "9.0").ninja


def test_without_a_gpu_there_are_no_kernels(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="no CUDA device"):
        build.cuda_kernels()


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


def test_the_runtime_of_the_package_is_linked_by_its_own_name(tmp_path, monkeypatch):
    home = tmp_path / "cu13"
    (home / "lib").mkdir(parents=True)
    monkeypatch.setattr(toolkit, "packaged_homes", list)
    found = toolkit.Toolkit(home=home, version="13.0", origin="test")
    with pytest.raises(RuntimeError, match=r"libcudart\.so, is missing"):
        toolkit.runtime_library(found)
    (home / "lib" / "libcudart.so.13").touch()
    assert toolkit.runtime_library(found) == home / "lib" / "libcudart.so.13"
    (home / "lib" / "libcudart.so").touch()
    assert toolkit.runtime_library(found) == home / "lib" / "libcudart.so"


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
        (
            "FAILED: [code=1] a.o\nc++ -c a.cpp\nno licence\nninja: build stopped: x.\n",
            "no licence",
        ),
        ("", "no message"),
    ],
)
def test_last_error(output, expected):
    assert compile.last_error(output).startswith(expected)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TORCH_EXTENSIONS_DIR": "/a", "STYLEGEN_CACHE": "/c", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"STYLEGEN_CACHE": "/c", "XDG_CACHE_HOME": "/b"}, "/c"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/stylegen"),
        ({}, "~/.cache/stylegen"),
    ],
)
def test_cache_folder(monkeypatch, environment, expected):
    for name in ("TORCH_EXTENSIONS_DIR", "STYLEGEN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache.build_folder() == Path(expected).expanduser()
