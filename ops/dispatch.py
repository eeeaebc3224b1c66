"""Which implementation of an operator runs, decided in one place and said once.

The compiled kernels are built on first use. Where that fails, ``"auto"`` goes on with torch
operations on the same device and logs the reason once; ``"cpu"`` and ``"cuda"`` raise it.
``STYLEGEN_OPS=reference|cpu|cuda`` in the environment says what ``"auto"`` means.
"""

import contextlib
import functools
import logging
import os
from collections.abc import Iterator
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops import build

Impl = Literal["auto", "reference", "cpu", "cuda"]
VARIABLE = "STYLEGEN_OPS"

_NAMES = frozenset(get_args(Impl))

_KERNEL_TYPES = {
    "cpu": (torch.float32, torch.bfloat16, torch.float64),
    "cuda": (torch.float32, torch.bfloat16, torch.float16, torch.float64),
}

_log = logging.getLogger(__name__)


@functools.cache  # each choice is said once in a process
def _say(level: int, op: str, device: str, choice: str) -> None:
    _log.log(level, "%s on %s: %s", op, device, choice)


def _checked(impl: str, name: str) -> str:
    if impl not in _NAMES:
        raise InputError(f"{name} is {impl!r}; wanted one of {', '.join(get_args(Impl))}")
    return impl


_environment: list[str] = []  # what the environment said when it was first asked
_forced: list[str] = []  # by `forced`, the innermost last


@contextlib.contextmanager
def forced(impl: Impl) -> Iterator[None]:
    """Say what ``"auto"`` means within the block, in all threads.

    Args:
        impl: "reference", "cpu" or "cuda"; "auto" undoes an outer choice.

    Raises:
        InputError: ``impl`` is no known name.
    """
    _forced.append(_checked(impl, "impl"))
    try:
        yield
    finally:
        _forced.pop()


def auto_means() -> str:
    """Return what ``"auto"`` means here: itself, or what was forced.

    Raises:
        InputError: the environment names no implementation.
    """
    if _forced:
        return _forced[-1]
    if not _environment:
        _environment.append(_checked(os.environ.get(VARIABLE) or "auto", VARIABLE))
    return _environment[0]


def _is_transformed() -> bool:
    """Tell whether torch.func, or forward-mode differentiation, is at work around the call.

    Both take plain torch operations apart by rules of their own; operators registered with
    torch.library have no such rules.
    """
    if torch.compiler.is_compiling():
        return False
    functorch: bool = torch._C._are_functorch_transforms_active()
    return functorch or torch.autograd.forward_ad._current_level >= 0


def use_reference(op: str, impl: str, x: Tensor) -> bool:
    """Tell whether ``op`` shall run as plain torch operations (else: as the operator).

    Args:
        op: the operator's name, for messages.
        impl: the caller's choice.
        x: the tensor whose device decides.

    Raises:
        InputError: ``impl`` is no known name, or names a device on which ``x`` does not lie.
        RuntimeError: kernels were asked for by name and cannot be built.
    """
    if _checked(impl, "impl") == "auto":
        impl = auto_means()
    kind = x.device.type
    if impl in ("cpu", "cuda"):
        if kind != impl:
            raise InputError(f"{op}: impl={impl!r} was asked for a tensor on {x.device}")
        if x.dtype not in _KERNEL_TYPES[kind]:
            raise InputError(f"{op}: impl={impl!r} was asked for, but has no code for {x.dtype}")
        if not torch.compiler.is_compiling():
            build.kernels(impl)
    if impl == "auto" and kind not in ("cpu", "cuda", "meta"):
        reason = "plain torch, since the operator has no code of its own for this device"
        _say(logging.INFO, op, kind, reason)
        return True
    return impl == "reference" or (impl == "auto" and _is_transformed())


@functools.cache
def _kernels_or_none(kind: str) -> Any:
    try:
        kernels = build.kernels(kind)
    except RuntimeError as error:
        reason = f"torch operations, since the kernels could not be built: {error}"
        _say(logging.WARNING, "operators", kind, reason)
        return None
    _say(logging.INFO, "operators", kind, "compiled kernels")
    return kernels


def kernels_for(op: str, x: Tensor) -> Any:
    """Return the compiled kernels for ``x``, or None to go on with plain torch.

    What it is and why is logged once; a failed build as a warning.
    """
    kind = x.device.type
    if x.dtype not in _KERNEL_TYPES.get(kind, ()):
        reason = f"torch operations, since there are no kernels for {x.dtype}"
        _say(logging.INFO, op, kind, reason)
        return None
    return _kernels_or_none(kind)
