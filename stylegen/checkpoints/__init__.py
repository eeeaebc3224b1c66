"""Checkpoints: tensors (safetensors) with a JSON header. Nothing is ever unpickled."""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names

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

__getattr__ = lazy_names(__name__, _HOMES)
__all__ = sorted(_HOMES)
