"""A run's folder: where each file lies, and the number it gets.

runs/00000-name/: config.json (and config-begun.json, what it was before anything of it changed),
stats.jsonl, TensorBoard events, curves.png, reals.png, fakes000000.png ...,
snapshot-000000.safetensors ..., training-state.safetensors, and the one before it,
training-state-earlier.safetensors.
"""

import contextlib
import itertools
import json
import math
import re
import shutil
from pathlib import Path

from stylegen import configs
from stylegen.checkpoints import SUFFIX
from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.training.config import RunConfig

STATE_NAME = f"training-state{SUFFIX}"
EARLIER_STATE_NAME = f"training-state-earlier{SUFFIX}"


class RunFolder:
    """Names of a run's files.

    Args:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.begun_config = self.path / "config-begun.json"
        self.stats = self.path / "stats.jsonl"
        self.reals = self.path / "reals.png"
        self.state = self.path / STATE_NAME
        self.earlier_state = self.path / EARLIER_STATE_NAME
        self.curves = self.path / "curves.png"
        self.skipped = self.path / "skipped.json"

    def snapshot(self, kimg: float) -> Path:
        """Return a free name for the snapshot at a moment of training."""
        stem = f"snapshot-{int(kimg):06d}"
        others = any(self.path.glob(f"{stem}*{SUFFIX}"))  # of the same kimg: the order is by name
        return self.path / (f"snapshot-{kimg:010.3f}{SUFFIX}" if others else f"{stem}{SUFFIX}")

    def snapshots(self, until_kimg: float = math.inf) -> list[Path]:
        """Return all snapshots up to a moment, oldest first."""
        numbered = [
            (float(m[1]), p)
            for p in self.path.iterdir()
            if (m := re.fullmatch(rf"snapshot-(\d+(?:\.\d+)?){re.escape(SUFFIX)}", p.name))
        ]
        return [path for kimg, path in sorted(numbered) if kimg <= until_kimg]

    def good_state(self, again: bool) -> Path:
        """Return the last state; ``again``: it has led to trouble, so the one before it, if any."""
        return self.earlier_state if again and self.earlier_state.is_file() else self.state

    def write_config(self, config: RunConfig) -> None:
        """Write config.json, atomically."""
        with atomic_path(self.config) as temporary:
            temporary.write_text(json.dumps(configs.to_dict(config), indent=2) + "\n")

    def change_config(self, config: RunConfig) -> None:
        """Write config.json anew; what the run began with stays as config-begun.json."""
        if not self.begun_config.exists():
            with atomic_path(self.begun_config) as temporary:
                shutil.copyfile(self.config, temporary)
        self.write_config(config)

    def write_skipped(self, skipped: list[tuple[str, str]]) -> None:
        """Write skipped.json: name and reason of each image file that could not be read."""
        values = [{"name": name, "reason": reason} for name, reason in skipped]
        with atomic_path(self.skipped) as temporary:
            temporary.write_text(json.dumps(values, indent=1) + "\n")

    def read_config(self) -> RunConfig:
        """Read config.json.

        Raises:
            InputError: the folder is no run, or its config.json is damaged.
        """
        return self._read(self.config)

    def read_begun_config(self) -> RunConfig:
        """Read what the run began with: config.json, as long as nothing of it has changed.

        Raises:
            InputError: the folder is no run, or the file is damaged.
        """
        return self._read(self.begun_config if self.begun_config.is_file() else self.config)

    def _read(self, path: Path) -> RunConfig:
        if not path.is_file():
            raise InputError(f"{self.path} is not a run: it has no {path.name}")
        try:
            values = json.loads(path.read_text())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path} is damaged: {error}") from error
        return configs.from_dict(RunConfig, values, str(path))


def new_run_folder(parent: str | Path, name: str) -> RunFolder:
    """Make the next free folder, such as runs/00003-name.

    Args:
        parent: the folder of all runs; made if absent.
        name: what the run is called; characters that do not suit a file name become "-".

    Raises:
        InputError: the parent is a file.
        OSError: it cannot be written.
    """
    parent = Path(parent)
    if parent.exists() and not parent.is_dir():
        raise InputError(f"{parent} is a file; wanted a folder for the runs")
    parent.mkdir(parents=True, exist_ok=True)
    numbers = [int(m[1]) for p in parent.iterdir() if (m := re.match(r"(\d{5,})-", p.name))]
    safe = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    for number in itertools.count(max(numbers, default=-1) + 1):
        path = parent / f"{number:05d}-{safe}"
        with contextlib.suppress(FileExistsError):  # another run began at the same time
            path.mkdir()
            return RunFolder(path)
    raise AssertionError("numbers do not end")
