"""The package's own CPU kernels build and load, and share torch's threads."""

import json
import shutil
import subprocess
import sys

import pytest

from stylegen.ops import build, host_compiler

FUNCTIONS = {
    "bias_act", "bias_act_backward", "bias_act_backward2", "upfirdn2d", "epilogue",
    "epilogue_backward",
}  # fmt: skip
pytestmark = pytest.mark.skipif(
    shutil.which("c++") is None and shutil.which("g++") is None, reason="no C++ compiler"
)

THREADS = """
#include <Python.h>
#include <omp.h>
static PyObject* threads(PyObject*, PyObject*) {
  int n = 0;
#pragma omp parallel reduction(+ : n)
  n += 1;
  return PyLong_FromLong(n);
}
static PyMethodDef methods[] = {{"threads", threads, METH_NOARGS, ""}, {}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "stylegen_cpu", "", -1, methods};
PyMODINIT_FUNC __attribute__((visibility("default"))) PyInit_stylegen_cpu() {
  return PyModule_Create(&definition);
}
"""
PROCESS = """
import json, sys, torch
from pathlib import Path
from stylegen.ops import build
build.SOURCES = Path(sys.argv[1])
module = build.kernels("cpu")
seen = []
for count in (3, 1, 2):
    torch.set_num_threads(count)
    seen.append(module.threads())
maps = Path("/proc/self/maps")
lines = maps.read_text().splitlines() if maps.exists() else []
files = {line.split(maxsplit=5)[-1] for line in lines}
print(json.dumps([seen, [file for file in files if "omp" in file.rsplit("/", 1)[-1]]]))
"""


def test_threads_are_torchs_own(tmp_path, monkeypatch):
    """One OpenMP library in the process, which does as torch.set_num_threads says."""
    if not host_compiler.find_host_compiler().openmp:
        pytest.skip("the compiler has no OpenMP")
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "bindings.cpp").write_text(THREADS)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    command = [sys.executable, "-c", PROCESS, tmp_path]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seen, libraries = json.loads(output)
    assert seen == [3, 1, 2]
    assert len(libraries) <= 1, libraries


@pytest.mark.slow
def test_the_packages_kernels_build_and_load(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.setattr(build, "_outcomes", {})
    module = build.kernels("cpu")
    assert set(dir(module)) >= FUNCTIONS
    assert build.library_path(build.recipe_for("cpu")).is_relative_to(tmp_path)
    assert build.library_path(build.recipe_for("cpu")).exists()
