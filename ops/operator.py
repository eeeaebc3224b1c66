"""How an operator is registered, and how a call of it finds its way.

Each operator is known to torch.library with its schema, shapes and gradient, so that torch.compile
and FakeTensors see it. A call in eager mode takes a shorter way to the same functions: where no
gradient is recorded straight to the computation, else through one autograd.Function. For small
tensors the difference is most of the time.
"""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

_P = ParamSpec("_P")
_R = TypeVar("_R")
_REAL = (Tensor, nn.Parameter)

Setup = Callable[[Any, tuple[Any, ...], Any], None]


def _function(name: str, body: Callable[..., Any], setup: Setup, backward: Any) -> Any:
    def forward(ctx: Any, *args: Any) -> Any:
        output = body(*args)
        setup(ctx, args, output)
        return output

    functions = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(name, (torch.autograd.Function,), functions)


class Operator(Generic[_P, _R]):
    """An operator: called with positional arguments, as its body.

    Args:
        body: computes; returns new tensors.
        name: in torch.ops.stylegen.
        fake: returns empty tensors of the shapes, types and layouts of the results.
        setup: (ctx, inputs, output), saves what the gradient needs.
        backward: (ctx, gradients ...), returns a gradient or None for each argument.
    """

    def __init__(
        self,
        body: Callable[_P, _R],
        name: str,
        fake: Callable[..., Any],
        setup: Setup,
        backward: Callable[..., Any],
    ) -> None:
        self.name = name
        self._body = body
        self.registered = torch.library.custom_op(f"stylegen::{name}", body, mutates_args=())
        self.registered.register_fake(fake)
        self.registered.register_autograd(backward, setup_context=setup)
        self._function = _function(name, body, setup, backward)

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Compute; the arguments are those of the body, by position."""
        needs_gradient = False
        for arg in args:
            if isinstance(arg, Tensor):
                if type(arg) not in _REAL:
                    return self.registered(*args)  # type: ignore[no-any-return]
                needs_gradient = needs_gradient or arg.requires_grad
        if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
            return self.registered(*args)  # type: ignore[no-any-return]
        dual = torch.autograd.forward_ad._current_level >= 0  # then apply says what is missing
        if dual or (needs_gradient and torch.is_grad_enabled()):
            return self._function.apply(*args)  # type: ignore[no-any-return]
        return self._body(*args, **kwargs)
