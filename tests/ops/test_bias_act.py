"""bias_act against the official outputs, textbook formulas and numerical derivatives."""

import math

import numpy as np
import pytest
import scipy.special
import torch
from torch.autograd import gradcheck, gradgradcheck

from stylegen.errors import InputError
from stylegen.ops import ACTIVATIONS, bias_act

ROOT2 = math.sqrt(2)
# the formula in numpy, and the usual gain
TEXTBOOK = {
    "linear": (lambda z: z, 1),
    "relu": (lambda z: np.maximum(z, 0), ROOT2),
    "lrelu": (lambda z: np.maximum(z, 0.2 * z), ROOT2),
    "tanh": (np.tanh, 1),
    "sigmoid": (scipy.special.expit, 1),
    "elu": (lambda z: np.where(z > 0, z, np.exp(z) - 1), 1),
    "selu": (lambda z: 1.05070098735548 * np.where(z > 0, z, 1.67326324235438 * np.expm1(z)), 1),
    "softplus": (lambda z: np.logaddexp(0, z), 1),
    "swish": (lambda z: z * scipy.special.expit(z), ROOT2),
}


def test_all_activations_have_a_formula():
    assert list(TEXTBOOK) == list(ACTIVATIONS)


@pytest.mark.parametrize("act", TEXTBOOK)
def test_official_outputs(official, act):
    args, t = official(f"bias_act.{act}")
    torch.testing.assert_close(bias_act(t["x"], t["b"], **args), t["y"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("impl", ["auto", "reference"])
@pytest.mark.parametrize("act", TEXTBOOK)
def test_equals_the_textbook(act, impl):
    formula, gain = TEXTBOOK[act]
    x = 3 * torch.randn(3, 5, 7, dtype=torch.float64)
    b = torch.randn(5, dtype=torch.float64)
    z = x.numpy() + b.numpy()[:, None]
    y = bias_act(x, b, act=act, impl=impl)
    np.testing.assert_allclose(y.numpy(), gain * formula(z), rtol=1e-12, atol=1e-12)
    y = bias_act(x, b, act=act, gain=0.7, clamp=0.4, impl=impl)
    expected = np.clip(0.7 * formula(z), -0.4, 0.4)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_dim_is_the_bias_dimension(dim):
    x = torch.randn(2, 3, 4)
    b = torch.randn(x.shape[dim])
    assert torch.equal(bias_act(x, b, dim=dim), (x.movedim(dim, -1) + b).movedim(-1, dim))


def test_alpha_is_the_slope_of_lrelu():
    x = torch.tensor([-2.0, 4.0])
    assert bias_act(x, dim=0, act="lrelu", alpha=0.5, gain=1).tolist() == [-1, 4]


def test_output_is_never_the_input_itself():
    x = torch.randn(2, 3)
    y = bias_act(x)
    assert torch.equal(x, y)
    assert y.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("clamp", [None, 0.6])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("act", TEXTBOOK)
def test_numerical_derivatives(act, with_bias, clamp):
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    b = torch.randn(5, dtype=torch.float64, requires_grad=True) if with_bias else None

    def run(x, b):
        return bias_act(x, b, act=act, alpha=0.3, gain=1.3, clamp=clamp)

    assert gradcheck(run, (x, b))
    assert gradgradcheck(run, (x, b))


@pytest.mark.parametrize("clamp", [None, 0.6])
@pytest.mark.parametrize("act", TEXTBOOK)
def test_gradients_equal_those_of_the_reference(act, clamp):
    x0, b0 = torch.randn(2, 3, 5, 7, dtype=torch.float64), torch.randn(3, dtype=torch.float64)

    def gradients(impl):
        x, b = x0.clone().requires_grad_(), b0.clone().requires_grad_()
        y = bias_act(x, b, act=act, alpha=0.3, gain=1.3, clamp=clamp, impl=impl)
        first = torch.autograd.grad(y.pow(3).sum(), (x, b), create_graph=True)
        penalty = first[0].pow(2).sum() + first[1].pow(2).sum()
        return [t.detach() for t in first], torch.autograd.grad(penalty, (x, b))

    exact = {"rtol": 1e-12, "atol": 1e-11}
    torch.testing.assert_close(gradients("auto"), gradients("reference"), **exact)


@pytest.mark.parametrize("act", TEXTBOOK)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_memory_format_is_kept(act, layout):
    x = torch.randn(2, 3, 5, 7).to(memory_format=layout).requires_grad_()
    y = bias_act(x, torch.randn(3), act=act, clamp=1)
    (dx,) = torch.autograd.grad(y.sum(), x, create_graph=True)  # the sum's gradient has strides 0
    assert y.is_contiguous(memory_format=layout)
    assert dx.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("act", TEXTBOOK)
def test_other_strides(act):
    x0 = torch.randn(7, 3, 5, 4).permute(3, 1, 2, 0)[:, :, ::2]
    b = torch.randn(3)

    def output_and_gradient(x):
        x = x.detach().requires_grad_()
        y = bias_act(x, b, act=act)
        return y, *torch.autograd.grad(y.square().sum(), x)

    torch.testing.assert_close(output_and_gradient(x0), output_and_gradient(x0.contiguous()))


@pytest.mark.parametrize("act", TEXTBOOK)
def test_bfloat16_is_near_float32(act):
    x, b = torch.randn(2, 3, 5, 7), torch.randn(3)
    y = bias_act(x.bfloat16(), b, act=act, clamp=2)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), bias_act(x, b, act=act, clamp=2), atol=0.03, rtol=0.03)


