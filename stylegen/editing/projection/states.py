"""States of unfinished projections: one file for each image, so that a killed run goes on.

A state is named after its image's pixels; the header says of which settings, network and distance
it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from stylegen.checkpoints import SUFFIX, read_header, read_tensors, write_tensors
from stylegen.editing.projection.searching import Rows
from stylegen.errors import InputError

KIND = "stylegen projection"


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
        header = read_header(path, KIND)
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
