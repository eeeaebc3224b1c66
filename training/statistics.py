"""Statistics of a run: means over a tick, as lines of stats.jsonl and TensorBoard events.

What cannot be written is left out with one warning: no disk stops the training.

N samples, F features.
"""

import json
import logging
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.training.events import EventsFile, append
from stylegen.training.world import World

_log = logging.getLogger(__name__)
_ROWS = 64  # of the distances held at a time


class Means:
    """Means of named scalars since the last reading; the device is asked only on reading.

    Values that are not finite are left out: they come from steps that were skipped.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}  # of values, and how many they were

    def add(self, values: dict[str, Tensor]) -> None:
        """Add detached scalars."""
        for name, value in values.items():
            is_finite = value.isfinite()
            pair = torch.stack([value.where(is_finite, 0), is_finite.to(value.dtype)])
            self._sums[name] = self._sums[name] + pair if name in self._sums else pair

    def state(self) -> dict[str, list[float]]:
        """Return the sums and counts as plain values, of this process's rows.

        Where several processes go on from them, all of them do from those of the first.
        """
        names = sorted(self._sums)
        pairs = torch.stack([self._sums[name] for name in names]).tolist() if names else []
        return dict(zip(names, pairs, strict=True))

    def load(self, state: dict[str, list[float]], device: torch.device) -> None:
        """Go on from what :meth:`state` gave."""
        self._sums = {k: torch.tensor(pair, device=device) for k, pair in state.items()}

    def take(self, world: World | None = None) -> dict[str, float]:
        """Return the means, over all processes of a run, and begin anew; NaN: there were none."""
        names = sorted(self._sums)
        sums = [self._sums[name] for name in names]
        if world is not None:
            world.mean_(sums)
        pairs = {name: pair.tolist() for name, pair in zip(names, sums, strict=True)}
        self._sums.clear()
        return {name: total / n if n else math.nan for name, (total, n) in pairs.items()}


def variety(features: Tensor) -> float:
    """Return the mean Euclidean distance over all pairs of samples, in float64.

    Of a collapsing generator's samples it falls, since they come to look alike.

    Args:
        features: (N, F) of a fixed set of latents, N at least 2.

    Raises:
        InputError: another shape.
    """
    if features.ndim != 2 or len(features) < 2:
        raise InputError(f"features are {tuple(features.shape)}; wanted (N, F), N at least 2")
    points = features.detach().to("cpu", torch.float64)
    exact = "donot_use_mm_for_euclid_dist"  # the product form loses small distances
    total = math.fsum(
        float(torch.cdist(points[i : i + _ROWS], points, compute_mode=exact).sum())
        for i in range(0, len(points), _ROWS)
    )
    return total / (len(points) * (len(points) - 1))


def truncate_after(path: str | Path, images_shown: int) -> int:
    """Cut off the lines of stats.jsonl that a killed run wrote after its saved state.

    A torn last line goes too. The file is shortened in one system call, which needs no room on the
    disk: it is as before or as wanted, whenever the process may die.

    Args:
        path: the file; it need not exist.
        images_shown: of the saved state; lines of more images are cut, with all that follows.

    Returns:
        How many bytes were cut.

    Raises:
        OSError: the file cannot be read or written.
    """
    path = Path(path)
    if not path.exists():
        return 0
    end = position = 0
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            shown = _images_shown(line)
            if shown is not None and shown > images_shown:
                break
            if shown is not None:
                end = position
    size = path.stat().st_size
    if size > end:
        os.truncate(path, end)
    return size - end


def _images_shown(line: bytes) -> float | None:
    """Read the step of a whole line; None: it is torn, or no line of statistics."""
    if not line.endswith(b"\n"):
        return None
    try:
        values = json.loads(line)
    except ValueError:
        return None
    shown = values.get("images_shown") if isinstance(values, dict) else None
    return shown if isinstance(shown, int | float) else None


class StatisticsWriter:
    """stats.jsonl (one object a tick, appended) and TensorBoard events, in a run's folder.

    What the disk refuses is lost, with one warning until it takes something again.

    Args:
        folder: the run's.
        resumed_at: images shown when the state was saved that the run goes on from: what was
            written after that is cut off, or hidden in TensorBoard. None: the run begins.
    """

    def __init__(self, folder: Path, resumed_at: int | None = None) -> None:
        self._path = folder / "stats.jsonl"
        self._lost = False
        self._board: EventsFile | None = None
        if resumed_at is not None:
            self._try(lambda: truncate_after(self._path, resumed_at))
        try:
            self._board = EventsFile(folder, None if resumed_at is None else resumed_at + 1)
        except ImportError as error:
            _log.warning("no TensorBoard events: %s; pip install tensorboard adds them", error)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            if not self._lost:
                text = "statistics are not written for now: %s; the training goes on"
                _log.warning(text, error)
            self._lost = True
        else:
            if self._lost:
                _log.info("statistics are written again")
            self._lost = False

    def write(self, values: dict[str, Any]) -> None:
        """Append one object; "images_shown" is TensorBoard's step. Never writes NaN."""
        clean = {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in values.items()
        }
        line = json.dumps(clean, allow_nan=False) + "\n"
        numbers = {
            k: float(v)
            for k, v in clean.items()
            if isinstance(v, int | float) and k != "images_shown"
        }

        def both() -> None:
            append(self._path, line.encode())
            if self._board is not None and numbers:
                scalars = [self._board.scalar(k, v) for k, v in numbers.items()]
                self._board.add(scalars, values["images_shown"])

        self._try(both)

    def image(self, name: str, grid: Tensor, images_shown: int) -> None:
        """Show a grid, uint8 (C, H, W) with C 1, 3 or 4, in TensorBoard."""
        if (board := self._board) is not None:
            self._try(lambda: board.add([board.image(name, grid)], images_shown))

    def histogram(self, name: str, values: Tensor, images_shown: int) -> None:
        """Show the distribution of numbers, such as logits, in TensorBoard.

        Args:
            name: what they are called.
            values: of any shape and type; those that are not finite are left out.
            images_shown: TensorBoard's step.
        """
        finite = values.detach().float()
        finite = finite[finite.isfinite()]
        if (board := self._board) is not None and finite.numel():
            self._try(lambda: board.add([board.histogram(name, finite)], images_shown))

    def close(self) -> None:
        """End writing; all is on its way to the disk already."""
        self._board = None


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
