"""A real training through the command line: begun, stopped, resumed, and judged over kimg.

Each step is a command that a user could have typed, in a process of its own.
"""

import json
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.environment import ROOT
from benchmarks.results import Results, Row, rounded
from benchmarks.suites import Settings
from stylegen.errors import InputError
from stylegen.training.folder import RunFolder

_FIRST_SHARE, _RESUMED_SHARE = 0.3, 0.4  # of the time; what is left is for the distances
_JUDGED = 8  # snapshots, at most
_TINY_TRAINING = (
    "--kimg 0.032 --snapshot-kimg 0.016 --tick-kimg 0.016 --channel-max 8 --z-dim 8 --w-dim 8"
)
_TRAINING = "--kimg 100000 --snapshot-kimg 100 --tick-kimg 10 --xflip"


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What is learned, and how it is judged.

    Attributes:
        data: folder or zip of images.
        work: folder of the run, of the distances, and of the logs.
        features: network of the Frechet distance.
        features_weights: its weights file.
        batch: images of a step.
        channel_base: features of a layer are this / resolution.
        samples: images drawn for each distance.
        extra: further options of ``stylegen train``.
    """

    data: Path
    work: Path
    features: str = "squeezenet"
    features_weights: Path | None = None
    batch: int = 64
    channel_base: int = 16384
    samples: int = 10000
    extra: str = ""


class _Commands:
    """Runs ``stylegen`` commands, each timed and noted as a row."""

    def __init__(self, results: Results, folder: Path) -> None:
        self.results, self.folder = results, folder

    def __call__(self, *words: str) -> None:
        begin = time.perf_counter()
        command = [sys.executable, "-m", "stylegen", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        with (self.folder / "commands.log").open("a") as log:
            log.write(f"$ stylegen {shlex.join(words)}\n{done.stdout}{done.stderr}\n")
        row: Row = {
            "command": words[0],
            "seconds": round(time.perf_counter() - begin, 1),
            "exit": done.returncode,
            "said": self._first_line(done.stderr if done.returncode else done.stdout),
        }
        self.results.add("commands", row)
        if done.returncode:
            raise InputError(f"stylegen {words[0]} failed: {done.stderr.strip()[-500:]}")

    def _first_line(self, said: str) -> str:
        first = next(iter(said.strip().splitlines()), "")
        return first.replace(f"{self.folder}/", "")[:200]


def _limits(settings: Settings) -> list[list[str]]:
    """Return the options that stop the run, and those that stop it once it is resumed."""
    if settings.tiny:
        return [["--max-minutes", "0"], ["--max-minutes", "1"]]
    minutes = settings.minutes or 0.0
    shares = (_FIRST_SHARE, _RESUMED_SHARE)
    return [["--max-minutes", f"{minutes * share:.3f}"] for share in shares]


def _train(run: _Commands, lesson: Lesson, settings: Settings) -> Path:
    """Begin the run, stop it and resume it; return its folder."""
    first, resumed = _limits(settings)
    runs = lesson.work / "runs"
    run(
        "train", "--data", str(lesson.data), "--out", str(runs), "--name", "learn",
        "--batch", str(lesson.batch), "--channel-base", str(lesson.channel_base),
        "--precision", settings.precisions[0], "--device", str(settings.device),
        *shlex.split(_TINY_TRAINING if settings.tiny else _TRAINING),
        *shlex.split(lesson.extra), *first,
    )  # fmt: skip
    folder = max(runs.iterdir())
    run("train", "--resume", str(folder), *resumed)
    return folder


def _statistics(results: Results, folder: Path) -> None:
    """Note the run's own statistics."""
    for line in (folder / "stats.jsonl").read_text().splitlines():
        values = json.loads(line)
        row: Row = {
            k: rounded(v) if isinstance(v, float) else v
            for k, v in values.items()
            if isinstance(v, int | float)
        }
        results.add("statistics", row)


def spread_out(items: list[Any], most: int) -> list[Any]:
    """Return at most ``most`` items, evenly spread, the last one and the first one first."""
    if len(items) <= 2:
        return items[::-1]
    count = min(most, len(items))
    places = {round(i * (len(items) - 1) / max(count - 1, 1)) for i in range(count)}
    chosen = [items[i] for i in sorted(places)]
    return [chosen[-1], chosen[0], *chosen[1:-1]]


def _judge(run: _Commands, lesson: Lesson, settings: Settings, snapshot: Path) -> Row:
    report = lesson.work / "reports" / snapshot.stem
    weights = lesson.features_weights
    run(
        "evaluate", str(snapshot), "--against", str(lesson.data), "--out", str(report),
        "--features", lesson.features, "--metrics", "fid", "--samples", str(lesson.samples),
        "--device", str(settings.device),
        *(["--features-weights", str(weights)] if weights else []),
    )  # fmt: skip
    metrics = json.loads((report / "report.json").read_text())["metrics"]
    kimg = float(snapshot.stem.removeprefix("snapshot-"))
    row: Row = {"kimg": kimg}
    return row | {m["name"]: rounded(m["value"], 5) for m in metrics.values()}


def _keep_grids(folder: Path, results: Results) -> None:
    """Copy the reals and the last sample grid beside the results."""
    grids = sorted(folder.glob("fakes*.png"))
    for path in [folder / "reals.png", *grids[-1:]]:
        if path.is_file():
            shutil.copy(path, results.path.with_name(f"{results.path.stem}-{path.name}"))


def run_learn(settings: Settings, lesson: Lesson) -> Results:
    """Train, stopped and resumed once, and note the distance over kimg.

    Args:
        settings: device, time, and the precision (the first of them).
        lesson: the images and the measure.

    Raises:
        InputError: a command failed, or there is no limit of time.
    """
    if settings.minutes is None and not settings.tiny:
        raise InputError("learn needs --minutes, which it divides between training and judging")
    told = {k: v.name if isinstance(v, Path) else v for k, v in asdict(lesson).items()}
    results = settings.results("learn", **told)
    end = None if settings.minutes is None else time.perf_counter() + settings.minutes * 60
    lesson.work.mkdir(parents=True, exist_ok=True)
    run, judged = _Commands(results, lesson.work), 2 if settings.tiny else _JUDGED
    folder = _train(run, lesson, settings)
    _statistics(results, folder)
    _keep_grids(folder, results)
    for snapshot in spread_out(RunFolder(folder).snapshots(), judged):
        if end is not None and time.perf_counter() > end:
            results.note("Further snapshots were not judged, as the time was over.")
            break
        results.add("distance", _judge(run, lesson, settings, snapshot))
    rows = results.tables.get("distance", [])
    rows.sort(key=lambda row: float(str(row["kimg"])))
    results.finish()
    return results
