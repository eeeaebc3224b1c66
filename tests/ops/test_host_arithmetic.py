"""The kernels' arithmetic of an element, compiled for the host, against the torch reference.

The headers in ops/csrc are what the CUDA kernels run; here g++ compiles them.
"""

import ctypes
import itertools
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from stylegen.ops import ACTIVATIONS, bias_act, build, upfirdn2d

HERE = Path(__file__).resolve().parent
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-14}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    path = tmp_path_factory.mktemp("host") / "host_check.so"
    flags = ["-std=c++17", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    source = HERE / "host_check.cpp"
    subprocess.run([compiler, *flags, f"-I{build.SOURCES}", source, "-o", path], check=True)
    return ctypes.CDLL(str(path))


def pointer(t):
    return ctypes.c_void_p(t.data_ptr())


def run(library, name, act, args, *tensors):
    """Call a function of bias_act on flat tensors."""
    out = torch.empty_like(tensors[0])
    function = getattr(library, f"{name}_{str(out.dtype)[6:]}")
    function.restype = None
    parameters = [ctypes.c_double(value) for value in args]
    size = ctypes.c_int64(out.numel())
    function(ACTIVATIONS[act].code, *parameters, *map(pointer, (*tensors, out)), size)
    return out


def points(dtype):
    """Near and far from zero, on both sides; the softplus of torch is linear from 20 on."""
    near = torch.linspace(-6, 6, 241)[torch.randperm(241)]
    return torch.cat([near, torch.tensor([-90.0, -19.0, 19.0, 90.0])]).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("clamp", [-1.0, 0.45])
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_activation(library, act, clamp, dtype):
    args = (0.3, 1.3, clamp)
    x = points(dtype)
    b = torch.randn_like(x)
    y = bias_act(x, b, 0, act, 0.3, 1.3, None if clamp < 0 else clamp, impl="reference")
    close = {"atol": 30 * TOLERANCE[dtype], "rtol": 10 * TOLERANCE[dtype]}
    torch.testing.assert_close(run(library, "bias_act", act, args, x, b), y, **close)

    dy, ddx = torch.randn_like(x), torch.randn_like(x)
    ref = y if ACTIVATIONS[act].from_output else x
    op = torch.ops.stylegen.bias_act_backward
    dx = run(library, "bias_act_backward", act, args, dy, ref, b)
    torch.testing.assert_close(dx, op(dy, ref, b, 0, act, *args), **close)
    op = torch.ops.stylegen.bias_act_backward2
    d = run(library, "bias_act_backward2", act, args, ddx, dy, ref, b)
    torch.testing.assert_close(d, op(ddx, dy, ref, b, 0, act, *args), **close)


@pytest.mark.parametrize("clamp", [-1.0, 0.45])
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_nan_stays_nan(library, act, clamp):
    x = torch.tensor([float("nan")])
    assert run(library, "bias_act", act, (0.3, 1.3, clamp), x, torch.zeros(1)).isnan().all()


@pytest.mark.parametrize("stride", [1, 7, 2**33 + 1])
def test_index_along_a_dimension(library, stride):
    library.index_along.restype = ctypes.c_int64
    for i in (0, 1, 48, 2**31 + 5, 2**32 - 1, 2**32 + 9, 2**40 + 3):
        arguments = map(ctypes.c_int64, (i, stride, 3))
        assert library.index_along(*arguments) == i // stride % 3


GRID = list(
    itertools.product(
        [(1, 1), (2, 2), (3, 1), (1, 4)],  # up
        [(1, 1), (2, 2), (1, 3), (5, 2)],  # down
        [(0, 0, 0, 0), (2, 1, 2, 1), (-1, 3, 4, -2), (9, 9, 9, 9)],  # padding
        [False, True],  # flip_filter
    )
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("taps", [(1, 1), (4, 4), (2, 5), (6, 1)])
def test_upfirdn2d(library, taps, layout, dtype):
    x = torch.randn(2, 3, 9, 7, dtype=dtype).to(memory_format=layout)
    f = torch.randn(taps, dtype=dtype)
    function = getattr(library, f"upfirdn2d_{str(dtype)[6:]}")
    function.restype = ctypes.c_int64
    place = (ctypes.c_int64(2), ctypes.c_int64(3), layout == torch.channels_last)
    for up, down, padding, flip in GRID:
        expected = upfirdn2d(x, f, up, down, padding, flip, impl="reference")
        axes = [
            (x.shape[3 - a], up[a], down[a], *padding[2 * a : 2 * a + 2], taps[1 - a])
            for a in (0, 1)
        ]
        geometry = (ctypes.c_int * 12)(*axes[0], *axes[1])
        assert function(None, *place, None, geometry, flip, None) == expected.numel()
        y = torch.full_like(expected, torch.nan, memory_format=layout)
        function(pointer(x), *place, pointer(f), geometry, flip, pointer(y))
        torch.testing.assert_close(y, expected, atol=5 * TOLERANCE[dtype], rtol=0)
