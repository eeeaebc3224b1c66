"""Reports side by side: is the difference larger than the noise? Free of torch.

Every report is compared with the first. With values a and b of standard errors s_a and s_b

    z = (b - a) / sqrt(s_a^2 + s_b^2)

or, where both drew the same latents and hold the jackknife's pseudo-values p of B blocks,

    z = (b - a) / (sd over blocks of (p_b - p_a) / sqrt(B)),

which lacks what the latents have in common. A difference is clear if |z| exceeds the 97.5 %
quantile of Student's t (of the normal distribution, where no number of blocks is known).
Source: Miller 1974, "The jackknife - a review"; Student 1908.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri, stdtrit

from stylegen.errors import InputError
from stylegen.metrics.compare_protocols import Obstacle, count_obstacle, obstacles, unknowns
from stylegen.metrics.schema import NEWEST, problems

_LEVEL = 0.975
_NAME = "report.json"
Outcome = Literal["better", "worse", "noise", "same", "unknown", "incomparable"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a metric of a report differs from that of the first.

    Attributes:
        outcome: "better" or "worse" by more than the noise, within the "noise", the "same" to the
            last digit, "unknown" without standard errors, or "incomparable".
        difference: the value less the first report's.
        error: standard error of the difference.
        z: the one over the other.
        paired: taken block by block on the same latents.
        obstacles: what differs and keeps them from being compared, in few words.
    """

    outcome: Outcome
    difference: float | None = None
    error: float | None = None
    z: float | None = None
    paired: bool = False
    obstacles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One metric of all reports.

    Attributes:
        key: of the metric.
        name: for people.
        better: "lower" or "higher".
        values: of each report: value and standard error; None: it has none.
        verdicts: of each report but the first; None: one of both lacks the metric.
    """

    key: str
    name: str
    better: str
    values: tuple[tuple[float | None, float | None], ...]
    verdicts: tuple[Verdict | None, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Reports side by side.

    Attributes:
        paths: of the reports.
        reports: as report.json holds them.
        rows: metrics, those of the first report first.
        obstacles: of each report but the first: why some of its numbers cannot be compared.
        notes: of each report but the first: what is not known, and may matter.
    """

    paths: tuple[str, ...]
    reports: tuple[Mapping[str, Any], ...]
    rows: tuple[Row, ...]
    obstacles: tuple[tuple[Obstacle, ...], ...]
    notes: tuple[tuple[str, ...], ...]


def _is_report(value: Any) -> bool:
    """Tell whether a value has what is compared; reports of schema version 1 have it, too."""
    if not isinstance(value, dict) or not isinstance(value.get("schema_version"), int):
        return False
    parts = [value.get(name) for name in ("metrics", "protocol", "features", "sides")]
    if not all(isinstance(part, dict) for part in parts):
        return False
    metrics, sides = value["metrics"].values(), value["sides"].values()
    return all(isinstance(m, dict) and isinstance(m.get("images"), dict) for m in metrics) and all(
        isinstance(side, dict) for side in sides
    )


def read_report(path: str | Path) -> dict[str, Any]:
    """Read a report.json; ``path`` names it or the folder that holds it.

    Raises:
        InputError: it is none, or was written by a later version.
        OSError: it cannot be read.
    """
    path = Path(path)
    path = path / _NAME if path.is_dir() else path
    if not path.exists():
        raise InputError(f"{path} does not exist; name a report's folder or its {_NAME}")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}; name a report's {_NAME}") from error
    if not _is_report(report):
        raise InputError(f"{path} is no report of stylegen evaluate; name a report's {_NAME}")
    version = report["schema_version"]
    if version > NEWEST:
        raise InputError(
            f"{path} has schema version {version} and this program knows {NEWEST}: update it"
        )
    if version == NEWEST and (wrong := problems(report, allow_unknown=True)):
        raise InputError(f"{path} does not follow its schema: {wrong[0]}; take the report anew")
    return dict(report)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _difference_error(
    a: Mapping[str, Any], b: Mapping[str, Any], paired: bool
) -> tuple[float | None, float, bool]:
    """Return the standard error of a difference, its degrees of freedom, and if it is paired."""
    blocks = [m.get("pseudo_values") or [] for m in (a, b)]
    first, second = _number(a.get("error")), _number(b.get("error"))
    if paired and len(blocks[0]) == len(blocks[1]) > 1:
        moved = np.subtract(blocks[1], blocks[0])
        return float(moved.std(ddof=1) / math.sqrt(len(moved))), len(moved) - 1, True
    if first is None or second is None:
        return None, math.inf, False
    freedom = sum(len(block) - 1 for block in blocks) if all(blocks) else math.inf
    return math.hypot(first, second), freedom, False


