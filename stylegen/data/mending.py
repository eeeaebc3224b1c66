"""Write a mended copy of a checked set: without broken files and copies, all of one kind.

A file that is right already is copied as it is; others are stored as PNG. The source is not
touched.
"""

import contextlib
import io
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegen.data.archive import (
    NewSet,
    encode_png,
    new_archive,
    new_folder,
    png_name,
    safe_name,
)
from stylegen.data.checking import CheckReport
from stylegen.data.config import Filter
from stylegen.data.examining import FileFacts
from stylegen.data.faults import suffix_is_wrong
from stylegen.data.sizes import Resolution, size_of
from stylegen.data.threads import Progress, in_chunks
from stylegen.errors import InputError
from stylegen.files import check_writable
from stylegen.images import ImageReadError, fit, parse_color, read_image
from stylegen.images.pixels import MODES

_PLAIN_KINDS = {1: "grey", 2: "grey + alpha", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True, kw_only=True)
class MendReport:
    """What :func:`mend` wrote.

    Attributes:
        count: images in the copy.
        converted: how many of them were stored anew.
        channels: of the images: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.
        left_out: (name, reason) of each file that is not in the copy.
    """

    count: int
    converted: int
    channels: int
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class _Target:
    """What the images of the copy are to be."""

    channels: int
    size: tuple[int, int] | None
    background: str
    filter: Filter

    def fits(self, file: FileFacts) -> bool:
        """Tell whether a file is right as it is."""
        return (
            file.kind == _PLAIN_KINDS[self.channels]
            and self.size in (None, (file.width, file.height))
            and file.frames == 1
            and not file.is_turned
            and not suffix_is_wrong(file)
        )


def _usual_channels(report: CheckReport) -> int:
    """What most files hold: grey, RGB, or RGBA if most use their transparency."""
    if report.suggested_channels == 4:
        return 4
    files = [report.examination.files[i] for i in report.examination.usable]
    is_grey = Counter("grey" in f.kind or f.kind == "1-bit" for f in files)
    return 1 if is_grey[True] > is_grey[False] else 3


def _target(
    report: CheckReport,
    resolution: Resolution | None,
    channels: int | None,
    background: str,
    filter: Filter,
) -> _Target:
    channels = _usual_channels(report) if channels is None else channels
    parse_color(background)
    size = None if resolution is None else size_of(resolution)
    return _Target(channels=channels, size=size, background=background, filter=filter)


def _left_out(report: CheckReport) -> dict[str, str]:
    reasons = {f.names[0]: f.detail for f in report.of_kind("broken")}
    for finding in report.of_kind("exact duplicates"):
        reasons |= dict.fromkeys(finding.names[1:], f"the same as {finding.names[0]}")
    if report.labels:
        known = report.labels.table.by_name
        names = [file.name for file in report.examination.files]
        reasons |= {n: "has no class" for n in names if n not in known and n not in reasons}
    return reasons


def _new_content(report: CheckReport, target: _Target, file: FileFacts) -> tuple[bytes | None, str]:
    """Return a file's bytes for the copy; None and a reason if it can no longer be read."""
    try:
        content = report.source.read(file.name)
        if target.fits(file):
            return content, ""
        image = read_image(io.BytesIO(content), target.channels, target.background)
    except ImageReadError as error:
        return None, str(error)
    size = target.size or image.size
    return encode_png(fit(image, *size, target.filter)), ""


def _names(files: list[FileFacts], target: _Target) -> list[str]:
    """Names in the copy: those of files copied as they are stay."""
    safe = [safe_name(file.name) for file in files]
    fits = [target.fits(file) for file in files]
    taken = {name for name, stays in zip(safe, fits, strict=True) if stays}
    return [
        name if stays else png_name(name, taken) for name, stays in zip(safe, fits, strict=True)
    ]


