"""Scaled weights and their energy against their equations in float64, and what is kept of them."""

import importlib.util
import itertools
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from stylegen.errors import InputError
from stylegen.ops import PreparedWeight, modulated_conv2d, scaled_weight
from stylegen.ops.weights import weight_and_energy

_spec = importlib.util.spec_from_file_location("grid", Path(__file__).with_name("grid.py"))
assert _spec is not None
assert _spec.loader is not None
grid: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(grid)
implementation = grid.implementation

MODULE = sys.modules["stylegen.ops.weights"]
# O, I, k: one channel, one tap, channels around the widths of vectors
SHAPES = [
    (1, 1, 1),
    (1, 5, 3),
    (5, 1, 3),
    (3, 15, 1),
    (16, 17, 3),
    (33, 7, 2),
    (2, 64, 3),
    (65, 3, 5),
]
LAYOUTS = {
    "contiguous": lambda w: w.contiguous(),
    "channels_last": lambda w: w.contiguous(memory_format=torch.channels_last),
    "exchanged": lambda w: LAYOUTS["channels_last"](w.transpose(0, 1)).transpose(0, 1),
    "sliced": grid.LAYOUTS["sliced"],
    "expanded": lambda w: w[:1].expand_as(w),
}


def weights(o=4, i=3, k=3, dtype=torch.float64):
    """Draw weights that bfloat16 holds."""
    return torch.randn(o, i, k, k).bfloat16().to(dtype)


def in_layout(layout, shape, dtype=torch.float64):
    return LAYOUTS[layout](weights(*shape, dtype))


def check(w, dtype, impl):
    """Check values, types and the gradient, and that nothing was computed in less than ``w``."""
    w = w.detach().requires_grad_()
    exact = w.detach().double()
    scaled = scaled_weight(w, 0.3, dtype, impl=impl)
    to, energy = weight_and_energy(w, dtype, impl=impl)
    assert (scaled.dtype, to.dtype, energy.dtype) == (dtype, dtype, w.dtype)
    assert torch.equal(to.double(), exact)  # the test's weights are narrow enough
    eps = torch.finfo(w.dtype).eps
    rounded = max(eps, torch.finfo(dtype).eps)
    torch.testing.assert_close(scaled.double(), 0.3 * exact, rtol=rounded, atol=0)
    torch.testing.assert_close(energy.double(), exact.square().sum([2, 3]), rtol=4 * eps, atol=0)
    (dw,) = torch.autograd.grad((to.double() * 2).sum() + (energy.double() * 3).sum(), w)
    torch.testing.assert_close(dw.double(), 2 + 6 * exact, rtol=4 * eps, atol=4 * eps)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equal_their_equations(implementation, shape, layout):
    for wide, narrow in [
        *itertools.product([torch.float32], [torch.float32, torch.bfloat16, torch.float16]),
        (torch.float64, torch.float64),
    ]:
        check(in_layout(layout, shape, wide), narrow, implementation)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "exchanged"])
def test_wide_weights_are_narrowed_and_widened(implementation, layout):
    for wide, narrow in [
        *itertools.product([torch.float64], [torch.float32, torch.bfloat16, torch.float16]),
        (torch.float32, torch.float64),
    ]:
        check(in_layout(layout, (17, 16, 3), wide), narrow, implementation)


def derivatives(run, w, cotangents):
    """First derivative by w, and the derivatives of its square by w and by the cotangents."""
    w = w.detach().requires_grad_()
    cotangents = [t.detach().requires_grad_() for t in cotangents]
    (dw,) = torch.autograd.grad(run(w), w, cotangents, create_graph=True)
    second = torch.autograd.grad(dw.square().sum(), (w, *cotangents), allow_unused=True)
    return dw.detach(), *(t for t in second if t is not None)


def equations(w):
    return 0.3 * w, w.square().sum([2, 3])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_derivatives_equal_those_of_the_equations(implementation, shape, layout):
    w = in_layout(layout, shape)
    dscaled, denergy = torch.randn_like(w), torch.randn(shape[:2], dtype=w.dtype)

    def run(w):
        if implementation == "reference":
            return equations(w)
        return torch.ops.stylegen.weights(w, 0.3, w.dtype, True)

    actual = derivatives(run, w, [dscaled, denergy])
    grid.assert_exact(actual, derivatives(equations, w, [dscaled, denergy]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "exchanged"])