def test_bias_of_another_type_gets_its_gradient_in_that_type():
    x, b = torch.randn(2, 3).bfloat16().requires_grad_(), torch.randn(3, requires_grad=True)
    y = bias_act(x, b, act="lrelu")
    dx, db = torch.autograd.grad(y.sum(), (x, b))
    assert (dx.dtype, db.dtype) == (torch.bfloat16, torch.float32)


def test_gradient_stops_at_the_clamp_in_low_precision():
    x = torch.tensor([5.0, 0.1], dtype=torch.bfloat16, requires_grad=True)
    y = bias_act(x, dim=0, clamp=0.7)  # 0.7 is above its own bfloat16
    (dx,) = torch.autograd.grad(y.sum(), x)
    assert dx.tolist() == [0, 1]


# opcheck itself looks at .grad of tensors that are no leaves
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("act", ["lrelu", "softplus", "swish"])
def test_opcheck(act):
    x = torch.randn(2, 3, 5, 7).to(memory_format=torch.channels_last).requires_grad_()
    b = torch.randn(3, requires_grad=True)
    args = (1, act, 0.2, 1.3, 0.8)
    torch.library.opcheck(torch.ops.stylegen.bias_act.default, (x, b, *args))
    dy = torch.randn(2, 3, 5, 7, requires_grad=True)  # another layout than its partner's
    torch.library.opcheck(torch.ops.stylegen.bias_act_backward.default, (dy, x, b, *args))
    args = (dy.detach(), dy.detach(), x.detach(), b.detach(), *args)
    torch.library.opcheck(torch.ops.stylegen.bias_act_backward2.default, args)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(2, 3, dtype=torch.int32)}, "floating point, not torch.int32"),
        ({"act": "gelu"}, "linear, relu, lrelu, tanh, sigmoid, elu, selu, softplus, swish"),
        ({"dim": 2}, "dim is 2, but x has 2 dimensions"),
        ({"dim": -1}, "dim is -1"),
        ({"b": torch.zeros(2)}, r"shape \(3,\), not \(2,\)"),
        ({"b": torch.zeros(1, 3)}, r"shape \(3,\)"),
        ({"clamp": -0.5}, "clamp is -0.5"),
        ({"gain": 0}, "gain not 0"),
        ({"act": "lrelu", "alpha": -1}, "alpha should be at least 0"),
        ({"impl": "fast"}, "auto, reference, cpu, cuda"),
    ],
)
def test_errors(change, message):
    with pytest.raises(InputError, match=message):
        bias_act(**{"x": torch.zeros(2, 3)} | change)
