"""What the tests of the operators share: implementations, shapes, layouts and bounds."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode

from stylegen.ops import build, dispatch

# one channel, one pixel, one row, a large batch, and channels around the widths of vectors
SHAPES = [
    (2, 1, 5, 7), (1, 3, 1, 1), (3, 15, 4, 3), (1, 16, 1, 9), (2, 17, 3, 3), (1, 33, 7, 1),
    (1, 64, 2, 3), (2, 65, 3, 2), (130, 2, 1, 1), (67, 5, 2, 1),
]  # fmt: skip
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def _sliced(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.new_full((n, 2 * c, h, w + 1), 7)[:, ::2, :, 1:].copy_(x)


# each returns the values of x in another layout; dense ones first
DENSE: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda x: x.contiguous(),
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.mT.contiguous().mT,
}
LAYOUTS = {**DENSE, "sliced": _sliced}


def need_kernels() -> Any:
    """Return the CPU kernels; the test is skipped where they cannot be built."""
    try:
        return build.kernels("cpu")
    except RuntimeError as error:
        pytest.skip(f"no CPU kernels: {error}")


@pytest.fixture(params=["kernels", "torch", "reference"])
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way in which an operator can run on the CPU; the value of ``impl`` for it."""
    if request.param == "reference":
        return "reference"
    if request.param == "torch":
        monkeypatch.setattr(dispatch, "_kernels_or_none", lambda *_: None)
        return "auto"
    need_kernels()
    return "cpu"


def impl_for(implementation: str, dtype: torch.dtype) -> str:
    """Return ``impl``: "auto" for a type that the CPU kernels refuse when asked for by name."""
    return "auto" if implementation == "cpu" and dtype == torch.float16 else implementation


def assert_exact(actual: Any, expected: Any, tolerance: float = 1e-10) -> None:
    """Compare float64 results."""
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


def assert_rounded_once(actual: Tensor, expected: Tensor, around: float = 1.0) -> None:
    """Check that only the result was rounded to its type: what led to it was at least float32.

    ``around`` is how large the terms of a sum are that the result came of.
    """
    relative = {torch.float64: 1e-13, torch.float32: 1e-6, torch.bfloat16: 1 / 256}[actual.dtype]
    absolute = around * (1e-13 if actual.dtype == torch.float64 else 2e-6)
    torch.testing.assert_close(
        actual.double(), expected, rtol=relative, atol=absolute, equal_nan=True
    )


def assert_near(actual: Tensor, expected: Tensor, around: float = 1.0) -> None:
    """Compare what was rounded several times on its way."""
    eps = torch.finfo(actual.dtype).eps
    torch.testing.assert_close(actual.double(), expected, rtol=8 * eps, atol=8 * eps * around)


def described(results: Any) -> list[Any]:
    """Return shapes, types and strides, of dimensions that have any."""
    tensors = results if isinstance(results, (tuple, list)) else [results]
    found = []
    for t in tensors:
        sides = zip(t.shape, t.stride(), strict=True)
        found.append((t.dtype, *((size, stride if size > 1 else 0) for size, stride in sides)))
    return found


def assert_as_the_compiler_expects(run: Callable[..., Any], *args: Any) -> None:
    """Check that the operator's results have the shapes, types and strides that its fake told."""
    mode = FakeTensorMode()
    fakes = [mode.from_tensor(a) if isinstance(a, Tensor) else a for a in args]
    assert described(run(*args)) == described(run(*fakes))


@pytest.fixture
def weight_gradients(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of the weight gradients of convolutions that were computed."""
    module = sys.modules["stylegen.ops.conv2d"]
    compute, computed = module._weight_gradient, []

    def counted(*args: Any) -> Tensor:
        gradient: Tensor = compute(*args)
        computed.append(tuple(gradient.shape))
        return gradient

    monkeypatch.setattr(module, "_weight_gradient", counted)
    return computed


@contextmanager
def threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
