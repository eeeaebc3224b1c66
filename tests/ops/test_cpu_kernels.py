"""What the CPU kernels add: vectors, pieces, threads, and filters by rank; against float64."""

import importlib.util
import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch

from stylegen.ops import ACTIVATIONS, bias_act, epilogue, setup_filter, upfirdn2d

_spec = importlib.util.spec_from_file_location("grid", Path(__file__).with_name("grid.py"))
assert _spec is not None
assert _spec.loader is not None
grid: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(grid)
implementation = grid.implementation

KERNEL_DTYPES = [torch.float64, torch.float32, torch.bfloat16]
BOTH = ["contiguous", "channels_last"]


def drawn(shape, dtype=torch.float64):
    """Draw values that bfloat16 holds."""
    return torch.randn(shape).bfloat16().to(dtype)


def wide(dtype):
    return torch.promote_types(dtype, torch.float32)


class TestBiasAct:
    """bias_act over shapes, layouts and types."""

    @pytest.mark.parametrize("layout", grid.LAYOUTS)
    @pytest.mark.parametrize("act", ACTIVATIONS)
    def test_all_shapes(self, implementation, act, layout):
        for shape, dtype in itertools.product(grid.SHAPES, grid.DTYPES):
            x, b = drawn(shape), drawn(shape[1:2])
            expected = bias_act(x, b, act=act, gain=1.25, clamp=1.5, impl="reference")
            x = grid.LAYOUTS[layout](x.to(dtype))
            impl = grid.impl_for(implementation, dtype)
            y = bias_act(x, b.to(wide(dtype)), act=act, gain=1.25, clamp=1.5, impl=impl)
            assert y.dtype == dtype
            if implementation == "cpu" and dtype != torch.float16:
                grid.assert_rounded_once(y, expected)
            else:
                grid.assert_near(y, expected, around=4)
            if layout in grid.DENSE and 1 not in shape:
                assert y.stride() == x.stride()

    @pytest.mark.parametrize("layout", grid.LAYOUTS)
    @pytest.mark.parametrize("act", ACTIVATIONS)
    def test_derivatives(self, implementation, act, layout):
        def derivatives(x, b, dy, impl):
            x, b = x.detach().requires_grad_(), b.detach().requires_grad_()
            y = bias_act(x, b, act=act, gain=1.25, clamp=1.5, impl=impl)
            first = torch.autograd.grad(y, (x, b), dy, create_graph=True)
            # by dy, too: where the slope is constant, it is all that the second derivative is by
            penalty = first[0].square().sum() + first[1].square().sum()
            second = torch.autograd.grad(penalty, (x, b, dy), allow_unused=True)
            given = zip((x, b, dy), second, strict=True)
            second = [torch.zeros_like(t) if g is None else g for t, g in given]
            return *(t.detach() for t in first), *second

        for shape in grid.SHAPES:  # no value lies at a kink
            x, b, dy = (torch.randn(s).double() for s in (shape, shape[1:2], shape))
            dy.requires_grad_()
            expected = derivatives(x, b, dy, "reference")
            actual = derivatives(grid.LAYOUTS[layout](x), b, dy, implementation)
            grid.assert_exact(actual, expected)

    @pytest.mark.parametrize("act", ACTIVATIONS)
    def test_what_is_no_number_stays_so(self, implementation, act):
        x = torch.tensor([math.nan, math.inf, -math.inf, 90.0, -90.0, -0.0, 1.0])
        for clamp, dtype in itertools.product([None, 2.0], [torch.float64, torch.bfloat16]):
            expected = bias_act(x.double(), dim=0, act=act, clamp=clamp, impl="reference")
            y = bias_act(x.to(dtype), dim=0, act=act, clamp=clamp, impl=implementation)
            torch.testing.assert_close(y.double(), expected, equal_nan=True, rtol=1 / 64, atol=1e-6)

    def test_dimensions_other_than_four(self, implementation):
        for shape, dim in [((7,), 0), ((3, 17), 1), ((3, 17), 0), ((2, 3, 5, 4, 33), 2)]:
            x, b = drawn(shape), drawn(shape[dim : dim + 1])
            shape_b = [-1 if i == dim else 1 for i in range(x.ndim)]
            y = bias_act(x, b, dim=dim, act="relu", gain=1, impl=implementation)
            grid.assert_exact(y, (x + b.reshape(shape_b)).clip(min=0))

    def test_empty_is_empty(self, implementation):
        x = torch.zeros(0, 3, 4, 4, requires_grad=True)
        b = torch.zeros(3, requires_grad=True)
        y = bias_act(x, b, act="lrelu", impl=implementation)
        dx, db = torch.autograd.grad(y.sum(), (x, b))
        assert y.shape == dx.shape == x.shape
        assert db.tolist() == [0, 0, 0]

    def test_the_same_tensor_expanded(self, implementation):
        x = drawn((1, 5, 3, 2)).expand(4, -1, -1, -1)
        y = bias_act(x, act="tanh", impl=implementation)
        grid.assert_exact(y, x.tanh())


