"""Weights files: found, fetched, checked, and read without running what is in them."""

import logging
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.files import file_digest as file_digest

log = logging.getLogger(__name__)

_TIMEOUT_SEC = 30.0
_CHUNK = 1 << 20
_LISTED = 4


def require_file(path: Path) -> None:
    """Make sure that there is something to read.

    Raises:
        InputError: there is no file, an empty one, or a folder.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; a weights file was wanted")
    if not path.is_file():
        raise InputError(f"there is no weights file at {path}")
    if path.stat().st_size == 0:
        raise InputError(f"the weights file {path} is empty; fetch it again")


def is_torchscript(path: str | Path) -> bool:
    """Tell whether a file is a TorchScript archive: a zip with code beside its tensors."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return any(n.endswith("/constants.pkl") for n in names) and any("/code/" in n for n in names)


def _is_cut_off(path: Path, error: Exception) -> bool:
    """Tell a file that ends too early from one that is something else."""
    with open(path, "rb") as file:
        starts_as_zip = file.read(4) == b"PK\x03\x04"
    if starts_as_zip:
        return not zipfile.is_zipfile(path)
    return isinstance(error, EOFError) or any(word in str(error) for word in ("EOF", "truncated"))


def _read(path: Path) -> object:
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _complaint(path: Path, error: Exception, full_bytes: int | None) -> str:
    if _is_cut_off(path, error):
        size, whole = path.stat().st_size, f" of {full_bytes:,}" if full_bytes else ""
        return (
            f"the weights file {path} is cut off after {size:,}{whole} bytes, as a broken "
            "download leaves it; delete it and fetch it again"
        )
    text = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
    return (
        f"{path} is not a readable weights file (tensors in PyTorch's or safetensors' format, "
        f"nothing else is opened): {text}"
    )


def load_tensors(path: str | Path, *, full_bytes: int | None = None) -> dict[str, Tensor]:
    """Read a state dict; only tensors are read, never code.

    Args:
        path: a .safetensors file, or one written by torch.save.
        full_bytes: the size that the whole file is known to have, for the message about
            a broken download.

    Returns:
        The tensors by name, on the CPU. A mapping read from torch.save keeps its type.

    Raises:
        InputError: there is no such file, it is cut off, or it holds anything but tensors.
    """
    path = Path(path)
    require_file(path)
    if is_torchscript(path):
        raise InputError(
            f"{path} is a TorchScript archive, which holds code beside its tensors: to run it, "
            f"name it torchscript:{path}; plain tensors (torch.save of a state dict, or "
            "safetensors) are read without"
        )
    try:
        values = _read(path)
    except Exception as error:  # PyTorch's reader lets through whatever a foreign file provokes
        raise InputError(_complaint(path, error, full_bytes)) from error
    if not isinstance(values, dict) or not all(isinstance(v, Tensor) for v in values.values()):
        raise InputError(f"{path} holds no plain mapping of names to tensors")
    return values


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def check_names(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], what: str) -> None:
    """Compare names and shapes of tensors with those of a network.

    Raises:
        InputError: a name is missing or unexpected, or a shape differs; they are listed.
    """
    # Counters of batches seen came later than many published files and mean nothing here.
    missing = [k for k in wanted if k not in given and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in given if k not in wanted]
    shapes = [k for k in wanted if k in given and given[k].shape != wanted[k].shape]
    faults = [("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)]
    if said := "; ".join(f"{word}: {_listed(names)}" for word, names in faults if names):
        raise InputError(f"{what} are other weights than this network's ({said})")


def load_into(module: nn.Module, values: Mapping[str, Tensor], what: str) -> None:
    """Load tensors into a module, strictly.

    Raises:
        InputError: names or shapes differ; they are listed.
    """
    check_names(module.state_dict(), values, what)
    module.load_state_dict(dict(values))


def load_built(module: nn.Module, values: Mapping[str, Tensor], what: str) -> None:
    """Give a module that was built without memory (on torch's meta device) its tensors, strictly.

    They are taken as they are, in float32; nothing is initialised or copied first.

    Raises:
        InputError: names or shapes differ; they are listed.
    """
    check_names(module.state_dict(), values, what)
    floats = {k: v.float() if v.is_floating_point() else v for k, v in values.items()}
    module.load_state_dict(floats, assign=True)


def _download(url: str, file: Any, progress: Callable[[int], None] | None) -> int | None:
    """Write what a URL holds to a file; return how many bytes it said it would be."""
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SEC) as reply:
        said = getattr(reply, "headers", {}).get("Content-Length")
        while chunk := reply.read(_CHUNK):
            file.write(chunk)
            if progress is not None:
                progress(file.tell())
    return int(said) if said and said.isdigit() else None


def fetch(
    url: str,
    path: Path,
    sha256: str,
    size_bytes: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Download a file, check it, and put it in place at once.

    Args:
        url: where it is.
        path: where to put it; its folder is made when absent.
        sha256: its digest, hexadecimal, or the beginning of it.
        size_bytes: how long it is, where that is known.
        progress: called with the bytes written so far.

    Raises:
        OSError: the download failed, was cut off, or has another length or digest. Nothing is
            left at the path, or what was there.
    """
    log.info("downloading %s", url)
    with atomic_path(path, parents=True) as temporary:
        with temporary.open("wb") as file:
            said = _download(url, file, progress)
        size, whole = temporary.stat().st_size, size_bytes or said
        if whole is not None and size < whole:
            raise OSError(f"what came from {url} is cut off after {size:,} of {whole:,} bytes")
        if whole is not None and size > whole:
            raise OSError(f"what came from {url} has {size:,} bytes, not {whole:,}")
        if not sha256 or not file_digest(temporary).startswith(sha256):
            raise OSError(f"what came from {url} has another sha256 than {sha256}...")
