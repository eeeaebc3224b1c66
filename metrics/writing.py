"""Put a report in a folder, each file whole or not at all.

report.html, report.json, metrics.jsonl with a line for each snapshot, and figures/.
"""

import json
import os
from pathlib import Path

from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.metrics.page import render
from stylegen.metrics.report import Report
from stylegen.metrics.report_files import figure_files, snapshot_lines

JSON_NAME = "report.json"
HTML_NAME = "report.html"
LINES_NAME = "metrics.jsonl"
FIGURES_NAME = "figures"
_NAMES = (JSON_NAME, HTML_NAME, LINES_NAME, FIGURES_NAME)


def check_folder(folder: str | Path, overwrite: bool = False) -> None:
    """Check, before hours of work, that a report can be written to a folder; leave no trace.

    Raises:
        InputError: it is a file, or holds another report and overwrite is False.
        OSError: it cannot be made or written to.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the report")
    held = [name for name in _NAMES if (folder / name).exists()]
    if held and not overwrite:
        raise InputError(
            f"{folder} already holds a report ({held[0]}): name another folder, or replace it "
            "with --overwrite"
        )
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    writable = os.access(folder, os.W_OK | os.X_OK)
    for made in missing:
        made.rmdir()
    if not writable:
        raise InputError(f"the folder {folder} cannot be written to; name another for the report")


def _write_figures(report: Report, folder: Path) -> None:
    """Write the figures, and take away those of a report that was here."""
    files = figure_files(report)
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        with atomic_path(folder / name) as path:
            path.write_bytes(content)
    for old in folder.iterdir():
        if old.suffix in (".svg", ".png") and old.name not in files:
            old.unlink()


def write_report(report: Report, folder: str | Path, overwrite: bool = False) -> Path:
    """Write report.html, report.json, metrics.jsonl and figures/ into a folder.

    Args:
        report: what was found.
        folder: made when absent.
        overwrite: replace a report that is there.

    Returns:
        The path of report.html.

    Raises:
        InputError: the folder is a file, or holds another report and overwrite is False.
        OSError: it cannot be written.
    """
    check_folder(folder, overwrite)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / JSON_NAME) as path:
        text = json.dumps(report.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
    with atomic_path(folder / LINES_NAME) as path:
        path.write_text("".join(f"{line}\n" for line in snapshot_lines(report)), encoding="utf-8")
    _write_figures(report, folder / FIGURES_NAME)
    with atomic_path(folder / HTML_NAME) as path:
        path.write_text(render(report), encoding="utf-8")
    return folder / HTML_NAME
