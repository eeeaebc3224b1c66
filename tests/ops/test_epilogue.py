"""epilogue against its equation in float64, in every implementation, layout and type."""

import importlib.util
import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from stylegen.errors import InputError
from stylegen.ops import epilogue

_spec = importlib.util.spec_from_file_location("grid", Path(__file__).with_name("grid.py"))
assert _spec is not None
assert _spec.loader is not None
grid: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(grid)
implementation = grid.implementation

ROOT2 = math.sqrt(2)
GAIN = {"linear": 1.0, "lrelu": ROOT2}
TERMS = list(itertools.product([False, True], [0, 1, "N"], [False, True]))  # scale, noise, b


def equation(x, scale=None, noise=None, b=None, act="linear", alpha=0.2, gain=None, clamp=None):
    """Compute what the module's head says, one operation after the other."""
    z = x if scale is None else x * scale[:, :, None, None]
    z = z if noise is None else z + noise
    z = z if b is None else z + b[:, None, None]
    a = z if act == "linear" else torch.where(z > 0, z, alpha * z)
    y = a * (GAIN[act] if gain is None else gain)
    return y if clamp is None else y.clip(-clamp, clamp)


def terms(shape, scale=True, noise="N", b=True, dtype=torch.float64):
    """Draw x and the terms that are wanted, with values that bfloat16 holds."""
    n, c, h, w = shape
    noises = n if noise == "N" else noise
    drawn = [
        torch.randn(shape),
        torch.randn(n, c) if scale else None,
        torch.randn(noises, 1, h, w) if noises else None,
        torch.randn(c) if b else None,
    ]
    return [None if t is None else t.bfloat16().to(dtype) for t in drawn]


def doubled(tensors):
    return [None if t is None else t.double() for t in tensors]


def wide(dtype):
    return torch.promote_types(dtype, torch.float32)


@pytest.mark.parametrize("dtype", grid.DTYPES, ids=str)
@pytest.mark.parametrize("layout", grid.LAYOUTS)
@pytest.mark.parametrize("shape", grid.SHAPES, ids=str)
def test_equals_the_equation(implementation, shape, layout, dtype):
    x, *rest = terms(shape)
    args = {"act": "lrelu", "alpha": 0.3, "gain": 1.25, "clamp": 1.5}
    expected = equation(x, *rest, **args)
    x = grid.LAYOUTS[layout](x.to(dtype))
    impl = grid.impl_for(implementation, dtype)
    y = epilogue(x, *(t.to(wide(dtype)) for t in rest), **args, impl=impl)
    assert y.dtype == dtype
    if implementation == "cpu" and dtype != torch.float16:
        grid.assert_rounded_once(y, expected, around=4)
    else:
        grid.assert_near(y, expected, around=4)
    if layout in ("contiguous", "channels_last"):
        assert grid.described(y) == grid.described(x)


@pytest.mark.parametrize("clamp", [None, 0.9])
@pytest.mark.parametrize("act", ["linear", "lrelu"])
@pytest.mark.parametrize(("scale", "noise", "b"), TERMS)
def test_any_terms_may_be_missing(implementation, scale, noise, b, act, clamp):
    for layout in (grid.DENSE["contiguous"], grid.DENSE["channels_last"]):
        given = terms((3, 5, 2, 3), scale, noise, b)
        y = epilogue(layout(given[0]), *given[1:], act=act, clamp=clamp, impl=implementation)
        grid.assert_exact(y, equation(*given, act=act, clamp=clamp))


def derivatives(run, given, dout):
    """First derivatives by all terms, and those of the sum of their squares."""
    given = [None if t is None else t.detach().requires_grad_() for t in given]
    present = [t for t in given if t is not None]
    out = run(*given)
    first = torch.autograd.grad(out, present, dout, create_graph=True)
    penalty = sum(t.square().sum() for t in first)
    second = [torch.zeros_like(t) for t in present]
    if penalty.requires_grad:
        found = torch.autograd.grad(penalty, present, allow_unused=True)
        second = [z if t is None else t for z, t in zip(second, found, strict=True)]
    return [t.detach() for t in first], second


