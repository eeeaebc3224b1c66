"""Tensors and a JSON header in one safetensors file with a checksum, written atomically.

The header lies in the file's own metadata, so that one file is a whole checkpoint; a copy beside
it with the suffix .json is for people to read and is never read back.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from stylegen.checkpoints.checksums import CHECKSUM, checksum
from stylegen.errors import InputError
from stylegen.files import atomic_path

SUFFIX = ".safetensors"
_KEY = "stylegen"


class DamagedError(InputError):
    """A file that is not whole, or not one of tensors."""


def write_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]
) -> None:
    """Write tensors and their header, replacing the file in one step.

    Args:
        path: the file, ending in .safetensors; its folder exists.
        tensors: any names, devices and layouts.
        header: plain values for JSON; "kind" tells what the file is.

    Raises:
        OSError: the folder is missing, full or not writable; an older file is then left whole.
    """
    path = Path(path)
    flat = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    text = json.dumps(header, indent=1)
    with atomic_path(path.with_suffix(".json")) as readable, atomic_path(path) as temporary:
        readable.write_text(text + "\n")
        try:
            total = checksum(flat, flat.__getitem__, text)
            save_file(flat, temporary, metadata={_KEY: text, CHECKSUM: total})
        except SafetensorError as error:
            raise OSError(f"{path} could not be written: {error}") from error
        shutil.copymode(readable, temporary)  # save_file allows the owner alone


def _open(path: str | Path) -> Any:
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist; wanted a snapshot (*{SUFFIX})")
    if path.is_dir():
        raise InputError(f"{path} is a folder; wanted one of the snapshots (*{SUFFIX}) in it")
    try:
        return safe_open(path, framework="pt")
    except SafetensorError as error:
        raise DamagedError(
            f"{path} is not a whole {SUFFIX} file (damaged, cut off, or of another kind)"
        ) from error


def read_header(path: str | Path, kind: str | None = None) -> dict[str, Any]:
    """Read a checkpoint's header.

    Args:
        path: the file.
        kind: what the file should be, or None for any.

    Raises:
        InputError: it is missing, damaged (:class:`DamagedError`), of another program, or of
            another kind.
    """
    with _open(path) as file:
        text = (file.metadata() or {}).get(_KEY)
    if text is None:
        raise InputError(f"{path} holds tensors of another program; wanted a stylegen snapshot")
    try:
        header = json.loads(text)
    except json.JSONDecodeError as error:
        raise DamagedError(f"{path} has a damaged header: {error}") from error
    if not isinstance(header, dict) or (kind is not None and header.get("kind") != kind):
        found = header.get("kind") if isinstance(header, dict) else None
        raise InputError(f"{path} is a {found!r} file; wanted a {kind!r} file")
    return header


def read_tensors(path: str | Path, prefix: str = "") -> dict[str, Tensor]:
    """Read the tensors whose names begin with a prefix, without it, on the CPU.

    Raises:
        InputError: the file is missing or damaged.
    """
    with _open(path) as file:
        return {
            name.removeprefix(prefix): file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118
            if name.startswith(prefix)
        }
