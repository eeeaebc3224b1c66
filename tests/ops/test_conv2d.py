"""conv2d and its transpose against scipy, their gradients against torch's own."""

import importlib.util
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck

from stylegen.errors import InputError
from stylegen.ops import conv2d, conv2d_transpose

_spec = importlib.util.spec_from_file_location("grid", Path(__file__).with_name("grid.py"))
assert _spec is not None
assert _spec.loader is not None
grid: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(grid)


IMPLS = pytest.mark.parametrize("impl", ["auto", "reference"])
# kernel size, stride, padding: with strides that do not divide the size, too
GEOMETRIES = [g for g in itertools.product([1, 2, 3, 5], [1, 2, 3], [0, 1, 2]) if g[2] < g[0]]
WEIGHTS = {
    "contiguous": lambda w: w,
    "channels_last": lambda w: w.contiguous(memory_format=torch.channels_last),
    "exchanged": lambda w: grid.DENSE["channels_last"](w.transpose(0, 1)).transpose(0, 1),
    "flipped": lambda w: w.flip([2, 3]),
    "expanded": lambda w: w[:, :1].expand_as(w),
}


def images(n=2, c=3, h=8, w=7, dtype=torch.float64):
    return torch.randn(n, c, h, w, dtype=dtype)


def weights(o=4, i=3, k=3, dtype=torch.float64):
    return torch.randn(o, i, k, k, dtype=dtype)


def by_scipy(x, w, stride, padding):
    x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    sums = [[scipy.signal.correlate(xn, wo, "valid")[0] for wo in w] for xn in x]
    return np.array(sums)[:, :, ::stride, ::stride]


def by_laying_down(x, w, stride, padding):
    """Lay down a patch for each sample, from the definition of the transpose."""
    n, _, height, width = x.shape
    k = w.shape[-1]
    size = [(length - 1) * stride + k for length in (height, width)]
    y = np.zeros((n, w.shape[1], *size))
    for i, j in itertools.product(range(height), range(width)):
        patch = np.einsum("no,oikl->nikl", x[:, :, i, j], w)
        y[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += patch
    return y[:, :, padding : size[0] - padding, padding : size[1] - padding]


@IMPLS
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_equals_scipy(geometry, impl):
    k, stride, padding = geometry
    x, w = images(), weights(k=k)
    y = conv2d(x, w, stride, padding, impl=impl)
    np.testing.assert_allclose(y, by_scipy(x.numpy(), w.numpy(), stride, padding), atol=1e-12)


@IMPLS
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_transpose_lays_patches_down(geometry, impl):
    k, stride, padding = geometry
    x, w = images(c=4, h=5, w=6), weights(k=k)
    y = conv2d_transpose(x, w, stride, padding, impl=impl)
    expected = by_laying_down(x.numpy(), w.numpy(), stride, padding)
    np.testing.assert_allclose(y, expected, atol=1e-12)


def derivatives(run, x, w, dy):
    """First derivatives, and those of the sum of their squares."""
    x, w, dy = (t.detach().requires_grad_() for t in (x, w, dy))
    y = run(x, w)
    first = torch.autograd.grad(y, (x, w), dy, create_graph=True)
    second = torch.autograd.grad(sum(t.square().sum() for t in first), (x, w, dy))
    return [t.detach() for t in first], second


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_derivatives_equal_torchs(geometry):
    k, stride, padding = geometry
    x, w = images(), weights(k=k)
    dy = torch.randn_like(conv2d(x, w, stride, padding))
    actual = derivatives(lambda x, w: conv2d(x, w, stride, padding), x, w, dy)
    expected = derivatives(lambda x, w: F.conv2d(x, w, None, stride, padding), x, w, dy)
    grid.assert_exact(actual, expected)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_derivatives_of_the_transpose_equal_torchs(geometry):
    k, stride, padding = geometry
    x, w = images(c=4, h=5, w=6), weights(k=k)
    dy = torch.randn_like(conv2d_transpose(x, w, stride, padding))
    actual = derivatives(lambda x, w: conv2d_transpose(x, w, stride, padding), x, w, dy)
    expected = derivatives(lambda x, w: F.conv_transpose2d(x, w, None, stride, padding), x, w, dy)
    grid.assert_exact(actual, expected)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("layout", grid.LAYOUTS)
@pytest.mark.parametrize("shape", grid.SHAPES, ids=str)
def test_all_shapes_and_layouts(shape, layout, weight):
    x = torch.randn(shape, dtype=torch.float64)
    w = WEIGHTS[weight](weights(o=5, i=shape[1]))
    dy = torch.randn_like(F.conv2d(x, w, padding=1))
    actual = derivatives(lambda x, w: conv2d(x, w, padding=1), grid.LAYOUTS[layout](x), w, dy)
    expected = derivatives(lambda x, w: F.conv2d(x, w, padding=1), x, w, dy)
    grid.assert_exact(actual, expected)


@pytest.mark.parametrize("run", [conv2d, conv2d_transpose])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 1), (2, 0), (2, 1)])
def test_numerical_derivatives(run, k, stride, padding):
    x, w = images(1, 2, 5, 4), weights(2, 2, k)
    x, w = x.requires_grad_(), w.requires_grad_()
    assert gradcheck(lambda x, w: run(x, w, stride, padding), (x, w))
    assert gradgradcheck(lambda x, w: run(x, w, stride, padding), (x, w))


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("channels", [15, 16, 65])
@pytest.mark.parametrize("run", [conv2d, conv2d_transpose])
def test_bfloat16_is_rounded_once(run, channels, layout):
    x, w = images(2, channels, 9, 8).bfloat16(), weights(channels, channels).bfloat16()
    x = grid.DENSE[layout](x)
    dy = torch.randn_like(run(x, w, stride=2))

    def gradients(x, w, dy):
        x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
        y = run(x, w, stride=2)
        return y.detach(), *torch.autograd.grad(y, (x, w), dy)

    actual = gradients(x, w, dy)
    for got, wanted in zip(actual, gradients(x.double(), w.double(), dy.double()), strict=True):
        assert got.dtype == torch.bfloat16
        grid.assert_rounded_once(got, wanted, around=50)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
