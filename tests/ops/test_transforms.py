"""torch.func and forward-mode differentiation through every operator, by central differences."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from stylegen.ops import bias_act, conv2d, conv2d_transpose, epilogue, modulated_conv2d, upfirdn2d
from stylegen.ops.weights import scaled_weight

torch.manual_seed(3)
_F = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 8
_W = torch.randn(4, 3, 3, 3, dtype=torch.float64)
_S = torch.randn(2, 3, dtype=torch.float64)
OPERATORS: dict[str, Callable[[Tensor], Tensor]] = {
    "bias_act": lambda x: bias_act(x, act="swish", gain=1.3),
    "conv2d": lambda x: conv2d(x, _W, padding=1),
    "conv2d_transpose": lambda x: conv2d_transpose(x, _W.transpose(0, 1), stride=2),
    "epilogue": lambda x: epilogue(x, _S.abs(), act="lrelu", gain=1.3),
    "modulated_conv2d": lambda x: modulated_conv2d(x, _W, _S, padding=1),
    "scaled_weight": lambda x: scaled_weight(x, 0.7, torch.float64),
    "upfirdn2d": lambda x: upfirdn2d(x, _F, 2, 1, 1),
}


@pytest.fixture(params=OPERATORS, autouse=True)
def operator(request: pytest.FixtureRequest) -> Callable[[Tensor], Tensor]:
    return OPERATORS[request.param]


def point() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    x, t = (torch.randn(2, 3, 5, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    return x, t


def along(f: Callable[[Tensor], Tensor], x: Tensor, t: Tensor, step: float = 1e-6) -> Tensor:
    return (f(x + step * t) - f(x - step * t)) / (2 * step)


def quiet(f: Callable[[], Tensor]) -> Tensor:
    with warnings.catch_warnings():  # torch loads its own decompositions by deprecated means
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return f()


def test_jvp(operator: Callable[[Tensor], Tensor]) -> None:
    x, t = point()
    tangent = quiet(lambda: torch.func.jvp(operator, (x,), (t,))[1])
    torch.testing.assert_close(tangent, along(operator, x, t), rtol=1e-6, atol=1e-7)


def test_dual_numbers(operator: Callable[[Tensor], Tensor]) -> None:
    x, t = point()

    def tangent() -> Tensor:
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(operator(forward_ad.make_dual(x, t))).tangent

    torch.testing.assert_close(quiet(tangent), along(operator, x, t), rtol=1e-6, atol=1e-7)


def test_grad_of_grad(operator: Callable[[Tensor], Tensor]) -> None:
    x, t = point()

    def slope(x: Tensor) -> Tensor:
        return torch.func.grad(lambda x: operator(x).square().sum())(x)

    product = torch.func.vjp(slope, x)[1](t)[0]  # the Hessian is symmetric
    torch.testing.assert_close(product, along(slope, x, t), rtol=1e-5, atol=1e-6)


def test_vmap(operator: Callable[[Tensor], Tensor]) -> None:
    x, t = point()
    both = torch.func.vmap(operator)(torch.stack([x, t]))
    torch.testing.assert_close(both, torch.stack([operator(x), operator(t)]))
