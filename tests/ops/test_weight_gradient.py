"""The gradient of a convolution by its weight: all ways to it, and leaving it out."""

import contextlib
import importlib.util
import itertools
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from stylegen.ops import conv2d, conv2d_transpose, no_weight_gradients

_spec = importlib.util.spec_from_file_location("grid", Path(__file__).with_name("grid.py"))
assert _spec is not None
assert _spec.loader is not None
grid: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(grid)
weight_gradients = grid.weight_gradients

MODULE = sys.modules["stylegen.ops.conv2d"]
# kernel size, stride, padding: with strides that do not divide the size, too
GEOMETRIES = [g for g in itertools.product([1, 2, 3, 5], [1, 2, 3], [0, 1, 2]) if g[2] < g[0]]


def images(n=2, c=3, h=8, w=7, dtype=torch.float64):
    return torch.randn(n, c, h, w, dtype=dtype)


def weights(o=4, i=3, k=3, dtype=torch.float64):
    return torch.randn(o, i, k, k, dtype=dtype)


@pytest.mark.parametrize("layout", grid.LAYOUTS)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_weight_gradient_as_a_product_of_matrices(geometry, layout):
    k, stride, padding = geometry
    x = grid.LAYOUTS[layout](images())
    w = weights(k=k).requires_grad_()
    y = F.conv2d(x, w, None, stride, padding)
    dy = grid.LAYOUTS[layout](torch.randn_like(y))
    actual = MODULE._weight_gradient_by_product(x, dy, k, stride, padding)
    grid.assert_exact(actual, torch.autograd.grad(y, w, dy)[0])


@pytest.mark.parametrize("few_pixels", [0, 2048])
@pytest.mark.parametrize("channels", [1, 15, 16, 17, 65])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_weight_gradients_of_all_ways(dtype, channels, few_pixels, monkeypatch):
    """Whichever way is taken for this type and size, sums are exact to their type."""
    monkeypatch.setattr(MODULE, "_FEW_PIXELS", few_pixels)
    for k, stride, padding in GEOMETRIES:
        x, w = images(2, channels).to(dtype), weights(17, channels, k, dtype)
        y = conv2d(x.double(), w.double().requires_grad_(), stride, padding)
        dy = torch.randn_like(y).to(dtype)
        for layout in grid.LAYOUTS.values():
            low = w.detach().requires_grad_()
            (dw,) = torch.autograd.grad(conv2d(layout(x), low, stride, padding), low, layout(dy))
            exact = w.double().requires_grad_()
            again = F.conv2d(x.double(), exact, None, stride, padding)
            (expected,) = torch.autograd.grad(again, exact, dy.double())
            grid.assert_rounded_once(dw, expected, around=20)


