"""Running the CUDA kernels' own code on the host: see kernel_emulation.cpp.

Tensors stand between guards: NaN around what is read, and around what is written something that
must not change. Memory is NaN before it is written, and each case runs with the threads in both
orders.
"""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from stylegen import ops

SOURCES = Path(ops.__file__).resolve().parent / "csrc"
GUARD = 64  # elements on both sides: whole vectors of 16 bytes
CANARY = 12345.0


class BiasActCall(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_double) for name in ("alpha", "gain", "clamp")),
        *((name, ctypes.c_int64) for name in ("inner", "channels", "size", "blocks")),
        ("act", ctypes.c_int),
    ]


class FilterCall(ctypes.Structure):
    _fields_ = [
        ("gain", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("batch", "channels")),
        *((name, ctypes.c_int) for name in ("last", "flip")),
        *((name, ctypes.c_int * 6) for name in ("x", "y")),
    ]


class EpilogueCall(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_double) for name in ("alpha", "gain", "clamp")),
        *((name, ctypes.c_int64) for name in ("batch", "channels", "height", "width")),
        *((name, ctypes.c_int) for name in ("act", "last", "noise_per_sample")),
    ]


def build(folder):
    """Compile the kernels for the host, with checks for undefined behaviour, and load them."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    path = folder / "kernel_emulation.so"
    flags = ["-std=c++20", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    flags += ["-Wno-unknown-pragmas"]  # those of nvcc
    flags += ["-fsanitize=undefined", "-fno-sanitize-recover=undefined"]
    source = Path(__file__).resolve().parent / "kernel_emulation.cpp"
    subprocess.run([compiler, *flags, f"-I{SOURCES}", source, "-o", path], check=True)
    return ctypes.CDLL(str(path))


class Guarded:
    """A tensor's memory between guards, or a null pointer."""

    def __init__(self, t, guard=torch.nan):
        self.t = t
        if t is None:
            return
        size = t.numel()
        self.room = torch.full((size + 2 * GUARD,), guard, dtype=t.dtype)
        self.memory = self.room[GUARD : GUARD + size]
        last = t.ndim == 4 and not t.is_contiguous()
        self.memory.copy_((t.permute(0, 2, 3, 1) if last else t).flatten())

    @property
    def pointer(self):
        return ctypes.c_void_p(None if self.t is None else self.memory.data_ptr())

    def result(self):
        """What was written, in the tensor's layout."""
        assert (self.room[:GUARD] == CANARY).all()
        assert (self.room[-GUARD:] == CANARY).all()
        n, *shape = self.t.shape
        if self.t.ndim == 4 and not self.t.is_contiguous():
            c, h, w = shape
            return self.memory.view(n, h, w, c).permute(0, 3, 1, 2)
        return self.memory.view(self.t.shape)


def to_write(like, dtype=None):
    return Guarded(torch.full_like(like, torch.nan, dtype=dtype), CANARY)


def run(library, name, call, *tensors, first=()):
    """Run with both orders of the threads; the outputs must be the same bits."""
    dtype = next(t.t for t in tensors if t.t is not None and t.t.ndim == 4).dtype
    function = getattr(library, f"{name}_{str(dtype)[6:]}")
    function.restype = ctypes.c_int64
    outputs = [t for t in tensors if t.t is not None and t.room[0] == CANARY]
    results = []
    for backwards in (1, 0):
        for t in outputs:
            t.memory.fill_(torch.nan)
        arguments = [*map(ctypes.c_int, first), ctypes.byref(call)]
        value = function(*arguments, *(t.pointer for t in tensors), ctypes.c_int(backwards))
        results.append([t.result().clone() for t in outputs])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    return value


def close(actual, expected, dtype, roundings=8):
    """Compare to some roundings of the largest value, or of the inputs, which are about 1."""
    within = roundings * torch.finfo(dtype).eps * (expected.abs().max().item() + 0.5)
    torch.testing.assert_close(actual.double(), expected.double(), atol=within, rtol=0)
