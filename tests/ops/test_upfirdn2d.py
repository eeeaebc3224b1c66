"""upfirdn2d against the official outputs, direct sums, scipy and numerical derivatives."""

import itertools

import numpy as np
import pytest
import scipy.signal
import torch
from torch.autograd import gradcheck, gradgradcheck

from stylegen.errors import InputError
from stylegen.ops import upfirdn2d

# up (x, y), down (x, y), padding (x0, x1, y0, y1), taps (height, width)
GEOMETRIES = [
    ((1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    ((1, 1), (1, 1), (2, 1, 2, 1), (4, 4)),
    ((2, 2), (1, 1), (2, 1, 2, 1), (4, 4)),
    ((1, 1), (2, 2), (1, 1, 1, 1), (4, 4)),
    ((2, 1), (1, 3), (3, -1, 0, 2), (3, 2)),
    ((3, 2), (2, 3), (-1, 4, 5, -2), (2, 5)),
    ((1, 4), (3, 1), (0, 0, -3, 7), (6, 1)),
    ((5, 5), (7, 7), (9, 8, 8, 9), (7, 3)),
]


def by_direct_sums(x, f, up, down, padding, flip, gain):
    """Sum over taps for each output pixel, from the definition."""
    n, c, h, w = x.shape
    fh, fw = f.shape
    taps = f if flip else f[::-1, ::-1]
    height = (h * up[1] + padding[2] + padding[3] - fh) // down[1] + 1
    width = (w * up[0] + padding[0] + padding[1] - fw) // down[0] + 1
    y = np.zeros((n, c, height, width))
    for i, j, ky, kx in itertools.product(range(height), range(width), range(fh), range(fw)):
        row, col = i * down[1] + ky - padding[2], j * down[0] + kx - padding[0]
        if 0 <= row < h * up[1] and 0 <= col < w * up[0] and row % up[1] == col % up[0] == 0:
            y[:, :, i, j] += gain * taps[ky, kx] * x[:, :, row // up[1], col // up[0]]
    return y


@pytest.mark.parametrize("case", range(5))
def test_official_outputs(official, case):
    args, t = official(f"upfirdn2d.{case}")
    torch.testing.assert_close(upfirdn2d(t["x"], t["f"], **args), t["y"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("impl", ["auto", "reference"])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_equals_direct_sums(geometry, flip, impl):
    up, down, padding, taps = geometry
    x, f = torch.randn(2, 3, 9, 7, dtype=torch.float64), torch.randn(taps, dtype=torch.float64)
    y = upfirdn2d(x, f, up, down, padding, flip_filter=flip, gain=1.7, impl=impl)
    expected = by_direct_sums(x.numpy(), f.numpy(), up, down, padding, flip, 1.7)
    np.testing.assert_allclose(y.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("up", "down", "taps"), [(1, 1, 4), (2, 1, 5), (1, 3, 6), (3, 2, 8)])
def test_one_axis_equals_scipy(up, down, taps):
    x, h = torch.randn(1, 1, 1, 13, dtype=torch.float64), torch.randn(taps, dtype=torch.float64)
    y = upfirdn2d(x, h[None], (up, 1), (down, 1), (taps - 1, taps - up, 0, 0))
    expected = scipy.signal.upfirdn(h.numpy(), x.flatten().numpy(), up, down)
    np.testing.assert_allclose(y.flatten().numpy(), expected, atol=1e-12)


def test_large_filter_equals_scipy():
    x, f = torch.randn(1, 1, 33, 41, dtype=torch.float64), torch.randn(32, 32, dtype=torch.float64)
    expected = scipy.signal.convolve2d(x[0, 0].numpy(), f.numpy(), mode="full")
    np.testing.assert_allclose(upfirdn2d(x, f, padding=31)[0, 0].numpy(), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"padding": 2}, {"padding": (2, 2, 2, 2)}),
        ({"padding": (3, 1)}, {"padding": (3, 3, 1, 1)}),
        ({"padding": [1, 2, 3, 4]}, {"padding": (1, 2, 3, 4)}),
        ({"padding": 2, "up": 3}, {"padding": 2, "up": (3, 3)}),
        ({"padding": 2, "down": 2}, {"padding": 2, "down": [2, 2]}),
    ],
)
def test_short_forms(short, long):
    x, f = torch.randn(1, 2, 6, 5), torch.randn(3, 4)
    assert torch.equal(upfirdn2d(x, f, **short), upfirdn2d(x, f, **long))


def test_x_is_horizontal():
    x, f = torch.randn(1, 1, 6, 5), torch.ones(1, 1)
    assert upfirdn2d(x, f, up=(2, 1)).shape == (1, 1, 6, 10)
    assert upfirdn2d(x, f, down=(1, 2)).shape == (1, 1, 3, 5)
    assert upfirdn2d(x, f, padding=(1, 1, 0, 0)).shape == (1, 1, 6, 7)


def test_negative_padding_crops():
    x = torch.randn(1, 2, 6, 5)
    assert torch.equal(upfirdn2d(x, None, padding=(-1, 0, -2, -1)), x[:, :, 2:5, 1:])


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("up", "down"), [((2, 3), (1, 1)), ((1, 1), (2, 3)), ((3, 2), (2, 3))])
def test_separable_filter_equals_outer_product(up, down, flip):
    x, f = torch.randn(2, 3, 8, 9, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    args = {"up": up, "down": down, "padding": (4, 3, -1, 6), "flip_filter": flip, "gain": 2.5}
    torch.testing.assert_close(upfirdn2d(x, f, **args), upfirdn2d(x, torch.outer(f, f), **args))


def test_no_filter_is_the_identity():
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(upfirdn2d(x, None), x)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_numerical_derivatives(geometry):
    up, down, padding, taps = geometry
    x = torch.randn(1, 2, 5, 7, dtype=torch.float64, requires_grad=True)
    f = torch.randn(taps, dtype=torch.float64)
    if x.shape[2] * up[1] + padding[2] + padding[3] < taps[0]:
        padding = (*padding[:2], padding[2] + taps[0], padding[3])

    def run(x):
        return upfirdn2d(x, f, up, down, padding, gain=0.7)

    assert gradcheck(run, x)
    assert gradgradcheck(run, x)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_gradients_equal_those_of_the_reference(geometry, flip):
    up, down, padding, taps = geometry
    f = torch.randn(taps, dtype=torch.float64)
    x0 = torch.randn(2, 3, 9, 7, dtype=torch.float64)

    def gradients(impl):
        x = x0.clone().requires_grad_()
        y = upfirdn2d(x, f, up, down, padding, flip_filter=flip, gain=1.3, impl=impl)
        (first,) = torch.autograd.grad(y.pow(3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.pow(2).sum(), x)
        return first.detach(), second

    torch.testing.assert_close(gradients("auto"), gradients("reference"))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_memory_format_is_kept(layout):
    x = torch.randn(2, 3, 9, 7).to(memory_format=layout).requires_grad_()
    y = upfirdn2d(x, torch.randn(4, 4), up=2, padding=(2, 1, 2, 1))
    (dx,) = torch.autograd.grad(y, x, torch.ones_like(y))
    assert y.is_contiguous(memory_format=layout)
    assert dx.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("view", [lambda x: x.flip(0)[:, :, 1:, :-1], lambda x: x.mT])
def test_other_strides(view):
    for layout in (torch.contiguous_format, torch.channels_last):
        x = view(torch.randn(2, 3, 9, 7).to(memory_format=layout))
        expected = upfirdn2d(x.clone(memory_format=torch.contiguous_format), torch.ones(2, 3))
        torch.testing.assert_close(upfirdn2d(x, torch.ones(2, 3)), expected)


def test_bfloat16_is_near_float32():
    x, f = torch.randn(2, 3, 9, 7), torch.rand(4, 4) / 8
    y = upfirdn2d(x.bfloat16(), f, up=2, padding=2, gain=4)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(
        y.float(), upfirdn2d(x, f, up=2, padding=2, gain=4), atol=0.06, rtol=0.02
    )


# opcheck itself looks at .grad of tensors that are no leaves
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("geometry", [GEOMETRIES[2], GEOMETRIES[5]])
def test_opcheck(geometry, layout):
    up, down, padding, taps = geometry
    x = torch.randn(2, 3, 9, 7).to(memory_format=layout).requires_grad_()
    args = (x, torch.randn(taps), up, down, padding, False, 1.5)
    torch.library.opcheck(torch.ops.stylegen.upfirdn2d.default, args)


def test_reference_trains_the_filter():
    f = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64)
    assert gradcheck(lambda f: upfirdn2d(x, f, up=2, padding=1, impl="reference"), f)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(3, 4, 4)}, "non-empty floating-point"),
        ({"x": torch.zeros(0, 3, 4, 4)}, "non-empty floating-point"),
        ({"x": torch.zeros(1, 3, 4, 4, dtype=torch.int32)}, "torch.int32"),
        ({"f": torch.zeros(1, 1, 1)}, "taps"),
        ({"f": torch.zeros(0)}, "taps"),
        ({"f": torch.ones(2, 2, dtype=torch.int64)}, "floating-point taps"),
        ({"f": torch.ones(2, 2, device="meta")}, "x is on cpu and f on meta"),
        ({"f": torch.ones(2, 2, requires_grad=True)}, "impl='reference'"),
        ({"up": 0}, "up is 0"),
        ({"up": (1, 2, 3)}, "up is"),
        ({"down": 1.5}, "down is 1.5"),
        ({"down": "22"}, "down is '22'"),
        ({"padding": (1, 2, 3)}, r"padding is \(1, 2, 3\)"),
        ({"padding": 0.5}, "padding is 0.5"),
        ({"f": torch.ones(5, 2)}, "height 4 .* smaller than the filter's 5 taps"),
        ({"f": torch.ones(9)}, "width 4 .* smaller than the filter's 9 taps"),
        ({"padding": (-5, 9, 0, 0)}, "cropped altogether"),
        ({"impl": "fast"}, "auto, reference, cpu, cuda"),
    ],
)
def test_errors(change, message):
    args = {"x": torch.zeros(1, 3, 4, 4), "f": torch.ones(2, 2)} | change
    with pytest.raises(InputError, match=message):
        upfirdn2d(**args)