def test_gradients_of_narrow_weights_are_wide(implementation, layout, dtype):
    w = in_layout(layout, (17, 16, 3), torch.float32).requires_grad_()
    to, energy = weight_and_energy(w, dtype, impl=implementation)
    dto, denergy = torch.randn_like(to), torch.randn_like(energy)
    (dw,) = torch.autograd.grad((to, energy), w, (dto, denergy))
    expected = dto.double() + 2 * w.detach().double() * denergy.double()[:, :, None, None]
    assert dw.dtype == torch.float32
    torch.testing.assert_close(dw.double(), expected, rtol=1e-6, atol=1e-5)
    (dw,) = torch.autograd.grad(scaled_weight(w, 0.3, dtype, impl=implementation), w, dto)
    torch.testing.assert_close(dw.double(), 0.3 * dto.double(), rtol=1 / 256, atol=0)


def test_weights_in_low_precision_are_taken_as_they_are(implementation):
    """As those of a network that was cast as a whole."""
    w = weights().bfloat16()
    scaled = scaled_weight(w, 0.5, torch.bfloat16, impl=implementation)
    assert torch.equal(scaled.double(), 0.5 * w.double())
    _, energy = weight_and_energy(w, torch.bfloat16, impl=implementation)
    grid.assert_near(energy, w.double().square().sum([2, 3]), around=10)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "exchanged"])
def test_numerical_derivatives(implementation, layout):
    w = in_layout(layout, (2, 3, 3)).requires_grad_()

    def energy(w):
        to, energy = weight_and_energy(w, w.dtype, impl=implementation)
        return to, energy

    def scaled(w):
        return scaled_weight(w, 0.3, w.dtype, impl=implementation)

    for run in (energy, scaled):
        assert gradcheck(run, w)
        assert gradgradcheck(run, w)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "exchanged"])
def test_layout_is_kept(implementation, layout):
    w = in_layout(layout, (5, 4, 3), torch.float32).requires_grad_()
    scaled = scaled_weight(w, 0.3, torch.bfloat16, impl=implementation)
    assert scaled.stride() == w.stride()
    (dw,) = torch.autograd.grad(scaled, w, torch.randn_like(scaled))
    assert dw.stride() == w.stride()


def test_nothing_is_done_where_nothing_is_to_be_done():
    w = weights()
    assert scaled_weight(w, 1.0, w.dtype) is w
    assert weight_and_energy(w, w.dtype)[0] is w


def test_what_is_no_number_stays_so(implementation):
    for layout in ("contiguous", "channels_last", "exchanged"):
        w = in_layout(layout, (3, 4, 3), torch.float32)
        w[0, 0, 0, 0], w[1, 2, 1, 1], w[2, 3, 2, 2] = (float(v) for v in ("nan", "inf", "-inf"))
        to, energy = weight_and_energy(w, torch.bfloat16, impl=implementation)
        assert torch.equal(to.isnan(), w.isnan())
        assert torch.equal(to.isinf(), w.isinf())
        assert (to[1, 2, 1, 1].item(), to[2, 3, 2, 2].item()) == (float("inf"), -float("inf"))
        assert energy[0, 0].isnan()
        assert (energy[1, 2].item(), energy[2, 3].item()) == (float("inf"), float("inf"))
        assert energy.isfinite().sum() == 9


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("implementation", ["kernels", "torch"], indirect=True)
def test_results_are_as_the_compiler_expects(implementation, layout):
    ops, w = torch.ops.stylegen, in_layout(layout, (5, 4, 3), torch.float32)
    expects, low = grid.assert_as_the_compiler_expects, torch.bfloat16
    for dtype, energy in ((low, True), (low, False), (None, True)):
        expects(lambda w, d=dtype, e=energy: ops.weights(w, 0.3, d, e), w)
    for dscaled, denergy in itertools.product([None, w.to(low)], [None, torch.randn(5, 4)]):
        expects(lambda *t: ops.weights_backward(*t, 0.3), dscaled, denergy, w)