@pytest.mark.parametrize("clamp", [None, 0.9])
@pytest.mark.parametrize("act", ["linear", "lrelu"])
@pytest.mark.parametrize("layout", grid.LAYOUTS)
def test_derivatives_equal_those_of_the_equation(implementation, layout, act, clamp):
    args = {"act": act, "gain": 1.3, "clamp": clamp}
    for scale, noise, b in TERMS:
        x, *rest = terms((3, 17, 2, 3), scale, noise, b)
        given = [grid.LAYOUTS[layout](x), *rest]
        dout = torch.randn(x.shape, dtype=torch.float64)
        actual = derivatives(lambda *t: epilogue(*t, **args, impl=implementation), given, dout)
        grid.assert_exact(actual, derivatives(lambda *t: equation(*t, **args), given, dout))


@pytest.mark.parametrize("shape", grid.SHAPES, ids=str)
def test_derivatives_of_all_shapes(implementation, shape):
    args = {"act": "lrelu", "clamp": 0.9}
    given, dout = terms(shape), torch.randn(shape, dtype=torch.float64)
    expected = derivatives(lambda *t: equation(*t, **args), given, dout)
    for layout in grid.DENSE.values():
        given = [layout(given[0]), *given[1:]]
        actual = derivatives(lambda *t: epilogue(*t, **args, impl=implementation), given, dout)
        grid.assert_exact(actual, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("noise", [1, "N"])
def test_gradients_are_summed_in_float32(layout, noise, dtype):
    """Of many terms: in bfloat16, a sum of so many would stand still."""
    grid.need_kernels()
    clamp, shape = 1.25, (3, 17, 40, 40)
    given = terms(shape, noise=noise)
    dout = torch.rand(shape).bfloat16().double()
    y = equation(*given, act="lrelu")
    dout[(y.abs() - clamp).abs() < 0.02] = 0  # which side of the clamp, rounding says
    low = [grid.LAYOUTS[layout](given[0].to(dtype)), *(t.float() for t in given[1:])]
    low = [t.detach().requires_grad_() for t in low]
    out = epilogue(*low, act="lrelu", clamp=clamp, impl="cpu")
    dx, *sums = torch.autograd.grad(out, low, dout.to(dtype))
    given = [t.requires_grad_() for t in given]
    expected = equation(*given, act="lrelu", clamp=clamp)
    expected_dx, *expected_sums = torch.autograd.grad(expected, given, dout)
    grid.assert_rounded_once(dx, expected_dx)
    for got, wanted in zip(sums, expected_sums, strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got.double(), wanted, rtol=1e-5, atol=1e-5 * wanted.abs().max())


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize(("scale", "noise", "b"), [(True, "N", True), (True, 1, False)])
def test_numerical_derivatives(implementation, scale, noise, b, layout):
    given = terms((2, 3, 2, 2), scale, noise, b)
    given[0] = grid.DENSE[layout](given[0])
    given = [None if t is None else t.requires_grad_() for t in given]

    def run(*t):
        return epilogue(*t, act="lrelu", alpha=0.3, gain=1.3, clamp=2.2, impl=implementation)

    assert gradcheck(run, given, fast_mode=True)
    assert gradgradcheck(run, given, fast_mode=True)


@pytest.mark.parametrize("clamp", [None, 2.0])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_what_is_no_number_stays_so(implementation, dtype, layout, clamp):
    odd = torch.tensor([math.nan, math.inf, -math.inf, -3e38, 3e38, -0.0, 1.0])
    x = grid.DENSE[layout](odd.repeat(2, 3, 7, 1).to(dtype)).requires_grad_()
    b = torch.tensor([0.5, math.nan, -math.inf], dtype=wide(dtype), requires_grad=True)
    y = epilogue(x, b=b, act="lrelu", gain=1.0, clamp=clamp, impl=implementation)
    x64, b64 = (t.detach().double().requires_grad_() for t in (x, b))
    expected = equation(x64, b=b64, act="lrelu", gain=1.0, clamp=clamp)
    expected = expected.to(dtype)  # what overflows in this type
    torch.testing.assert_close(y, expected, equal_nan=True, rtol=1 / 128, atol=0)
    (dx,), (wanted,) = (torch.autograd.grad(t.sum(), u) for t, u in ((y, x), (expected, x64)))
    number = ~y.isnan()  # at NaN, any slope will do
    torch.testing.assert_close(dx[number], wanted.to(dtype)[number])


def test_a_gradient_that_is_no_number_stays_so(implementation):
    x = torch.tensor([0.1, 0.2, -0.3]).reshape(1, 1, 1, 3).requires_grad_()
    dout = torch.tensor([math.nan, math.inf, -math.inf]).reshape(x.shape)
    y = epilogue(x, act="lrelu", gain=1.0, clamp=2.0, impl=implementation)
    (dx,) = torch.autograd.grad(y, x, dout)
    expected = [math.nan, math.inf, -math.inf]
    torch.testing.assert_close(dx.flatten(), torch.tensor(expected), equal_nan=True)


def test_terms_of_another_type_get_their_gradients_in_it(implementation):
    x = torch.randn(2, 3, 4, 5).bfloat16().requires_grad_()
    scale = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    noise = torch.zeros(1, 1, 4, 5, dtype=torch.bfloat16, requires_grad=True)
    b = torch.zeros(3, requires_grad=True)
    out = epilogue(x, scale, noise, b, impl=implementation)
    gradients = torch.autograd.grad(out.sum(), (x, scale, noise, b))
    assert [g.dtype for g in gradients] == [t.dtype for t in (x, scale, noise, b)]
    # all slopes are 1: sums of x, of 2 * 3 ones, and of 2 * 4 * 5 ones
    rounded = 0.1 if implementation == "reference" else 1e-5  # whose sum is rounded as x is
    expected = x.detach().double().sum([2, 3])
    torch.testing.assert_close(gradients[1], expected, rtol=0, atol=rounded)
    assert gradients[2].unique().item() == 6
    assert gradients[3].tolist() == [40, 40, 40]


def test_terms_may_be_expanded(implementation):
    x, _, noise, _ = terms((3, 5, 4, 2), noise=1)
    scale = torch.randn(3, 1, dtype=torch.float64).expand(3, 5)
    b = torch.randn(1, dtype=torch.float64).expand(5)
    x, noise = x[:1].expand(3, -1, -1, -1), noise[:, :, :, :1].expand(-1, -1, -1, 2)
    y = epilogue(x, scale, noise, b, act="lrelu", impl=implementation)
    grid.assert_exact(y, equation(x, scale, noise, b, act="lrelu"))
    assert y.is_contiguous()


def test_gradient_stops_at_the_clamp_in_low_precision(implementation):
    x = torch.tensor([5.0, 0.1], dtype=torch.bfloat16).reshape(1, 1, 1, 2).requires_grad_()
    y = epilogue(x, clamp=0.7, impl=implementation)  # 0.7 is above its own bfloat16
    (dx,) = torch.autograd.grad(y.sum(), x)
    assert dx.flatten().tolist() == [0, 1]


def test_output_is_never_the_input_itself():
    x = torch.randn(2, 3, 4, 5)
    y = epilogue(x)
    assert torch.equal(x, y)
    assert y.data_ptr() != x.data_ptr()


def test_only_what_is_wanted_is_kept():
    """Where the scale is frozen, x is not kept for its gradient."""
    x, scale, noise, b = terms((2, 3, 4, 5))
    y = epilogue(x.requires_grad_(), scale, noise, b, act="lrelu")
    saved = y.grad_fn.saved_tensors
    assert not any(t is not None and t.data_ptr() == x.data_ptr() for t in saved)
    (dx,) = torch.autograd.grad(y.sum(), x)
    slope = (y > 0).double() * 0.8 + 0.2
    grid.assert_exact(dx, slope * ROOT2 * scale[:, :, None, None])


@pytest.mark.parametrize("layout", grid.LAYOUTS)
@pytest.mark.parametrize("implementation", ["kernels", "torch"], indirect=True)
def test_results_are_as_the_compiler_expects(implementation, layout):
    x, *rest = terms((2, 3, 4, 5), dtype=torch.float32)
    x, args = grid.LAYOUTS[layout](x), ("lrelu", 0.2, 1.0, 0.5)
    ops = torch.ops.stylegen
    grid.assert_as_the_compiler_expects(lambda *t: ops.epilogue(*t, *args), x, *rest)
    backward = lambda *t: ops.epilogue_backward(*t, 2, True, *args)  # noqa: E731
    grid.assert_as_the_compiler_expects(backward, x, x, x, rest[0])
    backward = lambda *t: ops.epilogue_backward(*t, None, None, 0, False, *args)  # noqa: E731
    grid.assert_as_the_compiler_expects(backward, x, x)


# opcheck itself looks at .grad of tensors that are no leaves
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_opcheck():
    given = terms((2, 3, 4, 5), dtype=torch.float32)
    given[0] = given[0].contiguous(memory_format=torch.channels_last)
    x, scale, noise, b = (t.requires_grad_() for t in given)
    args = ("lrelu", 0.2, 1.3, 0.8)
    torch.library.opcheck(torch.ops.stylegen.epilogue.default, (x, scale, noise, b, *args))
    dout = torch.randn(2, 3, 4, 5, requires_grad=True)  # another layout than its partner's
    args = (dout, x.detach(), x, scale, 2, True, *args)
    torch.library.opcheck(torch.ops.stylegen.epilogue_backward.default, args)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(3, 4, 4)}, r"\(N, C, H, W\), not torch.float32 \(3, 4, 4\)"),
        ({"x": torch.zeros(2, 3, 4, 4, dtype=torch.int32)}, "not torch.int32"),
        ({"x": torch.zeros(0, 3, 4, 4)}, "empty"),
        ({"scale": torch.zeros(3)}, r"scale should have shape \(2, 3\), not \(3,\)"),
        ({"scale": torch.zeros(1, 3)}, r"scale should have shape \(2, 3\)"),
        ({"noise": torch.zeros(())}, r"noise should have shape \(2, 1, 4, 4\)"),
        ({"noise": torch.zeros(4, 4)}, r"noise should have shape \(2, 1, 4, 4\)"),
        ({"noise": torch.zeros(3, 1, 4, 4)}, r"noise should have shape \(2, 1, 4, 4\)"),
        ({"noise": torch.zeros(2, 3, 4, 4)}, r"noise should have shape \(2, 1, 4, 4\)"),
        ({"b": torch.zeros(4)}, r"b should have shape \(3,\), not \(4,\)"),
        ({"act": "swish"}, "wanted one of linear, lrelu"),
        ({"alpha": -1.0}, "alpha of at least 0"),
        ({"gain": 0.0}, "gain above 0"),
        ({"gain": -1.0}, "gain above 0"),
        ({"clamp": -0.5}, "clamp None or at least 0"),
        ({"impl": "fast"}, "auto, reference, cpu, cuda"),
        ({"impl": "cuda"}, "epilogue: impl='cuda' was asked for a tensor on cpu"),
    ],
)
def test_errors(change, message):
    with pytest.raises(InputError, match=message):
        epilogue(**{"x": torch.zeros(2, 3, 4, 4)} | change)


def test_kernels_asked_for_by_name_refuse_what_they_cannot():
    grid.need_kernels()
    with pytest.raises(InputError, match=r"has no code for torch\.float16"):
        epilogue(torch.zeros(1, 1, 2, 2).half(), impl="cpu")
