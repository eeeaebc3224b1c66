"""Results: tables of rows, written as JSON and Markdown after every row.

The file's name tells the day, the kind of device and the benchmark. A file that exists is left
alone: the new one gets a number.
"""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.environment import device_kind, environment, listen, operators
from benchmarks.timing import Times, compare
from stylegen.files import atomic_path

SCHEMA = 1
FOLDER = Path(__file__).resolve().parent / "results"

Value = str | int | float | bool | None | list[float]
Row = dict[str, Value]


def rounded(value: float, digits: int = 4) -> float:
    """Round to significant digits, for reading."""
    return float(f"{value:.{digits}g}")


def compared(plain: Times, mine: Times) -> Row:
    """Return the columns that compare a time with the plain path's."""
    ratio = compare(plain, mine)
    return {
        "plain ms": rounded(plain.median * 1e3),
        "ms": rounded(mine.median * 1e3),
        "ratio": rounded(ratio.value, 3),
        "from": rounded(ratio.low, 3),
        "to": rounded(ratio.high, 3),
        "verdict": ratio.verdict,
        "plain seconds": list(plain.rounds),
        "seconds": list(mine.rounds),
    }


def _text(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _columns(rows: Sequence[Row]) -> list[str]:
    """Return the columns of a table for people, in order; lists of rounds are for the JSON."""
    names = dict.fromkeys(k for row in rows for k in row)
    return [
        name
        for name in names
        if any(row.get(name) not in (None, "") for row in rows)
        and not any(isinstance(row.get(name), list) for row in rows)
    ]


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table with aligned columns."""
    columns = _columns(rows)
    cells = [[_text(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    numeric = [all(not isinstance(row.get(n), str) for row in rows) for n in columns]

    def line(values: Sequence[str]) -> str:
        each = zip(values, widths, numeric, strict=True)
        return "| " + " | ".join(v.rjust(w) if n else v.ljust(w) for v, w, n in each) + " |"

    rule = ["-" * (w - 1) + ":" if n else "-" * w for w, n in zip(widths, numeric, strict=True)]
    return "\n".join([line(columns), line(rule), *map(line, cells)])


def _reserve(folder: Path, stem: str) -> Path:
    """Create an empty file under the first free name: stem.json, stem-2.json, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = folder / (f"{stem}.json" if number == 1 else f"{stem}-{number}.json")
        if not path.with_suffix(".md").exists():
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                return path
        number += 1


class Results:
    """What a benchmark found.

    Args:
        name: of the benchmark.
        device: what was timed.
        out: folder of the files; made if absent.
        arguments: what the benchmark was told, as plain values.
        tiny: whether it was a rehearsal; its files say so.
    """

    def __init__(
        self,
        name: str,
        device: torch.device,
        out: Path,
        arguments: Mapping[str, Any],
        tiny: bool = False,
    ) -> None:
        listen()
        self.name, self.tiny, self.arguments = name, tiny, dict(arguments)
        self.environment = environment(device)
        self.tables: dict[str, list[Row]] = {}
        self.notes: list[str] = []
        self.complete = False
        self._begun, self._begin = datetime.now(UTC), time.perf_counter()
        day = self._begun.strftime("%Y-%m-%d")
        stem = "-".join([day, device_kind(device), name, *(["tiny"] if tiny else [])])
        self.path = _reserve(out, stem)
        self.write()

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            "schema": SCHEMA,
            "benchmark": self.name,
            "rehearsal": self.tiny,
            "complete": self.complete,
            "begun": self._begun.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self._begin, 1),
            "arguments": self.arguments,
            "environment": {**self.environment, "operators": operators()},
            "notes": self.notes,
            "tables": self.tables,
        }

    def _markdown(self) -> str:
        e = self.environment
        machine = (
            e["gpu"]["name"] if e["gpu"] else f"{e['cpu']['name']}, {e['cpu']['threads']} threads"
        )
        state = "" if self.complete else ", not finished"
        head = f"# {self.name}: {machine}, torch {e['torch']}, {self._begun:%Y-%m-%d}{state}"
        parts = [head, *(f"\n## {name}\n\n{table(rows)}" for name, rows in self.tables.items())]
        return "\n".join([*parts, *(f"\n{note}" for note in self.notes)]) + "\n"

    def write(self) -> None:
        """Write both files, each whole."""
        with atomic_path(self.path) as path:
            path.write_text(json.dumps(self.to_dict(), indent=1) + "\n")
        with atomic_path(self.path.with_suffix(".md")) as path:
            path.write_text(self._markdown())

    def add(self, name: str, row: Row) -> None:
        """Add a row to a table, write the files, and say it on stderr."""
        self.tables.setdefault(name, []).append(row)
        self.write()
        shown = {k: _text(v) for k, v in row.items() if not isinstance(v, list)}
        click.echo(f"{name}: " + ", ".join(f"{k} {v}" for k, v in shown.items() if v), err=True)

    def note(self, text: str) -> None:
        """Add a sentence that stands below the tables."""
        self.notes.append(text)
        self.write()

    def finish(self) -> None:
        """Write the files as complete and show the tables."""
        self.complete = True
        self.write()
        click.echo(self._markdown())
        click.echo(f"written: {self.path} and {self.path.with_suffix('.md').name}")