def _limit(freedom: float) -> float:
    return float(ndtri(_LEVEL) if math.isinf(freedom) else stdtrit(freedom, _LEVEL))


def _outcome(difference: float, error: float | None, limit: float, better: str) -> Outcome:
    if difference == 0:
        return "same"
    if error is None:
        return "unknown"
    if abs(difference) <= limit * error:
        return "noise"
    return "better" if (difference > 0) == (better == "higher") else "worse"


def judge(
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    *,
    paired: bool,
    obstacles: Sequence[Obstacle] = (),
) -> Verdict:
    """Say how one metric of two reports differs.

    Args:
        a: the metric as the first report.json holds it.
        b: as the other does.
        paired: both drew the same latents, and are compared with the same images.
        obstacles: what keeps them from being compared.
    """
    first, second = _number(a.get("value")), _number(b.get("value"))
    if obstacles:
        return Verdict(outcome="incomparable", obstacles=tuple(o.short for o in obstacles))
    if first is None or second is None:
        return Verdict(outcome="unknown")
    difference = second - first
    error, freedom, by_block = _difference_error(a, b, paired)
    outcome = _outcome(difference, error, _limit(freedom), str(a.get("better")))
    z = difference / error if error else None
    return Verdict(outcome=outcome, difference=difference, error=error, z=z, paired=by_block)


def _paired(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return a.get("draws") is not None and a.get("draws") == b.get("draws")


def _verdict(
    key: str, reports: Sequence[Mapping[str, Any]], i: int, found: Sequence[Obstacle]
) -> Verdict | None:
    a, b = (reports[j]["metrics"].get(key) for j in (0, i))
    if a is None or b is None:
        return None
    own = [o for o in found if o.concerns(key)]
    return judge(a, b, paired=_paired(reports[0], reports[i]), obstacles=own)


def _row(
    key: str, reports: Sequence[Mapping[str, Any]], found: Sequence[Sequence[Obstacle]]
) -> Row:
    metrics = [report["metrics"].get(key) for report in reports]
    one = next(metric for metric in metrics if metric is not None)
    values = tuple(
        (_number((m or {}).get("value")), _number((m or {}).get("error"))) for m in metrics
    )
    verdicts = tuple(_verdict(key, reports, i, found[i - 1]) for i in range(1, len(reports)))
    return Row(key=key, name=str(one.get("name", key)), better=str(one.get("better", "")),
               values=values, verdicts=verdicts)  # fmt: skip


def _between(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Obstacle, ...]:
    """Return all obstacles to the metrics that two reports have in common."""
    keys = [key for key in a["metrics"] if key in b["metrics"]]
    counts = [count_obstacle(key, a["metrics"][key], b["metrics"][key]) for key in keys]
    every = [*obstacles(a, b), *(count for count in counts if count is not None)]
    return tuple(o for o in every if any(o.concerns(key) for key in keys))


def compare(paths: Sequence[str | Path]) -> Comparison:
    """Put reports side by side, each against the first.

    Args:
        paths: of report.json, or of folders that hold one.

    Raises:
        InputError: fewer than two, or one of them is no report.
        OSError: one of them cannot be read.
    """
    if len(paths) < 2:
        raise InputError("one report alone cannot be compared; name two or more")
    reports = tuple(read_report(path) for path in paths)
    keys = list(dict.fromkeys(key for report in reports for key in report["metrics"]))
    found = tuple(_between(reports[0], report) for report in reports[1:])
    return Comparison(
        paths=tuple(map(str, paths)),
        reports=reports,
        rows=tuple(_row(key, reports, found) for key in keys),
        obstacles=found,
        notes=tuple(tuple(unknowns(reports[0], report)) for report in reports[1:]),
    )
