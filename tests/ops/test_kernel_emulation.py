"""The CUDA kernels' own code, run thread by thread on the host, against float64 references."""

import ctypes
import importlib.util
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.ops import ACTIVATIONS, bias_act, setup_filter, upfirdn2d

_spec = importlib.util.spec_from_file_location(
    "emulation", Path(__file__).with_name("emulation.py")
)
assert _spec is not None
assert _spec.loader is not None
emulation: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(emulation)
Guarded, to_write, run, close = (
    emulation.Guarded, emulation.to_write, emulation.run, emulation.close,
)  # fmt: skip
LAYOUTS = [torch.contiguous_format, torch.channels_last]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
layouts = pytest.mark.parametrize("layout", LAYOUTS, ids=["contiguous", "channels_last"])


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return emulation.build(tmp_path_factory.mktemp("emulation"))


@pytest.mark.parametrize("d", [1, 2, 3, 5, 7, 64, 85, 513, 4096, 65537, 2**30, 2**31 - 1])
def test_divisor(library, d):
    library.quotient.restype = ctypes.c_int64
    near = [k * d + e for k in (0, 1, 2, 1000, (2**31 - 1) // d) for e in (-1, 0, 1)]
    for n in (*near, 2**31 - 2, 2**31 - 1, 2**31, 2**32 + 7, 2**45 + 1):
        if n >= 0:
            assert library.quotient(ctypes.c_int64(n), ctypes.c_int64(d)) == n // d


SHAPES = [(1, 1, 1, 1), (2, 5, 3, 7), (2, 8, 3, 5), (3, 16, 4, 4), (1, 3, 33, 65), (2, 72, 9, 11)]


@pytest.mark.parametrize("clamp", [-1.0, 0.45])
@pytest.mark.parametrize("act", ["linear", "lrelu", "swish", "softplus"])
@pytest.mark.parametrize("with_bias", [False, True])
@layouts
@dtypes
def test_bias_act(library, dtype, layout, with_bias, act, clamp):
    rounded_clamp = torch.tensor(clamp, dtype=dtype).item()
    for shape, dim in itertools.product(SHAPES, (1, 3)):
        x, dy, ddx = torch.randn(3, *shape).to(dtype).unbind()
        x, dy, ddx = (t.contiguous(memory_format=layout) for t in (x, dy, ddx))
        b = torch.randn(shape[dim]).to(dtype) if with_bias else None
        wide = None if b is None else b.to(torch.promote_types(dtype, torch.float32))
        act_of = ACTIVATIONS[act]
        inner = x.stride(dim) if shape[dim] > 1 else 1
        call = emulation.BiasActCall(0.3, 1.3, clamp, inner, shape[dim], x.numel(), 0, act_of.code)
        inputs = [Guarded(t) for t in (wide, ddx, dy)]
        y = to_write(x)
        run(library, "bias_act", call, *inputs, Guarded(x), y, first=[0])
        bias = None if b is None else b.double()
        limit = None if clamp < 0 else rounded_clamp
        expected = bias_act(x.double(), bias, dim, act, 0.3, 1.3, limit, impl="reference")
        close(y.result(), expected, dtype)

        ref = y.result() if act_of.from_output else x
        dx, d = to_write(x), to_write(x)
        run(library, "bias_act", call, *inputs, Guarded(ref), dx, first=[1])
        call.blocks = 1  # goes on by itself
        run(library, "bias_act", call, *inputs, Guarded(ref), d, first=[2])
        shift = 0 if bias is None else bias.reshape([-1 if i == dim else 1 for i in range(4)])
        first, second = derivatives(act_of, dy.double(), ref.double(), shift, rounded_clamp)
        close(dx.result(), first, dtype)
        close(d.result(), ddx.double() * second, dtype)


def derivatives(act, dy, ref, shift, clamp, alpha=0.3, gain=1.3):
    """Return dx and the derivative of dx by ref: ACTIVATIONS' formulas, in float64."""
    point = ref / gain if act.from_output else ref + shift
    y = ref if act.from_output else gain * act.value(point, alpha)
    dz = dy * ((y.abs() < clamp) | (clamp < 0))
    curvature = torch.zeros_like(dy) if act.curvature is None else act.curvature(point, alpha)
    return dz * gain * act.slope(point, alpha), dz * curvature * (1 if act.from_output else gain)


FIR = setup_filter([1, 3, 3, 1], separable=False)
SKEW = torch.tensor([[1.0, 2, 3, 4], [-2, 0, 1, 5], [3, 1, -1, 0], [0, 2, 2, 1]]) / 10
# up, down, padding (x0, x1, y0, y1)
CASES = [
    (1, 1, (2, 1, 2, 1)),
    (1, 1, (1, 1, 1, 1)),
    (1, 1, (-1, 4, 3, -2)),
    (2, 1, (2, 1, 2, 1)),
    (2, 1, (3, 2, 1, 2)),
    (2, 1, (-1, 5, 0, -3)),
    (1, 2, (1, 1, 1, 1)),
    (1, 2, (2, 1, 0, -2)),
    (1, 2, (-3, 6, 4, 5)),
    (2, 2, (1, 2, 2, 1)),
]
PLANES = [(2, 3, 17, 19), (1, 8, 9, 40), (2, 32, 21, 13), (1, 72, 30, 14), (1, 1, 70, 131)]
PLANES += [(1, 24, 35, 33), (2, 5, 12, 12), (3, 160, 8, 12)]


@pytest.mark.parametrize("f", [FIR, SKEW], ids=["rank 1", "skew"])
@pytest.mark.parametrize("flip", [False, True])
@layouts
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_tiled_upfirdn2d(library, case, dtype, layout, flip, f):
    up, down, padding = case
    for shape in PLANES:
        check_upfirdn2d(library, shape, dtype, layout, f, (up, down, padding, flip))


def check_upfirdn2d(library, shape, dtype, layout, f, how):
    up, down, padding, flip = how
    x = torch.randn(shape).to(dtype).contiguous(memory_format=layout)
    axes = [(shape[3 - a], up, down, *padding[2 * a : 2 * a + 2], f.shape[1 - a]) for a in (0, 1)]
    x64, f64 = x.double(), f.double()
    expected = upfirdn2d(x64, f64, up, down, padding, flip, gain=1.7, impl="reference")
    call = emulation.FilterCall(
        1.7, *shape[:2], layout == LAYOUTS[1], flip, *((ctypes.c_int * 6)(*a) for a in axes)
    )
    like = expected.to(dtype).contiguous(memory_format=layout)
    y = to_write(like)
    wide = torch.promote_types(dtype, torch.float32)
    taken = run(library, "upfirdn2d", call, Guarded(x), Guarded(f.to(wide)), y)
    close(y.result(), expected, dtype)
    height, width = expected.shape[2:]
    tiled = (
        f.shape == (4, 4) and (up, down) in [(1, 1), (2, 1), (1, 2)] and height >= 8 and width >= 12
    )
    assert taken == (tiled and dtype != torch.float64)


@layouts
@dtypes
@pytest.mark.parametrize("taps", [(1, 1), (4, 4), (3, 5), (1, 12), (20, 20)])
def test_other_upfirdn2d(library, taps, dtype, layout):
    for how in [(1, 1, (9, 9, 9, 9), False), (3, 2, (9, 8, 11, 9), True)]:
        check_upfirdn2d(library, (2, 3, 11, 7), dtype, layout, torch.rand(taps) / 8, how)


def test_nan_outside_of_the_taps_stays_outside(library):
    x = torch.zeros(1, 4, 20, 20)
    x[:, :, 10, 10] = torch.nan
    for up, down in [(1, 1), (2, 1), (1, 2)]:
        y64 = upfirdn2d(x.double(), FIR.double(), up, down, 2, impl="reference")
        call = emulation.FilterCall(
            1, 1, 4, 0, 0, *2 * ((ctypes.c_int * 6)(20, up, down, 2, 2, 4),)
        )
        y = to_write(y64.float())
        function = library.upfirdn2d_float32
        f = Guarded(FIR)
        function(ctypes.byref(call), Guarded(x).pointer, f.pointer, y.pointer, ctypes.c_int(0))
        assert torch.equal(y.result().isnan(), y64.isnan())


def epilogue64(x, scale, noise, b, alpha, gain, clamp):
    z = x.double()
    z = z if scale is None else z * scale.double()[:, :, None, None]
    z = z if noise is None else z + noise.double()
    z = z if b is None else z + b.double()[:, None, None]
    y = gain * torch.where(z < 0, alpha * z, z)
    return y if clamp < 0 else y.clamp(-clamp, clamp)


def epilogue_case(shape, dtype, layout, terms, noise_batch):
    wide = torch.promote_types(dtype, torch.float32)
    n, c, h, w = shape
    x, dout = (torch.randn(shape).to(dtype).contiguous(memory_format=layout) for _ in range(2))
    scale = torch.rand(n, c).to(wide) + 0.5 if "scale" in terms else None
    noise = torch.randn(noise_batch, 1, h, w).to(wide) if "noise" in terms else None
    return x, dout, scale, noise, torch.randn(c).to(wide) if "b" in terms else None


EPILOGUES = [
    (1, 1, 1, 1),
    (2, 5, 3, 7),
    (3, 8, 5, 4),
    (2, 16, 8, 8),
    (1, 72, 9, 11),
    (2, 3, 33, 31),
]
EPILOGUES += [(2, 1, 20, 26), (1, 520, 4, 4), (5, 7, 1, 2), (1, 1031, 3, 3)]


@pytest.mark.parametrize("act", ["linear", "lrelu"])
@pytest.mark.parametrize("clamp", [-1.0, 0.75])
@pytest.mark.parametrize(
    "terms", [(), ("scale", "noise", "b"), ("noise",), ("scale", "b")], ids=str
)
@layouts
@dtypes
def test_epilogue(library, dtype, layout, terms, clamp, act):
    alpha = 0.3 if act == "lrelu" else 1.0
    for shape, per_sample in itertools.product(EPILOGUES, (False, True)):
        noises = shape[0] if per_sample else 1
        x, dout, scale, noise, b = epilogue_case(shape, dtype, layout, terms, noises)
        code, last = ACTIVATIONS[act].code, layout == LAYOUTS[1]
        call = emulation.EpilogueCall(0.3, 1.3, clamp, *shape, code, last, noises > 1)
        out = to_write(x)
        given = [Guarded(t) for t in (scale, noise, b)]
        run(library, "epilogue", call, Guarded(x), *given, out)
        close(out.result(), epilogue64(x, scale, noise, b, alpha, 1.3, clamp), dtype)
        check_epilogue_backward(library, call, (x, dout, scale, out.result()), alpha, clamp)


def check_epilogue_backward(library, call, tensors, alpha, clamp):
    """Compare with the sums in float64, from the very output that was saved."""
    x, dout, scale, out = tensors
    n, c, h, w = x.shape
    wide = torch.promote_types(x.dtype, torch.float32)
    slope = torch.full_like(out, alpha, dtype=torch.float64).masked_fill_(out > 0, 1)
    dz = dout.double() * 1.3 * slope
    dz *= (out.abs() < clamp) | (clamp < 0)
    out = Guarded(out.contiguous(memory_format=LAYOUTS[1] if call.last else LAYOUTS[0]))
    dx, dscale, dnoise, db = (
        to_write(x),
        *(to_write(torch.empty(size, dtype=wide)) for size in ((n, c), (n, h, w), (n, c))),
    )
    if scale is None:  # no dscale either
        x, dscale = None, Guarded(None)
    args = (Guarded(dout), out, Guarded(x), Guarded(scale), dx, dscale, dnoise, db)
    run(library, "epilogue_backward", call, *args)
    factor = 1 if scale is None else scale.double()[:, :, None, None]
    close(dx.result(), dz * factor, dout.dtype)
    close(dnoise.result(), dz.sum(1), wide, 100)
    close(db.result(), dz.sum([2, 3]), wide, 100)
    if scale is not None:
        close(dscale.result(), (dz * x.double()).sum([2, 3]), wide, 100)


@layouts
def test_epilogue_backward_of_many_pieces(library, layout):
    """So many chunks of rows that a block takes several of them."""
    for shape in [(1, 4, 330, 240), (2, 2100, 8, 8), (600, 4, 12, 12)]:
        x, dout, scale, noise, _ = epilogue_case(shape, torch.float32, layout, ("scale",), 1)
        call = emulation.EpilogueCall(
            0.3, 1.3, -1, *shape, ACTIVATIONS["lrelu"].code, layout == LAYOUTS[1], 0
        )
        out = epilogue64(x, scale, noise, None, 0.3, 1.3, -1).float()
        check_epilogue_backward(library, call, (x, dout, scale, out), 0.3, -1)
