"""Which device computes, in which type it computes best, and in which state it does so."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from stylegen.errors import InputError

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


def has_bfloat16(device: torch.device) -> bool:
    """Tell whether the device computes in bfloat16, rather than emulating it."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Read a precision; "auto" is bfloat16 where the device computes in it, else float32."""
    if name == "bf16" or (name == "auto" and has_bfloat16(device)):
        return torch.bfloat16
    return torch.float32


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
