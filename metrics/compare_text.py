"""A comparison of reports as text: what each outcome is called, and a table for terminals."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from stylegen.metrics.compare import Comparison, Row, Verdict
from stylegen.metrics.page_numbers import in_words

_WORDS = {
    "better": "better, by more than the noise",
    "worse": "worse, by more than the noise",
    "noise": "no difference beyond the noise",
    "same": "the same",
    "unknown": "no telling: no standard errors",
    "incomparable": "not comparable",
}


def letter(i: int) -> str:
    """Return what the i-th report is called: A, B, ..., Z, #27, ..."""
    return chr(ord("A") + i) if i < 26 else f"#{i + 1}"


def title(comparison: Comparison, i: int) -> str:
    """Return the judged side and the place of a report."""
    side = comparison.reports[i].get("sides", {}).get("a", {})
    name = Path(str(side.get("path", "?"))).name
    kimg = f" at {side['kimg']:,g} kimg" if isinstance(side.get("kimg"), int | float) else ""
    return f"{name}{kimg} ({comparison.paths[i]})"


def moved(verdict: Verdict) -> str:
    """Write the difference with its error and z; empty: there is none."""
    if verdict.difference is None or verdict.outcome == "same":
        return ""
    sign = "+" if verdict.difference > 0 else ""
    paired = ", same latents" if verdict.paired else ""
    z = "" if verdict.z is None else f", z = {verdict.z:+.1f}{paired}"
    return f"{sign}{in_words(verdict.difference, verdict.error)}{z}"


def outcome(verdict: Verdict) -> str:
    """Write what came out."""
    words = _WORDS[verdict.outcome]
    if verdict.outcome == "unknown" and verdict.difference is None:
        words = "no telling: a value is undefined"
    unknown = [o for o in verdict.obstacles if o.endswith(" unknown")]
    differing = [o for o in verdict.obstacles if o not in unknown]
    told = [", ".join(differing) + (" differs" if len(differing) == 1 else " differ")]
    reasons = [*(told if differing else []), *unknown]
    return f"{words}: {'; '.join(reasons)}" if reasons else words


def _lines(row: Row, widths: Sequence[int]) -> Iterator[str]:
    cells = [row.name.ljust(widths[0])]
    cells += [in_words(*v).rjust(w) for v, w in zip(row.values, widths[1:], strict=True)]
    yield "  ".join(cells)
    for i, verdict in enumerate(row.verdicts, 1):
        if verdict is not None:
            difference = moved(verdict)
            yield f"    {letter(i)} - A: {difference}{'; ' if difference else ''}{outcome(verdict)}"


def text(comparison: Comparison) -> str:
    """Return a comparison as a text table: reports, metrics, differences, and what differs."""
    count = len(comparison.reports)
    lines = [f"{letter(i)}  {title(comparison, i)}" for i in range(count)]
    values = [[in_words(*row.values[i]) for row in comparison.rows] for i in range(count)]
    names = [f"{row.name}" for row in comparison.rows]
    widths = [max(map(len, (*names, "metric"))), *(max(map(len, (*v, "A"))) for v in values)]
    head = ["metric".ljust(widths[0]), *(letter(i).rjust(widths[i + 1]) for i in range(count))]
    lines += ["", "  ".join(head)]
    for row in comparison.rows:
        lines += _lines(row, widths)
    for i, found in enumerate(comparison.obstacles, 1):
        if found:
            lines += ["", f'A ("here") and {letter(i)} ("there") differ:']
            lines += [f"  {o.field}: {o.why}" for o in found]
    for i, notes in enumerate(comparison.notes, 1):
        lines += [f"\nNote on A and {letter(i)}: {note}" for note in notes]
    return "\n".join(lines)
