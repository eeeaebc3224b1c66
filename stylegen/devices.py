"""Which device trains, and in which type it computes best."""

import torch

from stylegen.errors import InputError


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
        raise InputError(f"device is {name!r}; wanted auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (
        not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()
    ):
        found = torch.cuda.device_count() if torch.cuda.is_available() else "no"
        raise InputError(f"device is {name!r}, but torch finds {found} CUDA devices here")
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
