"""States of unfinished projections: one file for each image, so that a killed run goes on.

A state is named after its image's pixels; the header says of which settings, network and distance
it is. A manifest beside the states says the same of the whole run, which files it will write, and
the digests of those that it has written.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from stylegen.checkpoints import SUFFIX, read_header, read_tensors, write_tensors
from stylegen.checkpoints.files import DamagedError
from stylegen.editing.latents import Latents
from stylegen.editing.projection.searching import Rows
from stylegen.errors import InputError
from stylegen.files import atomic_path, file_digest

KIND = "stylegen projection"
MANIFEST = "manifest.json"
MANIFEST_KIND = "stylegen unfinished projection"
# States, and what a killed process left of one or of the manifest while writing.
_OWN = re.compile(r"[0-9a-f]{16}\.(safetensors|json)|\.[0-9a-f]{12}\.(safetensors|json)\.part")


@dataclass(kw_only=True)
class Progress:
    """How far an image's search is.

    Attributes:
        rows: its state, each tensor with one row; empty before the first step.
        step: steps done.
        seconds: that they took.
    """

    rows: Rows = field(default_factory=dict)
    step: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """A search that was finished before.

    Attributes:
        latents: one, that it found.
        step: that the code is of.
        seconds: that it took.
    """

    latents: Latents
    step: int
    seconds: float


class StateFolder:
    """A folder of states.

    Args:
        path: the folder; created when the first state is saved.
        about: settings, network and distance, as plain values.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path, self.about = path, dict(about)

    def _file(self, name: str) -> Path:
        return self.path / f"{name}{SUFFIX}"

    def load(self, name: str) -> Progress:
        """Read an image's state; a fresh one where there is none.

        Raises:
            InputError: the state is damaged, or of other settings.
        """
        path = self._file(name)
        if not path.exists():
            return Progress()
        try:
            header = read_header(path, KIND)
        except DamagedError as error:
            raise InputError(
                f"{error}; move it away, and that photo's search starts anew"
            ) from error
        if header.get("about") != self.about:
            raise InputError(
                f"{path} is of a projection with other settings; take those, another folder, or "
                "start anew"
            )
        return Progress(
            rows=read_tensors(path), step=int(header["step"]), seconds=float(header["seconds"])
        )

    def save(self, name: str, rows: Mapping[str, Tensor], step: int, seconds: float) -> None:
        """Write an image's state, atomically.

        Raises:
            OSError: the folder cannot be written to.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        header = {"kind": KIND, "step": step, "seconds": seconds, "about": self.about}
        write_tensors(self._file(name), rows, header)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read what an unfinished run is about; None where there is none.

    Returns:
        "about": its settings and images; "files": names of what it writes, sorted; "written":
        SHA-256 of what it has written, by names.

    Raises:
        InputError: the folder or its manifest is something else.
    """
    path = folder / MANIFEST
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is no folder; move it away, unfinished work is kept there")
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); move {folder} away") from error
    if not isinstance(found, dict) or found.get("kind") != MANIFEST_KIND:
        raise InputError(f"{path} is not of an unfinished projection; move {folder} away")
    return found


def _write(folder: Path, manifest: Mapping[str, Any]) -> None:
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def write_manifest(folder: Path, about: Mapping[str, Any], files: Sequence[str]) -> None:
    """Write what a run is about, creating the folder.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"kind": MANIFEST_KIND, "about": dict(about), "files": sorted(files), "written": {}}
    _write(folder, manifest)


def note_written(folder: Path, *paths: Path) -> None:
    """Note in a run's manifest that it has written files, and may replace them as they are.

    Args:
        folder: of the manifest.
        paths: the files.

    Raises:
        InputError: as :func:`read_manifest`.
        OSError: a file cannot be read, or the manifest not be written.
    """
    manifest = read_manifest(folder)
    if manifest is not None:
        digests = {path.name: file_digest(path) for path in paths}
        _write(folder, {**manifest, "written": {**manifest.get("written", {}), **digests}})


def forget(folder: Path) -> None:
    """Remove an unfinished run: states, then the manifest, then the folder if nothing is left.

    Files of others stay, and so does a folder without a manifest.

    Raises:
        InputError: as :func:`read_manifest`.
        OSError: a file cannot be removed.
    """
    if read_manifest(folder) is None:
        return
    for path in folder.iterdir():
        if _OWN.fullmatch(path.name) and path.is_file():
            path.unlink()
    (folder / MANIFEST).unlink()
    if not any(folder.iterdir()) and not folder.is_symlink():
        folder.rmdir()