def by_scipy(x, f, up, down, padding, gain=1.0):
    """Insert zeros, pad, convolve each plane, and keep every so many-th sample."""
    n, c, h, w = x.shape
    u = np.zeros((n, c, h * up, w * up))
    u[:, :, ::up, ::up] = x
    u = np.pad(u, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    planes = [scipy.signal.convolve2d(p, f, "valid") for p in u.reshape(-1, *u.shape[2:])]
    y = gain * np.array(planes)[:, ::down, ::down]
    return torch.from_numpy(y.reshape(n, c, *y.shape[1:]))


RANDOM = torch.tensor(np.random.RandomState(0).randn(5, 5))
FILTERS = {
    "stylegan": setup_filter().double(),
    "six taps": torch.outer(RANDOM[0], RANDOM[1]).repeat(1, 2)[:, :6],
    "full rank": RANDOM[:4, :3],
    "zeros within": torch.outer(
        torch.tensor([0.0, 1, 0, 2]), torch.tensor([3.0, 0, 0, 1])
    ).double(),
    "one row": RANDOM[:1],
    "one column": RANDOM[:, :1],
    "one tap": RANDOM[:1, :1],
    "all zero": torch.zeros(2, 3).double(),
    "almost rank one": setup_filter().double() + 1e-3 * torch.eye(4),
}


class TestUpfirdn2d:
    """upfirdn2d over shapes, layouts, types and filters."""

    @pytest.mark.parametrize("layout", grid.LAYOUTS)
    @pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (3, 2)])
    def test_all_shapes(self, implementation, up, down, layout):
        f = setup_filter()
        for shape, dtype in itertools.product(grid.SHAPES, grid.DTYPES):
            x = drawn(shape)
            expected = by_scipy(x.numpy(), f.numpy(), up, down, 3, gain=1.5)
            x = grid.LAYOUTS[layout](x.to(dtype))
            impl = grid.impl_for(implementation, dtype)
            y = upfirdn2d(x, f.to(wide(dtype)), up, down, 3, gain=1.5, impl=impl)
            assert y.dtype == dtype
            if implementation == "cpu" and dtype != torch.float16:
                grid.assert_rounded_once(y, expected)
            else:
                grid.assert_near(y, expected)
            if layout in BOTH and 1 not in (*shape, *y.shape):
                assert y.is_contiguous(memory_format=grid_format(layout))

    @pytest.mark.parametrize("layout", BOTH)
    @pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (3, 2)])
    @pytest.mark.parametrize("name", FILTERS)
    def test_all_filters(self, implementation, name, up, down, layout):
        f, x = FILTERS[name], drawn((2, 3, 9, 7))
        for flip in (False, True):
            taps = f.flip([0, 1]) if flip else f
            expected = by_scipy(x.numpy(), taps.numpy(), up, down, 4)
            at = {"up": up, "down": down, "padding": 4, "flip_filter": flip, "impl": implementation}
            grid.assert_exact(upfirdn2d(grid.DENSE[layout](x), f, **at), expected)
            low = upfirdn2d(grid.DENSE[layout](x).float(), f.float(), **at)
            torch.testing.assert_close(low.double(), expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("up", [1, 2])
    @pytest.mark.parametrize("channels", [63, 64, 65, 130])
    def test_wide_images_are_cut_into_blocks_of_channels(self, channels, up):
        """Blocks have 64 channels from about 500 px on."""
        grid.need_kernels()
        x, f = drawn((1, channels, 3, 600 // up)), FILTERS["stylegan"]
        y = upfirdn2d(grid.DENSE["channels_last"](x), f, up=up, padding=2, impl="cpu")
        grid.assert_exact(y, by_scipy(x.numpy(), f.numpy(), up, 1, 2))

    @pytest.mark.parametrize("layout", grid.LAYOUTS)
    @pytest.mark.parametrize("name", ["stylegan", "full rank"])
    def test_derivatives(self, implementation, name, layout):
        f = FILTERS[name]

        def derivatives(x, impl):
            x = x.detach().requires_grad_()
            y = upfirdn2d(x, f, up=2, down=3, padding=(3, -1, 0, 2), gain=1.5, impl=impl)
            (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
            return y.detach(), first.detach(), *torch.autograd.grad(first.square().sum(), x)

        for shape in grid.SHAPES:
            if shape[2] * 2 + 2 < len(f):
                continue
            x = drawn((*shape[:3], shape[3] + 3))
            actual = derivatives(grid.LAYOUTS[layout](x), implementation)
            grid.assert_exact(actual, derivatives(x, "reference"))

    @pytest.mark.parametrize("layout", BOTH)
    @pytest.mark.parametrize("name", ["stylegan", "full rank"])
    def test_what_is_no_number_stays_so(self, implementation, name, layout):
        x = drawn((1, 3, 12, 11))
        x[0, 0, 3, 4], x[0, 1, 6, 6], x[0, 2, 0, 0] = math.nan, math.inf, -math.inf
        f = FILTERS[name]
        with np.errstate(invalid="ignore"):
            expected = by_scipy(x.numpy(), f.numpy(), 1, 1, 1)
        y = upfirdn2d(grid.DENSE[layout](x), f, padding=1, impl=implementation)
        grid.assert_exact(y, expected)
        assert 0 < expected.isfinite().sum() < expected.numel()

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_taps_that_are_no_numbers_are_seen(self, implementation, value):
        f = setup_filter().double()
        f[2, 3] = value  # not where the largest tap's row and column are
        y = upfirdn2d(torch.ones(1, 1, 8, 8).double(), f, impl=implementation)
        assert not y.isfinite().any()


def grid_format(layout):
    return torch.channels_last if layout == "channels_last" else torch.contiguous_format


def every_kernel(layout, dtype):
    """Run all kernels on tensors that several threads share, over many pieces for each sum."""
    x, dy = (grid.DENSE[layout](drawn((3, 65, 48, 41)).to(dtype)) for _ in range(2))
    scale, b, noise = (drawn(s).to(wide(dtype)) for s in ((3, 65), (65,), (1, 1, 48, 41)))
    results = []
    for act in ("lrelu", "swish"):
        x1, b1 = x.detach().requires_grad_(), b.detach().requires_grad_()
        y = bias_act(x1, b1, act=act, impl="cpu")
        first = torch.autograd.grad(y, (x1, b1), dy, create_graph=True)
        results += [y, *first]
        if act == "swish":
            results += torch.autograd.grad(first[0].square().sum(), x1)
    given = [t.detach().requires_grad_() for t in (x, scale, noise, b)]
    y = epilogue(*given, act="lrelu", clamp=1.5, impl="cpu")
    results += [y, *torch.autograd.grad(y, given, dy)]
    for f in (FILTERS["stylegan"], FILTERS["full rank"]):
        results += [upfirdn2d(x, f.to(wide(dtype)), up=2, down=3, padding=3, impl="cpu")]
    w = grid.DENSE["channels_last"](drawn((65, 64, 3, 3), wide(dtype))).requires_grad_()
    scaled, energy = torch.ops.stylegen.weights(w, 0.3, dtype, True)
    cotangents = (torch.ones_like(scaled) / 3, torch.ones_like(energy) / 7)
    return [*results, scaled, energy, *torch.autograd.grad((scaled, energy), w, cotangents)]


@pytest.mark.parametrize("dtype", KERNEL_DTYPES, ids=str)
@pytest.mark.parametrize("layout", BOTH)
def test_any_number_of_threads_gives_the_same_bits(layout, dtype):
    grid.need_kernels()
    results = []
    for number in (1, 2, 3):
        torch.manual_seed(0)
        with grid.threads(number):
            assert torch.get_num_threads() == number
            results.append(every_kernel(layout, dtype))
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: k.bias_act(torch.zeros(2, 3).half(), None, 1, 0, 0, 1, -1), "wanted float32"),
        (lambda k: k.bias_act(torch.zeros(2, 3), torch.zeros(2), 1, 0, 0, 1, -1), "b has shape"),
        (lambda k: k.bias_act(torch.zeros(2, 3), None, 2, 0, 0, 1, -1), "dim 2 of a 2-D tensor"),
        (
            lambda k: k.bias_act(torch.zeros(2, 3), None, 1, 9, 0, 1, -1),
            "unknown activation code 9",
        ),
        (
            lambda k: k.bias_act_backward(
                torch.zeros(2, 3), torch.zeros(3, 2), None, 1, 0, 0, 1, -1
            ),
            "dy is float [2, 3], wanted float [3, 2]",
        ),
        (
            lambda k: k.upfirdn2d(
                torch.zeros(0, 1, 2, 2), torch.ones(1, 1), [1, 1], [1, 1], [0] * 4, False, 1.0
            ),
            "non-empty",
        ),
        (
            lambda k: k.upfirdn2d(
                torch.zeros(1, 1, 2, 2), torch.ones(3, 1), [1, 1], [1, 1], [0] * 4, False, 1.0
            ),
            "the output would be 0 x 2",
        ),
        (
            lambda k: k.epilogue(torch.zeros(2, 3), None, None, None, 0, 0, 1, -1),
            "wanted (N, C, H, W)",
        ),
        (
            lambda k: k.epilogue(
                torch.zeros(2, 3, 4, 4), torch.zeros(3, 2), None, None, 0, 0, 1, -1
            ),
            "scale has shape",
        ),
    ],
)
def test_the_module_refuses_what_would_read_foreign_memory(call, message):
    with pytest.raises(RuntimeError, match=re.escape(message)):
        call(grid.need_kernels())
