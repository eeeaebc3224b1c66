"""Each device's own code, in every type and layout, against the reference in float64.

On the CPU this rehearses what the `gpu` tests ask of the compiled kernels.
"""

import pytest
import torch

from stylegen.ops import ACTIVATIONS, bias_act, build, setup_filter, upfirdn2d
from stylegen.ops.epilogue import epilogue
from tests.ops import grid

pytestmark = [
    pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]),
    pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last]),
    pytest.mark.parametrize(
        "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
    ),
]
EPS = {dtype: torch.finfo(dtype).eps for dtype in (torch.float64, torch.float32, torch.float16)}
EPS[torch.bfloat16] = torch.finfo(torch.bfloat16).eps

# size (height, width), up, down, padding, taps (height, width)
GEOMETRIES = [
    ((16, 16), (2, 2), (1, 1), (2, 1, 2, 1), (4, 4)),
    ((16, 16), (1, 1), (2, 2), (1, 1, 1, 1), (4, 4)),
    ((17, 15), (1, 1), (1, 1), (2, 1, 2, 1), (4, 4)),
    ((9, 7), (3, 2), (2, 3), (-1, 4, 5, -2), (2, 5)),
    ((9, 7), (2, 1), (1, 3), (3, -1, 0, 2), (1, 6)),
    ((40, 33), (1, 1), (1, 1), (16, 15, 15, 16), (32, 32)),
    ((1, 1), (4, 4), (1, 1), (1, 1, 1, 1), (3, 3)),
]