def test_weight_gradients_of_large_images(monkeypatch):
    """Over several blocks of channels and many rows."""
    x, w = images(2, 70, 33, 31), weights(260, 70)
    y = conv2d(x, w.requires_grad_(), 2, 1)
    dy = torch.randn_like(y).bfloat16()
    (expected,) = torch.autograd.grad(y, w, dy.double())
    for dtype in (torch.float32, torch.bfloat16):
        rounded = x.to(dtype)
        low = w.detach().to(dtype).requires_grad_()
        (dw,) = torch.autograd.grad(conv2d(rounded, low, 2, 1), low, dy.to(dtype))
        error = (dw.double() - expected).abs().max() / expected.abs().max()
        assert error < (1e-5 if dtype == torch.float32 else 0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_weight_gradients_of_what_is_no_number(dtype):
    x, w = images(2, 16, 6, 5, dtype), weights(17, 16, 3, dtype).requires_grad_()
    x[0, 3, 2, 2], x[1, 7, 0, 0] = float("nan"), float("inf")
    dy = torch.randn(2, 17, 6, 5).to(dtype)
    (dw,) = torch.autograd.grad(conv2d(x, w, padding=1), w, dy)
    assert dw[:, 3].isnan().all()
    assert not dw[:, 7].isfinite().all()
    others = [i for i in range(16) if i not in (3, 7)]
    assert dw[:, others].isfinite().all()


def test_any_number_of_threads_gives_the_same_weight_gradient():
    kernels = grid.need_kernels()
    x, dy = images(3, 65, 41, 42, torch.float32), images(3, 70, 20, 20, torch.float32)
    results = []
    for number in (1, 2, 3):
        with grid.threads(number):
            results.append(kernels.weight_gradient(x, dy, 3, 2, 0))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


class TestNoWeightGradients:
    """What the block leaves out, and what it does not change."""

    @pytest.fixture(params=[conv2d, conv2d_transpose])
    def run(self, request):
        return request.param

    @staticmethod
    def tensors():
        return images(c=4).requires_grad_(), weights(4, 4).requires_grad_()

    def test_nothing_is_computed_for_the_weight(self, run, weight_gradients):
        x, w = self.tensors()
        y = run(x, w, stride=2)
        with no_weight_gradients():
            dx, dw = torch.autograd.grad(y.sum(), (x, w), retain_graph=True, allow_unused=True)
        assert dw is None
        assert weight_gradients == []
        outside = torch.autograd.grad(y.sum(), (x, w))
        assert weight_gradients == [w.shape]
        assert torch.equal(outside[0], dx)

    def test_second_derivatives_are_the_same(self, run):
        x, w = self.tensors()

        def penalty(inside):
            y = run(run(x, w).square(), w)  # the weight is met twice
            with inside():
                (dx,) = torch.autograd.grad(y.sum(), x, create_graph=True)
            return torch.autograd.grad(dx.square().sum(), (x, w))

        grid.assert_exact(penalty(no_weight_gradients), penalty(contextlib.nullcontext))

    def test_blocks_nest_and_end_with_errors(self, run):
        x, w = self.tensors()

        def computed():
            return torch.autograd.grad(run(x, w).sum(), w, allow_unused=True)[0] is not None

        with no_weight_gradients():
            with pytest.raises(ZeroDivisionError), no_weight_gradients():
                1 / 0  # noqa: B018
            assert not computed()
        assert computed()

    def test_it_holds_in_the_threads_of_the_backward_pass(self):
        x, w = self.tensors()
        y = conv2d(x, w)
        found = []

        def backward():
            found.append(torch.autograd.grad(y.sum(), w, allow_unused=True)[0])

        with no_weight_gradients():
            thread = threading.Thread(target=backward)
            thread.start()
            thread.join()
        assert found == [None]


@pytest.mark.parametrize(("size", "k", "stride", "padding"), [((5, 2), 2, 3, 1), ((6, 1), 3, 2, 1)])
def test_strides_wider_than_the_image(size, k, stride, padding):
    """Some taps then meet no pixel at all."""
    x, w = torch.randn(1, 16, *size), torch.randn(4, 16, k, k)
    gradients = []
    for impl, dtype in (("auto", torch.float32), ("reference", torch.float64)):
        given = w.to(dtype).requires_grad_()
        y = conv2d(x.to(dtype), given, stride=stride, padding=padding, impl=impl)
        gradients += torch.autograd.grad(y.sum(), given)
    torch.testing.assert_close(gradients[0].double(), gradients[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("dy", "k", "stride", "padding", "message"),
    [
        ((1, 4, 4, 4), 3, 1, 3, "padding 3"),
        ((1, 4, 4, 4), 3, 0, 1, "stride 0"),
        ((1, 4, 9, 4), 3, 1, 1, "no gradient of what comes from"),
    ],
)
def test_the_kernel_refuses_what_does_not_fit(dy, k, stride, padding, message):
    kernels = grid.need_kernels()
    with pytest.raises(RuntimeError, match=message):
        kernels.weight_gradient(torch.zeros(1, 16, 4, 4), torch.zeros(dy), k, stride, padding)
