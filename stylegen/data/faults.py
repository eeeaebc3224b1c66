"""What is wrong with single files: their size, their shape, what their pixels are."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from statistics import median
from typing import NamedTuple

from stylegen.data.examining import FileFacts

KINDS = (
    "broken",
    "labels",
    "exact duplicates",
    "one colour",
    "near duplicates",
    "too small",
    "odd size",
    "odd kind",
)  # in the order of a report


SUFFIX_FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP",
    ".tif": "TIFF", ".tiff": "TIFF",
}  # fmt: skip


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        kind: one of :data:`KINDS`.
        names: the files it concerns; none if it concerns the set.
        detail: what is wrong, in words; "" where the kind says it all.
    """

    kind: str
    names: tuple[str, ...]
    detail: str


def _against_wanted(files: Sequence[FileFacts], width: int, height: int) -> list[Finding]:
    """Files that would be enlarged, or of which the crop keeps less than half."""
    findings = []
    for file in files:
        scale = max(width / file.width, height / file.height)
        said = f"{file.width}x{file.height}"
        if scale > 1:
            detail = f"{said}, would be enlarged by {scale - 1:.0%}"
            findings.append(Finding("too small", (file.name,), detail))
        kept = width * height / (scale**2 * file.width * file.height)
        if kept < 0.5:
            detail = f"{said}, the crop keeps {kept:.0%} of it"
            findings.append(Finding("odd size", (file.name,), detail))
    return findings


def _against_each_other(files: Sequence[FileFacts]) -> list[Finding]:
    """Files of another size than most; files less than half as wide or high as is usual."""
    sizes = Counter((file.width, file.height) for file in files)
    if len(sizes) < 2:
        return []
    (usual, count), middle = sizes.most_common(1)[0], median(min(f.width, f.height) for f in files)
    findings = [
        Finding("too small", (f.name,), f"{f.width}x{f.height}, where {middle:g} px is usual")
        for f in files
        if min(f.width, f.height) < middle / 2
    ]
    if 2 * count <= len(files):
        detail = f"the files have {len(sizes)} sizes; training needs --resolution"
        return [*findings, Finding("odd size", (), detail)]
    detail = f"where {usual[0]}x{usual[1]} is usual"
    return findings + [
        Finding("odd size", (f.name,), f"{f.width}x{f.height}, {detail}")
        for f in files
        if (f.width, f.height) != usual
    ]


def suffix_is_wrong(file: FileFacts) -> bool:
    """Tell whether a readable file's name promises another format than it has."""
    return SUFFIX_FORMATS[PurePosixPath(file.name).suffix.lower()] != file.format


def _kind_findings(files: Sequence[FileFacts]) -> list[Finding]:
    """Files of another kind of pixel than most, misnamed ones, and those of several pictures."""
    kinds = Counter(file.kind for file in files).most_common(1)
    findings = []
    for file in files:
        if file.kind != kinds[0][0]:
            detail = f"{file.kind}, where {kinds[0][0]} is usual"
            findings.append(Finding("odd kind", (file.name,), detail))
        if suffix_is_wrong(file):
            findings.append(Finding("odd kind", (file.name,), f"is a {file.format} file"))
        if file.frames > 1:
            detail = f"holds {file.frames} pictures, of which the first is read"
            findings.append(Finding("odd kind", (file.name,), detail))
    return findings


def shape_findings(files: Sequence[FileFacts], size: tuple[int, int] | None) -> list[Finding]:
    """Return what is wrong with the sizes and kinds of readable files.

    Args:
        files: the readable ones.
        size: the wanted (width, height); None: the most usual one.
    """
    sizes = _against_each_other(files) if size is None else _against_wanted(files, *size)
    return sizes + _kind_findings(files)