# opcheck itself looks at .grad of tensors that are no leaves
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("layout", ["channels_last", "exchanged"])
def test_opcheck(layout):
    ops, w = torch.ops.stylegen, in_layout(layout, (4, 3, 3), torch.float32).requires_grad_()
    torch.library.opcheck(ops.weights.default, (w, 0.3, torch.float32, True))
    dscaled, denergy = torch.randn_like(w), torch.randn(4, 3)
    args = (dscaled.requires_grad_(), denergy.requires_grad_(), w, 0.3)
    torch.library.opcheck(ops.weights_backward.default, args)


def test_errors():
    with pytest.raises(InputError, match="auto, reference, cpu, cuda"):
        scaled_weight(weights(), 2.0, torch.float32, impl="fast")
    with pytest.raises(InputError, match="impl='cuda' was asked for a tensor on cpu"):
        weight_and_energy(weights(), torch.float32, impl="cuda")


class TestPreparedWeight:
    """What is kept, and when it is not."""

    @pytest.fixture
    def computed(self, monkeypatch):
        """Count how often weights are prepared."""
        counted = []

        def count(w, dtype, impl):
            counted.append(dtype)
            return weight_and_energy(w, dtype, impl)

        monkeypatch.setattr(MODULE, "weight_and_energy", count)
        return counted

    @torch.no_grad()
    def test_an_unchanged_weight_is_prepared_once(self, computed):
        w, prepare = weights(dtype=torch.float32), PreparedWeight()
        for _ in range(3):
            to, energy = prepare(w, torch.bfloat16)
            assert torch.equal(to, w.bfloat16())
            grid.assert_near(energy, w.double().square().sum([2, 3]), around=10)
        assert computed == [torch.bfloat16]

    @pytest.mark.parametrize(
        "change",
        [
            lambda w: w.mul_(2),
            lambda w: w.copy_(torch.ones_like(w)),
            lambda w: torch._foreach_lerp_([w], [torch.ones_like(w)], 0.5),
            lambda w: w.set_(torch.ones_like(w)),
        ],
        ids=["mul_", "copy_", "foreach", "set_"],
    )
    @torch.no_grad()
    def test_a_changed_weight_is_seen(self, change):
        w, prepare = weights(dtype=torch.float32), PreparedWeight()
        prepare(w, torch.bfloat16)
        change(w)
        assert torch.equal(prepare(w, torch.bfloat16)[0], w.bfloat16())

    @torch.no_grad()
    def test_another_weight_or_type_is_seen(self, computed):
        prepare = PreparedWeight()
        for _ in range(3):  # the next may come to lie where the last was
            w = weights(dtype=torch.float32)
            for dtype in (torch.bfloat16, torch.float16, torch.bfloat16):
                assert torch.equal(prepare(w, dtype)[0], w.to(dtype))
        assert len(computed) == 9

    def test_nothing_is_kept_where_gradients_are_recorded(self):
        w, prepare = weights().requires_grad_(), PreparedWeight()
        for _ in range(2):
            _, energy = prepare(w, w.dtype)
            (dw,) = torch.autograd.grad(energy.sum(), w)
            grid.assert_exact(dw, 2 * w.detach())
            with torch.no_grad():
                assert not prepare(w, w.dtype)[1].requires_grad

    def test_what_was_kept_in_inference_mode_can_be_differentiated(self):
        prepare, w = PreparedWeight(), weights(dtype=torch.float32)
        x, styles = torch.randn(2, 3, 5, 5), torch.ones(2, 3, requires_grad=True)
        with torch.inference_mode():
            modulated_conv2d(x, w, styles, prepare=prepare)
        y = modulated_conv2d(x, w, styles, prepare=prepare)
        (expected,) = torch.autograd.grad(modulated_conv2d(x, w, styles).sum(), styles)
        torch.testing.assert_close(torch.autograd.grad(y.sum(), styles)[0], expected)
