"""Modulated and resampled convolutions against per-sample weights and explicit resampling."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from stylegen.errors import InputError
from stylegen.ops import (
    PreparedWeight,
    conv2d_down,
    conv2d_up,
    modulated_conv2d,
    setup_filter,
    upfirdn2d,
)

_spec = importlib.util.spec_from_file_location("grid", Path(__file__).with_name("grid.py"))
assert _spec is not None
assert _spec.loader is not None
grid: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(grid)
implementation = grid.implementation

N, I, O = 3, 4, 5  # noqa: E741


def inputs(k=3, size=(6, 7), dtype=torch.float64):
    x = torch.randn(N, I, *size, dtype=dtype)
    return x, torch.randn(O, I, k, k, dtype=dtype), torch.randn(N, I, dtype=dtype) + 1


def one_convolution_per_sample(x, weight, styles, demodulate, **args):
    """Equations 1 and 3 of the paper as they stand, by a grouped convolution."""
    w = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        w = w / (w.square().sum([2, 3, 4], keepdim=True) + 1e-8).sqrt()
    y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), w.flatten(0, 1), groups=len(x), **args)
    return y.reshape(len(x), -1, *y.shape[2:])


@pytest.mark.parametrize("case", range(3))
def test_official_outputs(official, case):
    args, t = official(f"modulated_conv2d.{case}")
    k = t["w"].shape[-1]
    y = modulated_conv2d(
        t["x"], t["w"], t["s"], padding=k // 2, resample_filter=setup_filter(), **args
    )
    torch.testing.assert_close(y, t["y"], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_one_convolution_per_sample(k, demodulate):
    x, weight, styles = inputs(k)
    noise = torch.randn(N, 1, 6, 7, dtype=x.dtype)
    y = modulated_conv2d(x, weight, styles, noise, demodulate=demodulate)
    expected = one_convolution_per_sample(x, weight, styles, demodulate, padding=k // 2)
    torch.testing.assert_close(y, expected + noise)


@pytest.mark.parametrize("k", [1, 3])
def test_up_equals_insert_zeros_filter_and_convolve(k):
    x, weight, styles = inputs(k)
    f = setup_filter().double()
    u = upfirdn2d(x, f, up=2, padding=(2, 1, 2, 1), gain=4, impl="reference")
    w = weight.flip([2, 3])  # the transposed convolution's weight
    expected = one_convolution_per_sample(u, w, styles, True, padding=k // 2)
    y = modulated_conv2d(x, weight, styles, up=2, resample_filter=f)
    assert y.shape == (N, O, 12, 14)
    # towards the border the filtered image goes on, where the expected one is padded with zeros
    torch.testing.assert_close(y[:, :, 3:-3, 3:-3], expected[:, :, 3:-3, 3:-3])


@pytest.mark.parametrize("up", [1, 2])
def test_flip_weight(up):
    x, weight, styles = inputs()
    args = {"up": up, "resample_filter": setup_filter().double()}
    turned = modulated_conv2d(x, weight.flip([2, 3]), styles, flip_weight=True, **args)
    torch.testing.assert_close(
        turned, modulated_conv2d(x, weight, styles, flip_weight=False, **args)
    )
    usual = modulated_conv2d(x, weight, styles, **args)
    torch.testing.assert_close(
        usual, modulated_conv2d(x, weight, styles, flip_weight=up == 1, **args)
    )


@pytest.mark.parametrize("up", [1, 2])
def test_numerical_derivatives(up):
    x, weight, styles = (t.requires_grad_() for t in inputs(size=(3, 2)))
    f = setup_filter().double()

    def run(x, weight, styles):
        return modulated_conv2d(x, weight, styles, up=up, resample_filter=f)

    assert torch.autograd.gradcheck(run, (x, weight, styles), fast_mode=True)
    assert torch.autograd.gradgradcheck(run, (x, weight, styles), fast_mode=True)


def test_float16_does_not_overflow():
    x, weight, styles = inputs(dtype=torch.float32)
    scale = 2000  # the energy of the weights is beyond float16
    y = modulated_conv2d(x.half(), weight * scale, styles * scale)
    expected = one_convolution_per_sample(x, weight, styles, True, padding=1)
    assert y.dtype == torch.float16
    torch.testing.assert_close(y.float(), expected, atol=0.02, rtol=0.02)


def test_memory_format_is_kept():
    x, weight, styles = inputs(dtype=torch.float32)
    x = x.to(memory_format=torch.channels_last)
    y = modulated_conv2d(x, weight, styles, up=2, resample_filter=setup_filter())
    assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "change",
    [
        {"x": torch.zeros(3)},
        {"weight": torch.zeros(5, 3, 3, 3)},
        {"weight": torch.zeros(4, 4)},
        {"styles": torch.zeros(2, 4)},
    ],
)
def test_shapes_that_do_not_fit(change):
    args = {"x": torch.zeros(3, 4, 6, 6), "weight": torch.zeros(5, 4, 3, 3)}
    with pytest.raises(InputError, match="do not fit"):
        modulated_conv2d(**{**args, "styles": torch.zeros(3, 4)} | change)


def activated(y, noise, b, act, gain, clamp):
    y = y if noise is None else y + noise
    y = y if b is None else y + b[:, None, None]
    y = gain * (torch.where(y > 0, y, 0.2 * y) if act == "lrelu" else y)
    return y if clamp is None else y.clip(-clamp, clamp)


@pytest.mark.parametrize("layout", grid.LAYOUTS)
@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("k", [1, 3])
def test_activates_what_it_convolves(implementation, k, demodulate, layout):
    x, weight, styles = inputs(k)
    noises = {
        "none": None, "(H, W)": torch.randn(6, 7), "(1, 1, H, W)": torch.randn(1, 1, 6, 7),
        "(N, 1, H, W)": torch.randn(N, 1, 6, 7),
    }  # fmt: skip
    b = torch.randn(O).double()
    convolved = one_convolution_per_sample(x, weight, styles, demodulate, padding=k // 2)
    for noise in noises.values():
        noise = None if noise is None else noise.double()
        for args in (("linear", 1.0, None), ("lrelu", 1.5, 1.2)):
            named = dict(zip(("act", "gain", "clamp"), args, strict=True))
            given = grid.LAYOUTS[layout](x)
            y = modulated_conv2d(
                given, weight, styles, noise, b, demodulate=demodulate, impl=implementation, **named
            )
            grid.assert_exact(y, activated(convolved, noise, b, *args))


@pytest.mark.parametrize(("k", "up"), [(1, 1), (3, 1), (3, 2)])
def test_derivatives_by_everything(implementation, k, up):
    f = setup_filter().double()
    x, weight, styles = inputs(k, size=(3, 2))
    noise, b = torch.randn(N, 1, 3 * up, 2 * up).double(), torch.randn(O).double()
    given = [t.requires_grad_() for t in (x, weight, styles, noise, b)]

    def run(*given):
        return modulated_conv2d(
            *given, up=up, resample_filter=f, act="lrelu", clamp=2.5, impl=implementation
        )

    assert torch.autograd.gradcheck(run, given, fast_mode=True)
    assert torch.autograd.gradgradcheck(run, given, fast_mode=True)


@pytest.mark.parametrize("up", [1, 2])
def test_second_derivatives_equal_those_of_the_reference(up):
    f, b = setup_filter().double(), torch.randn(O).double()
    drawn, dy = inputs(), torch.randn(N, O, 6 * up, 7 * up).double()

    def gradients(impl):
        given = [t.detach().requires_grad_() for t in (*drawn, b)]
        y = modulated_conv2d(
            *given[:3], b=given[3], up=up, resample_filter=f, act="lrelu", clamp=2.0, impl=impl
        )
        first = torch.autograd.grad(y, given, dy, create_graph=True)
        penalty = sum(t.square().sum() for t in first)
        return [t.detach() for t in first], torch.autograd.grad(penalty, given[:3])

    grid.assert_exact(gradients("auto"), gradients("reference"), tolerance=1e-8)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize(
    "dtypes",  # of x, weight and styles
    [
        (torch.bfloat16, torch.bfloat16, torch.bfloat16),
        (torch.bfloat16, torch.float32, torch.float32),
        (torch.bfloat16, torch.float32, torch.bfloat16),
        (torch.float32, torch.float32, torch.float64),
        (torch.float32, torch.float64, torch.float64),
        (torch.float16, torch.float32, torch.float32),
    ],
    ids=str,
)
def test_the_result_has_the_type_of_x(implementation, dtypes, demodulate):
    given = inputs()
    expected = one_convolution_per_sample(*given, demodulate, padding=1)
    given = [t.to(dtype) for t, dtype in zip(given, dtypes, strict=True)]
    impl = grid.impl_for(implementation, dtypes[0])
    y = modulated_conv2d(*given, demodulate=demodulate, impl=impl)
    assert y.dtype == dtypes[0]
    error = (y.double() - expected).abs().max() / expected.abs().max()
    assert error < (1e-5 if dtypes[0] == torch.float32 else 0.03)


@pytest.mark.parametrize("k", [1, 3])
def test_conv2d_down_equals_filter_convolve_and_subsample(k):
    x, weight, _ = inputs(k, size=(8, 6))
    f = setup_filter().double()
    y = conv2d_down(x, weight, f, padding=k // 2)
    around = F.pad(x, [k // 2 + 1, k // 2 + 1] * 2)
    filtered = upfirdn2d(around, f, padding=0, impl="reference")
    expected = F.conv2d(filtered, weight)[:, :, ::2, ::2]
    torch.testing.assert_close(y, expected)
    assert y.shape == (N, O, 4, 3)


@pytest.mark.parametrize("k", [1, 3, 4])
@pytest.mark.parametrize("taps", [[1, 1], [1, 2, 1], [1, 3, 3, 1], [1, 4, 6, 4, 1]])
def test_conv2d_up_equals_its_definition(k, taps):
    x, weight, _ = inputs(k)
    f = setup_filter(taps).double()
    fw, p = len(taps), k // 2
    around = ((fw + 1) // 2 + p, (fw - 2) // 2 + p) * 2
    u = upfirdn2d(x, f, up=2, padding=around, gain=4, impl="reference")
    expected = F.conv2d(u, weight.flip([2, 3]))
    torch.testing.assert_close(conv2d_up(x, weight, f, padding=p), expected)


def test_half_precision_sees_new_weights_through_what_is_kept():
    """Its weights are normalised first, into memory that the next call may use again."""
    prepare = PreparedWeight()
    x, styles = torch.randn(1, 4, 5, 5).half(), torch.rand(1, 4) + 0.5
    w = torch.randn(3, 4, 3, 3)
    for _ in range(40):
        w.copy_(torch.randn_like(w))
        kept = modulated_conv2d(x, w, styles, prepare=prepare)
        assert torch.equal(kept, modulated_conv2d(x, w, styles))