def derivatives(run, x, weight):
    """Output, gradient, and the gradient of a squared gradient."""
    x = x.detach().requires_grad_()
    y = run(x)
    (first,) = torch.autograd.grad((y * weight * y).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    return y.detach(), first.detach(), second


def assert_near(actual, expected, dtype, keep=...):
    """Compare to a few roundings of the largest value."""
    for got, wanted in zip(actual, expected, strict=True):
        assert got.dtype == dtype
        scale = wanted.abs().max().item() + 1e-3
        torch.testing.assert_close(
            got.cpu().double()[keep], wanted[keep], atol=30 * EPS[dtype] * scale, rtol=0
        )


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("channels", [1, 5])
def test_upfirdn2d(device, layout, dtype, geometry, flip, channels):
    size, up, down, padding, taps = geometry
    f = torch.rand(taps, dtype=torch.float64) / (taps[0] * taps[1])
    f = f if dtype == torch.float64 else f.to(dtype).float()
    x = torch.randn(2, channels, *size).to(dtype).to(memory_format=layout)
    args = {"up": up, "down": down, "padding": padding, "flip_filter": flip, "gain": 1.5}
    expected_y = upfirdn2d(x.double(), f.double(), impl="reference", **args)
    weight = torch.rand(expected_y.shape).to(dtype)

    on = {"device": device, "memory_format": layout}
    actual = derivatives(
        lambda x: upfirdn2d(x, f.to(device), impl=grid.impl_for(device, dtype), **args),
        x.to(**on),
        weight.to(device),
    )
    expected = derivatives(
        lambda x: upfirdn2d(x, f.double(), impl="reference", **args), x.double(), weight.double()
    )
    assert_near(actual, expected, dtype)
    if size != (1, 1):  # one pixel has both layouts
        assert all(t.is_contiguous(memory_format=layout) for t in actual[:2])


# up, down, padding; height, width, channels: around whole tiles and vectors
RESAMPLINGS = [
    (1, 1, (2, 1, 2, 1)),
    (2, 1, (2, 1, 2, 1)),
    (1, 2, (1, 1, 1, 1)),
    (2, 1, (1, 3, 3, 2)),
]
PLANES = [(33, 65, 1), (17, 31, 3), (24, 40, 8), (20, 13, 72)]


@pytest.mark.parametrize("f", ["rank 1", "any"])
@pytest.mark.parametrize("resampling", RESAMPLINGS)
def test_4x4_taps(device, layout, dtype, resampling, f):
    taps = setup_filter([1, 3, 3, 1]) if f == "rank 1" else torch.rand(4, 4).to(dtype).float() / 8
    taps = taps.double() if dtype == torch.float64 else taps
    up, down, padding = resampling
    args = {"up": up, "down": down, "padding": padding, "gain": up**2}
    for h, w, c in PLANES:
        x = torch.randn(2, c, h, w).to(dtype).to(memory_format=layout)

        def run(x, f, impl):
            return upfirdn2d(x, f, impl=impl, **args)

        weight = torch.rand_like(run(x.double(), taps.double(), "reference"))
        expected = derivatives(
            lambda x: run(x, taps.double(), "reference"),
            x.double(),
            weight.to(dtype).double(),
        )
        x, weight = x.to(device=device, memory_format=layout), weight.to(device, dtype)
        actual = derivatives(
            lambda x: run(x, taps.to(device), grid.impl_for(device, dtype)), x, weight
        )
        assert_near(actual, expected, dtype)


@pytest.mark.parametrize("clamp", [None, 0.8])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_bias_act(device, layout, dtype, act, with_bias, clamp):
    x = torch.randn(2, 5, 7, 9).to(dtype).to(memory_format=layout)
    b = torch.randn(5).to(dtype) if with_bias else None
    weight = torch.rand(x.shape).to(dtype).to(memory_format=layout)

    def run(x, impl):
        bias = None if b is None else b.to(x)
        return bias_act(x, bias, act=act, gain=1.3, clamp=clamp, impl=impl)

    on = {"device": device, "memory_format": layout}
    actual = derivatives(
        lambda x: run(x, grid.impl_for(device, dtype)), x.to(**on), weight.to(**on)
    )
    expected = derivatives(lambda x: run(x, "reference"), x.double(), weight.double())
    keep = ...
    if clamp is not None:  # a value that rounds to the clamp may be seen on either side of it
        free = bias_act(x.double(), None if b is None else b.double(), act=act, gain=1.3)
        keep = (free.abs() - clamp).abs() > 8 * EPS[dtype]
    assert_near(actual, expected, dtype, keep)
    assert all(t.is_contiguous(memory_format=layout) for t in actual)


def epilogue_derivatives(x, terms, weight, impl):
    """Output, gradients by x and its terms, and those of the squared gradients, by x and scale."""
    inputs = [t if t is None else t.detach().requires_grad_() for t in (x, *terms)]
    y = epilogue(*inputs, act="lrelu", gain=1.3, impl=impl)
    by = [t for t in inputs if t is not None]
    first = torch.autograd.grad((y * weight * y).sum(), by, create_graph=True)
    penalty = sum(g.double().square().sum() for g in first)
    second = torch.autograd.grad(penalty, [t for t in inputs[:2] if t is not None])
    return [t.detach() for t in (y, *first, *second)]


@pytest.mark.parametrize("which", ["", "s", "n", "sb", "snb", "sNb"], ids=str)
@pytest.mark.parametrize("shape", [(2, 5, 7, 9), (3, 16, 9, 4), (2, 3, 34, 33)], ids=str)
def test_epilogue(device, layout, dtype, which, shape):
    if device == "cpu" and dtype == torch.float16:
        pytest.skip("there are no CPU kernels for float16")
    n, c, h, w = shape
    wide = torch.promote_types(dtype, torch.float32)
    x, weight = (torch.randn(shape).to(dtype).to(memory_format=layout) for _ in range(2))
    scale = torch.rand(n, c) + 0.5 if "s" in which else None
    noise = torch.randn(n if "N" in which else 1, 1, h, w) if "n" in which.lower() else None
    terms = [scale, noise, torch.randn(c) if "b" in which else None]
    terms64 = [t if t is None else t.double() for t in terms]
    expected = epilogue_derivatives(x.double(), terms64, weight.double(), "reference")
    on = {"device": device, "memory_format": layout}
    terms = [t if t is None else t.to(device, wide) for t in terms]
    actual = epilogue_derivatives(x.to(**on), terms, weight.to(**on), device)
    for got, wanted in zip(actual, expected, strict=True):
        within = 30 * EPS[dtype] * (wanted.abs().max().item() + 1e-3)
        torch.testing.assert_close(got.cpu().double(), wanted, atol=within, rtol=0)
    assert actual[0].is_contiguous(memory_format=layout)
    assert actual[1].is_contiguous(memory_format=layout)


@pytest.mark.parametrize("act", ["lrelu", "swish"])
@pytest.mark.parametrize("dim", [0, 1, 3])
def test_gradient_of_the_bias(device, layout, dtype, act, dim):
    x = torch.rand(3, 4, 2, 5).to(dtype).to(memory_format=layout)
    b = torch.rand(x.shape[dim]).to(dtype)

    def gradient(x, b, impl):
        b = b.detach().requires_grad_()
        return torch.autograd.grad(bias_act(x, b, dim, act, impl=impl).square().sum(), b)

    actual = gradient(x.to(device), b.to(device), grid.impl_for(device, dtype))
    assert_near(actual, gradient(x.double(), b.double(), "reference"), dtype)


def test_strided_input(device, layout, dtype):
    x = torch.randn(3, 5, 9, 8).to(dtype).to(device=device, memory_format=layout)[:, ::2, 1:, :-1]
    b, f = torch.randn(3).to(x), torch.rand(3, 3, device=device) / 9
    plain = x.cpu().double().contiguous()
    y = bias_act(x, b, act="swish", impl=grid.impl_for(device, dtype))
    assert_near([y], [bias_act(plain, b.cpu().double(), act="swish", impl="reference")], dtype)
    y = upfirdn2d(x, f, impl=grid.impl_for(device, dtype))
    assert_near([y], [upfirdn2d(plain, f.cpu().double(), impl="reference")], dtype)


def test_numerical_derivatives(device, layout, dtype):
    if dtype != torch.float64:
        pytest.skip("numerical derivatives need float64")
    x = torch.randn(1, 2, 5, 3, device=device, dtype=dtype).to(memory_format=layout)
    x, b = x.requires_grad_(), torch.randn(2, device=device, dtype=dtype, requires_grad=True)
    f = torch.randn(3, 2, device=device, dtype=dtype)

    def run(x, b):
        return bias_act(
            upfirdn2d(x, f, up=2, padding=1, impl=grid.impl_for(device, dtype)),
            b,
            act="swish",
            impl=grid.impl_for(device, dtype),
        )

    assert torch.autograd.gradcheck(run, (x, b), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (x, b), fast_mode=True)


@pytest.mark.parametrize("name", ["upfirdn2d", "bias_act"])
def test_current_stream(device, layout, dtype, name):
    if device == "cpu":
        pytest.skip("streams are a matter of GPUs")
    assert hasattr(build.kernels("cuda"), name)
    run = {
        "bias_act": lambda x, impl: bias_act(x, act="lrelu", impl=impl),
        "upfirdn2d": lambda x, impl: upfirdn2d(x, None, impl=impl),
    }[name]
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        x = torch.randn(2, 3, 512, 512, device=device).to(dtype).to(memory_format=layout)
        y = run(x, grid.impl_for(device, dtype)) * 2
    stream.synchronize()
    assert_near([y], [2 * run(x.cpu().double(), "reference")], dtype)
