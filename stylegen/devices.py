"""Which device computes, in which type it computes best, and in which state it does so."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import torch

from stylegen.errors import InputError
from stylegen.precision import PRECISIONS

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_log = logging.getLogger(__name__)

_WANTED = "wanted auto, cpu, cuda, cuda:N or mps"


def choose_device(name: str) -> torch.device:
    """Read a device name; "auto" is a GPU if there is one, else the CPU.

    Raises:
        InputError: the name is unknown, or this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device is {name!r}; {_WANTED}") from error
    if device.type not in ("cpu", "cuda", "mps") or (device.type == "cpu" and device.index):
        raise InputError(f"device is {name!r}; {_WANTED}")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= found:
        raise InputError(f"device is {name!r}, but torch finds {found or 'no'} CUDA devices here")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("device is 'mps', but torch finds none here")
    return device


def bfloat16_units(device: torch.device) -> str | None:
    """Name what computes in bfloat16 on a device, rather than emulating it; None: nothing."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        major, minor = torch.cuda.get_device_capability(device)
        return f"compute capability {major}.{minor}"
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        units = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16"}
        return next((unit for name, unit in units.items() if capabilities.get(name)), None)
    return None


def has_bfloat16(device: torch.device) -> bool:
    """Tell whether the device computes in bfloat16, rather than emulating it."""
    return bfloat16_units(device) is not None


def _computes_in(dtype: torch.dtype, device: torch.device) -> bool:
    """Try a convolution, forward and backward; a device out of memory is another matter."""
    x = torch.ones(1, 1, 4, 4, device=device, dtype=dtype, requires_grad=True)
    w = torch.ones(1, 1, 3, 3, device=device, dtype=dtype)
    try:
        torch.nn.functional.conv2d(x, w).sum().backward()  # type: ignore[no-untyped-call]
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, NotImplementedError, TypeError) as error:
        _log.info("%s cannot convolve in %s: %s", device, dtype, error)
        return False
    return True


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Read a precision; "auto" is bfloat16 where the device computes in it, else float32.

    Raises:
        InputError: the name is unknown, or torch cannot compute so on the device.
    """
    if name not in PRECISIONS:
        raise InputError(f"precision is {name!r}; wanted one of {', '.join(PRECISIONS)}")
    if name == "auto":
        return torch.bfloat16 if has_bfloat16(device) else torch.float32
    dtype = DTYPES[name]
    if not _computes_in(dtype, device):
        raise InputError(f"precision is {name!r}, but torch cannot convolve in it on {device.type}")
    return dtype


def precision_name(dtype: torch.dtype) -> str:
    """Return what users call a type."""
    return next(name for name, known in DTYPES.items() if known == dtype)


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Compute float32 convolutions and matrix products in float32 within the block.

    GPUs otherwise round convolutions' inputs to TensorFloat-32, with 10 bits of mantissa.
    """
    backends: Any = torch.backends
    settings = (backends.cudnn.conv, backends.cuda.matmul)
    before = [setting.fp32_precision for setting in settings]
    for setting in settings:
        setting.fp32_precision = "ieee"
    try:
        yield
    finally:
        for setting, value in zip(settings, before, strict=True):
            setting.fp32_precision = value


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the random state of the CPU and of ``device`` within the block; restore it behind."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
