"""Which implementation of an operator runs, decided in one place and said once.

The compiled kernels are built on first use on a CUDA device. Where that fails, ``"auto"`` goes on
with torch operations on the same device and logs the reason once; ``"cuda"`` raises it.
"""

import functools
import logging
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops import build

Impl = Literal["auto", "reference", "cpu", "cuda"]

_log = logging.getLogger(__name__)


@functools.cache  # each choice is said once in a process
def _say(level: int, op: str, device: str, choice: str) -> None:
    _log.log(level, "%s on %s: %s", op, device, choice)


def use_reference(op: str, impl: str, x: Tensor) -> bool:
    """Tell whether ``op`` shall run as plain torch operations (else: as the operator).

    Args:
        op: the operator's name, for messages.
        impl: the caller's choice.
        x: the tensor whose device decides.

    Raises:
        InputError: ``impl`` is no known name, or names a device on which ``x`` does not lie.
        RuntimeError: ``"cuda"`` was asked for and the kernels cannot be built.
    """
    if impl not in get_args(Impl):
        raise InputError(f"impl is {impl!r}; wanted one of {', '.join(get_args(Impl))}")
    kind = x.device.type
    if impl in ("cpu", "cuda") and kind != impl:
        raise InputError(f"{op}: impl={impl!r} was asked for a tensor on {x.device}")
    if impl == "cuda" and not torch.compiler.is_compiling():
        build.cuda_kernels()
    if impl == "auto" and kind not in ("cpu", "cuda", "meta"):
        reason = "plain torch, since the operator has no code of its own for this device"
        _say(logging.INFO, op, kind, reason)
        return True
    return impl == "reference"


def kernels_for(op: str, x: Tensor) -> Any:
    """Return the compiled kernels for the device of ``x``, or None to go on with plain torch.

    What it is and why is logged once; a failed build as a warning.
    """
    kind = x.device.type
    if kind != "cuda":
        _say(logging.INFO, op, kind, "torch operations with the operator's own gradient")
        return None
    try:
        kernels = build.cuda_kernels()
    except RuntimeError as error:
        reason = f"torch operations, since the kernels could not be built: {error}"
        _say(logging.WARNING, op, kind, reason)
        return None
    _say(logging.INFO, op, kind, "compiled kernels")
    return kernels
