"""Checkpoints: tensors (safetensors) with a JSON header. Nothing is ever unpickled."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stylegen.checkpoints.files import SUFFIX as SUFFIX
    from stylegen.checkpoints.files import read_header as read_header
    from stylegen.checkpoints.files import read_tensors as read_tensors
    from stylegen.checkpoints.files import write_tensors as write_tensors
    from stylegen.checkpoints.official import load_official_state as load_official_state
    from stylegen.checkpoints.snapshot import SnapshotInfo as SnapshotInfo
    from stylegen.checkpoints.snapshot import load as load
    from stylegen.checkpoints.snapshot import read_info as read_info
    from stylegen.checkpoints.snapshot import save_snapshot as save_snapshot

_HOMES = {
    "SUFFIX": "files",
    "read_header": "files",
    "read_tensors": "files",
    "write_tensors": "files",
    "load_official_state": "official",
    "SnapshotInfo": "snapshot",
    "load": "snapshot",
    "read_info": "snapshot",
    "save_snapshot": "snapshot",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
