"""Put a report in a folder: report.json and report.html, each whole or not at all."""

import json
import os
from pathlib import Path

from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.metrics.page import render
from stylegen.metrics.report import Report

JSON_NAME = "report.json"
HTML_NAME = "report.html"


def check_folder(folder: str | Path, overwrite: bool = False) -> None:
    """Check, before hours of work, that a report can be written to a folder; leave no trace.

    Raises:
        InputError: it is a file, or holds another report and overwrite is False.
        OSError: it cannot be made or written to.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the report")
    held = [name for name in (JSON_NAME, HTML_NAME) if (folder / name).exists()]
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


def write_report(report: Report, folder: str | Path, overwrite: bool = False) -> Path:
    """Write report.json and report.html into a folder.

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
    with atomic_path(folder / HTML_NAME) as path:
        path.write_text(render(report), encoding="utf-8")
    return folder / HTML_NAME
