"""A check's report in lines of text, and as JSON."""

import json
import os
from collections.abc import Iterator

from stylegen.data.checking import CheckReport
from stylegen.data.faults import KINDS, Finding
from stylegen.files import atomic_path

_MOST = 6  # entries of a table


def _table(counts: dict[str, int]) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:_MOST]]
    more = len(counts) - _MOST
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _finding(finding: Finding) -> str:
    text = (" ~ " if finding.kind == "near duplicates" else " = ").join(finding.names)
    if text and finding.detail:
        return f"{text}: {finding.detail}"
    return text or finding.detail


def summary(report: CheckReport) -> Iterator[str]:
    """Yield lines on what a set is like."""
    yield f"{report.path}: {report.count:,} image files, {report.usable:,} can be read"
    sizes = {f"{w}x{h}": count for (w, h), count in report.sizes.items()}
    yield f"  sizes     {_table(sizes)}"
    yield f"  kinds     {_table(report.kinds)}"
    yield f"  formats   {_table(report.formats)}"
    statistics = [f"{name} {mean:.1f} ± {std:.1f}" for name, (mean, std) in report.channels.items()]
    yield f"  values    {', '.join(statistics)}"
    yield f"  channels  --channels {report.suggested_channels} keeps what most files show"
    if report.classes:
        counts = report.classes.values()
        few, most = min(counts), max(counts)
        yield f"  classes   {len(counts):,}, of {few:,} to {most:,} images"
    if report.others:
        yield f"  not read  {len(report.others):,} other files, such as {report.others[0]}"


def findings(report: CheckReport, most: int = 20) -> Iterator[str]:
    """Yield lines on what was found wrong.

    Args:
        report: of the check.
        most: findings of a kind to list; 0 lists all.
    """
    if report.is_clean:
        yield "nothing found"
    for kind in KINDS:
        found = report.of_kind(kind)
        if found:
            yield f"{kind}: {len(found):,}"
        shown = found[: most or len(found)]
        yield from (f"  {_finding(finding)}" for finding in shown)
        if len(found) > len(shown):
            yield f"  and {len(found) - len(shown):,} more"


def write_json(report: CheckReport, path: str | os.PathLike[str]) -> None:
    """Write a report as JSON, atomically; a file there is replaced.

    Raises:
        InputError: the folder does not exist or may not be written.
        OSError: the disk refuses.
    """
    with atomic_path(path) as temporary:
        text = json.dumps(report.to_dict(), indent=1, ensure_ascii=True)
        temporary.write_text(text + "\n", encoding="utf-8")
