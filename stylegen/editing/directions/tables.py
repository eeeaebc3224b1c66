"""The report as text for a terminal."""

from stylegen.editing.directions.judging import DirectionReport, FactorChange, Report

_NEXT = 2  # changes beside the largest that are shown


def _change(change: FactorChange) -> str:
    return f"{change.factor} {change.toward} {change.change:.2f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def _row(found: DirectionReport) -> list[str]:
    first, *rest = [_change(change) for change in found.changes[: 1 + _NEXT]] or ["-"]
    row = [found.name, _share(found.explained_variance), f"{found.rate:.3g}"]
    return [*row, _share(found.purity), first, ", ".join(rest)]


def _columns(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _path(report: Report) -> str:
    path = report.path
    z = "" if path.z is None else f", in Z {path.z:.3g} +- {path.z_error:.2g}"
    return (
        f"path length in W {path.w:.3g} +- {path.w_error:.2g}{z}"
        f"   ({path.space} features, {path.samples} places, step {path.epsilon:g})"
    )


def report_table(report: Report) -> str:
    """Lay a report out as lines of at most about 120 characters."""
    s = report.config.strength
    heading = ["direction", "variance", "rate", "purity", f"changes from {-s:g} to {s:g}", "next"]
    lines = _columns([heading, *(_row(found) for found in report.directions)])
    odd = [] if report.oddness is None else [f"oddness {report.oddness:.1f} (built-in faces: 1)"]
    return "\n".join([*lines, "", _path(report), *odd, *report.notes])
