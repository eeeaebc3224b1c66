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


@functools.cache
def _say(op: str, device: str, choice: str) -> None:
    _log.info("%s on %s: %s", op, device, choice)


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
    if impl == "cuda":
        build.cuda_kernels()
    if impl == "auto" and kind not in ("cpu", "cuda", "meta"):
        _say(op, kind, "plain torch, since the operator has no code of its own for this device")
        return True
    return impl == "reference"


def kernels_or_none(op: str) -> Any:
    """Return the compiled CUDA kernels, or None (said once, with the reason) without them."""
    if not torch.cuda.is_available():
        return None
    try:
        kernels = build.cuda_kernels()
    except RuntimeError as error:
        _say(op, "cuda", f"plain torch, since the kernels could not be built: {error}")
        return None
    _say(op, "cuda", "compiled kernels")
    return kernels
