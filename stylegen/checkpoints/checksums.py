"""A checksum that lies within the checkpoint itself, over its tensors and its header.

A checksum beside the file is lost when people copy the file alone, and accuses a good file when it
was replaced by another one of the same name; one within goes wherever the file goes. It is taken
over names, types, shapes and values, so it does not depend on how the container is laid out.

Source: SHA-256, FIPS 180-4.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from stylegen.errors import InputError

CHECKSUM = "stylegen_sha256"  # its key among the file's own metadata


def checksum(names: Iterable[str], tensor: Callable[[str], Tensor], header: str) -> str:
    """Return the SHA-256 of a checkpoint's contents, hexadecimal.

    Args:
        names: of all tensors, in any order.
        tensor: gives the tensor of a name; one is held at a time.
        header: the text beside them.
    """
    digest = hashlib.sha256(_sized(header.encode()))
    for name in sorted(names):
        value = tensor(name).detach().cpu().contiguous()
        digest.update(_sized(f"{name} {value.dtype} {tuple(value.shape)}".encode()))
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def tensor_digest(tensor: Tensor) -> str:
    """Return the SHA-256 of a tensor's bytes, hexadecimal, whatever its device and layout."""
    value = tensor.detach().cpu().contiguous()
    return hashlib.sha256(value.reshape(-1).view(torch.uint8).numpy().data).hexdigest()


def _sized(text: bytes) -> bytes:
    """Put a text's length before it, so that no two sequences of texts give the same bytes."""
    return len(text).to_bytes(8, "little") + text


def verify_checksum(path: str | Path, header_key: str = "stylegen") -> bool:
    """Read a whole checkpoint and compare it with its checksum.

    Args:
        path: a .safetensors file.
        header_key: where the header lies among the file's metadata.

    Returns:
        True: it is as it was written; False: it has no checksum, as files of other programs.

    Raises:
        InputError: it is not as it was written, or no whole .safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if CHECKSUM not in metadata:
                return False
            found = checksum(file.keys(), file.get_tensor, metadata.get(header_key, ""))
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} cannot be read, or is not a whole .safetensors file") from error
    if found != metadata[CHECKSUM]:
        raise InputError(
            f"{path} is damaged: its contents do not match its checksum; take an earlier snapshot"
        )
    return True