@pytest.mark.parametrize("run", [conv2d, conv2d_transpose])
def test_other_types(run, dtype):
    x, w = images(2, 5, 6, 7), weights(5, 5)
    y = run(x.to(dtype), w.to(dtype), padding=1)
    assert y.dtype == dtype
    grid.assert_near(y, run(x, w, padding=1), around=20)


@pytest.mark.parametrize("channels", [8, 33])
def test_memory_format_is_kept(channels):
    for dtype, run in itertools.product(
        [torch.float32, torch.bfloat16], [conv2d, conv2d_transpose]
    ):
        x = grid.DENSE["channels_last"](images(2, channels, 6, 5, dtype)).requires_grad_()
        w = grid.DENSE["channels_last"](weights(channels, channels, 3, dtype)).requires_grad_()
        y = run(x, w, stride=2)
        assert y.is_contiguous(memory_format=torch.channels_last)
        dy = torch.randn_like(y)
        for gradient in torch.autograd.grad(y, (x, w), dy):
            assert gradient.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_an_empty_batch_is_empty(dtype):
    x, w = images(0, 16, dtype=dtype), weights(17, 16, dtype=dtype)
    x, w = x.requires_grad_(), w.requires_grad_()
    for y in (conv2d(x, w, padding=1), conv2d_transpose(x, w.transpose(0, 1), padding=1)):
        assert y.shape == (0, 17, 8, 7)
        dx, dw = torch.autograd.grad(y.sum(), (x, w))
        assert dx.shape == x.shape
        assert torch.equal(dw, torch.zeros_like(w))


def test_what_is_no_number_stays_so():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 2], x[0, 0, 0, 4] = float("nan"), float("inf")
    w = torch.ones(1, 1, 3, 3)
    expected = F.conv2d(x, w)
    torch.testing.assert_close(conv2d(x, w), expected, equal_nan=True)
    assert expected.isnan().sum() == 9


@pytest.mark.parametrize("weight", ["contiguous", "channels_last", "exchanged"])
@pytest.mark.parametrize("layout", grid.LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_results_are_as_the_compiler_expects(dtype, layout, weight):
    ops = torch.ops.stylegen
    w = WEIGHTS[weight](weights(17, 16, dtype=dtype))
    x, y = (grid.LAYOUTS[layout](images(2, c, 6, 5, dtype)) for c in (16, 17))
    expects = grid.assert_as_the_compiler_expects
    expects(lambda x, w: ops.conv2d(x, w, 1, 1), x, w)
    expects(lambda y, w: ops.conv2d_transpose(y, w, 2, 1, [1, 0]), y, w)
    expects(lambda x, y: ops.conv2d_weight_gradient(x, y, 3, 1, 1), x, y)


# opcheck itself looks at .grad of tensors that are no leaves
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_opcheck(layout):
    ops, dense = torch.ops.stylegen, grid.DENSE[layout]
    x, w = dense(images(dtype=torch.float32)), dense(weights(dtype=torch.float32))
    dy = dense(torch.randn(2, 4, 4, 4))
    x, w, dy = (t.requires_grad_() for t in (x, w, dy))
    torch.library.opcheck(ops.conv2d.default, (x, w, 2, 1))
    torch.library.opcheck(ops.conv2d_transpose.default, (dy, w, 2, 1, [1, 0]))
    torch.library.opcheck(ops.conv2d_weight_gradient.default, (x, dy, 3, 2, 1))


@pytest.mark.parametrize("run", [conv2d, conv2d_transpose])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(4, 5, 5)}, r"x \(4, 5, 5\) and weight \(4, 4, 3, 3\) do not fit"),
        ({"x": torch.zeros(1, 3, 5, 5)}, "do not fit"),
        ({"w": torch.zeros(4, 4, 3)}, "do not fit"),
        ({"w": torch.zeros(4, 4, 3, 1)}, "do not fit"),
        ({"impl": "fast"}, "auto, reference, cpu, cuda"),
        ({"impl": "cuda"}, "impl='cuda' was asked for a tensor on cpu"),
    ],
)
def test_errors(run, change, message):
    with pytest.raises(InputError, match=message):
        run(**{"x": torch.zeros(1, 4, 5, 5), "w": torch.zeros(4, 4, 3, 3)} | change)
