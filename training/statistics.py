"""Statistics of a run: means over a tick, as lines of stats.jsonl and TensorBoard events."""

import json
import logging
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_log = logging.getLogger(__name__)


class Means:
    """Means of named scalars since the last reading; the device is asked only on reading."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = defaultdict(int)

    def add(self, values: dict[str, Tensor]) -> None:
        """Add detached scalars."""
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] += 1

    def take(self) -> dict[str, float]:
        """Return the means and begin anew."""
        means = {k: float(v) / self._counts[k] for k, v in sorted(self._sums.items())}
        self._sums.clear()
        self._counts.clear()
        return means


class StatisticsWriter:
    """stats.jsonl (one object a tick, appended) and TensorBoard events, in a run's folder.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "stats.jsonl"
        self._board: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder))
        except ImportError as error:
            _log.warning("no TensorBoard events: %s; pip install tensorboard adds them", error)

    def write(self, values: dict[str, Any]) -> None:
        """Append one object; "images_shown" is TensorBoard's step. Never writes NaN."""
        clean = {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in values.items()
        }
        with self._path.open("a") as file:
            file.write(json.dumps(clean, allow_nan=False) + "\n")
        if self._board is not None:
            for name, value in clean.items():
                if isinstance(value, int | float) and name != "images_shown":
                    self._board.add_scalar(name, value, values["images_shown"])
            self._board.flush()

    def image(self, name: str, grid: Tensor, images_shown: int) -> None:
        """Show a grid, uint8 (C, H, W) with C 1, 3 or 4, in TensorBoard."""
        if self._board is not None:
            self._board.add_image(name, grid, images_shown)

    def close(self) -> None:
        """Flush and close the events file."""
        if self._board is not None:
            self._board.close()


def peak_memory_mib(device: torch.device) -> float:
    """Return the most memory that this process has held: of the GPU, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB elsewhere