def _write_files(
    report: CheckReport,
    target: _Target,
    files: list[FileFacts],
    into: NewSet,
    progress: Progress | None,
) -> tuple[list[tuple[FileFacts, str]], dict[str, str]]:
    """Write the files; return (file, new name) of each written, and what could not be read."""
    written, lost = [], {}
    waiting = iter(zip(files, _names(files, target), strict=True))

    def job(indices: range) -> list[tuple[bytes | None, str]]:
        return [_new_content(report, target, files[i]) for i in indices]

    for chunk in in_chunks(job, len(files), progress):
        for content, reason in chunk:
            file, name = next(waiting)
            if content is None:
                lost[file.name] = reason
            else:
                into.add(name, content)
                written.append((file, name))
    return written, lost


def _metadata(
    report: CheckReport, written: list[tuple[FileFacts, str]], left_out: dict[str, str]
) -> dict[str, Any]:
    table = report.labels.table if report.labels else None
    return {
        "labels": [[new, table.by_name[f.name]] for f, new in written] if table else None,
        "class_names": list(table.class_names) if table else None,
        "provenance": {
            "made_by": "stylegen data check --fix",
            "source": Path(report.path).resolve().name,
            "source_digest": report.source.digest(),
            "count": len(written),
            "left_out": [list(pair) for pair in sorted(left_out.items())],
        },
    }


def _write(
    report: CheckReport, target: _Target, into: NewSet, progress: Progress | None
) -> tuple[list[tuple[FileFacts, str]], dict[str, str]]:
    """Write the copy; return (file, new name) of each written, and why the others are left out."""
    left_out = _left_out(report)
    files = [file for file in report.examination.files if file.name not in left_out]
    written, lost = _write_files(report, target, files, into, progress)
    if not written:
        raise InputError(f"No image of {report.path} is left to write.")
    into.add_metadata(_metadata(report, written, left_out | lost))
    return written, left_out | lost


def _opened(dst: str | os.PathLike[str]) -> contextlib.AbstractContextManager[NewSet]:
    return new_archive(dst) if Path(dst).suffix.lower() == ".zip" else new_folder(dst)


def check_target(
    source: str | os.PathLike[str], dst: str | os.PathLike[str], channels: int | None = None
) -> None:
    """Refuse a copy that could not be written, before all images are read.

    Raises:
        InputError: it exists, its folder does not or may not be written, it would lie in its own
            source, or images cannot have so many channels.
    """
    if channels is not None and channels not in MODES:
        raise InputError(f"Images have 1, 2, 3 or 4 channels, not {channels}.")
    if os.path.lexists(dst):
        raise InputError(f"{dst} exists already; give another name.")
    check_writable(dst)
    if Path(source).is_dir() and Path(source).resolve() in Path(dst).resolve().parents:
        raise InputError(f"{dst} lies in {source}, which is not to be touched; give another place.")


def mend(
    report: CheckReport,
    dst: str | os.PathLike[str],
    resolution: Resolution | None = None,
    *,
    channels: int | None = None,
    background: str = "white",
    filter: Filter = "lanczos",
    progress: Progress | None = None,
) -> MendReport:
    """Write a mended copy of a set.

    Left out are broken files, exact duplicates but the first, and files that lack a class in a set
    with labels. The others get one kind of pixel, and one size if named. Labels are kept.

    Args:
        report: what :func:`stylegen.data.check` found.
        dst: a new .zip, or a new folder.
        resolution: crop and resize to it; None: sizes stay.
        channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA; None: what most files have.
        background: colour behind transparency for 1 and 3 channels.
        filter: resampling filter for resizing.
        progress: called with (files done, files in all) now and then.

    Raises:
        InputError: dst exists or lies in the source, a wrong setting, or no image is left.
        OSError: dst cannot be written.
    """
    check_target(report.path, dst, channels)
    target = _target(report, resolution, channels, background, filter)
    with _opened(dst) as into:
        written, left_out = _write(report, target, into, progress)
    return MendReport(
        count=len(written),
        converted=sum(not target.fits(file) for file, _ in written),
        channels=target.channels,
        left_out=tuple(sorted(left_out.items())),
    )
