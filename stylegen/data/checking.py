"""Check a set of images: what training would stumble over, and what the set is like.

Every file is read and decoded once. What is found wrong is a list of findings, each with the files
it concerns; what the set is like is a summary.
"""

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylegen.data import duplicates
from stylegen.data.config import SIMILARITY
from stylegen.data.examining import Examination, examine
from stylegen.data.faults import Finding, shape_findings
from stylegen.data.labelfaults import Labels, label_findings, read_labels
from stylegen.data.sizes import Resolution, size_of
from stylegen.data.sources import Source, open_source
from stylegen.data.threads import Progress
from stylegen.errors import InputError

_GREY_LEVELS = 3  # of 255: how far a grey picture's channels may lie apart in a small picture


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What :func:`check` found.

    Attributes:
        path: the folder or zip.
        count: image files in it.
        usable: how many of them can be read.
        findings: what is wrong; empty for a clean set.
        sizes: files of each (width, height), the most frequent first.
        kinds: files of each kind of pixel, such as "RGB" or "palette".
        formats: files of each format.
        channels: {channel: (mean, standard deviation)} over all pixels, 0..255, on the background.
        suggested_channels: the fewest channels that lose nothing most files have: 1, 3 or 4.
        classes: images of each class, by its name; empty for a set without labels.
        others: names of files that are not read.
        examination: all files.
        labels: the classes; None for a set without.
        source: where the files were read.
    """

    path: str
    count: int
    usable: int
    findings: tuple[Finding, ...]
    sizes: dict[tuple[int, int], int]
    kinds: dict[str, int]
    formats: dict[str, int]
    channels: dict[str, tuple[float, float]]
    suggested_channels: int
    classes: dict[str, int]
    others: tuple[str, ...]
    source: Source = field(repr=False)
    examination: Examination = field(repr=False)
    labels: Labels | None = field(repr=False)

    @property
    def is_clean(self) -> bool:
        """Nothing was found wrong."""
        return not self.findings

    def of_kind(self, kind: str) -> list[Finding]:
        """Return the findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the pixels as plain values, ready for JSON."""
        return {
            "path": self.path,
            "count": self.count,
            "usable": self.usable,
            "findings": [finding._asdict() for finding in self.findings],
            "sizes": [{"width": w, "height": h, "files": n} for (w, h), n in self.sizes.items()],
            "kinds": self.kinds,
            "formats": self.formats,
            "channels": {k: {"mean": m, "std": s} for k, (m, s) in self.channels.items()},
            "suggested_channels": self.suggested_channels,
            "classes": self.classes,
            "others": list(self.others),
        }


def _duplicate_findings(seen: Examination, labels: Labels | None, rho: float) -> list[Finding]:
    """Exact and near duplicates, and pictures of one colour."""
    names = [file.name for file in seen.files]
    groups = duplicates.exact_groups([file.digest for file in seen.files])
    findings = []
    for group in groups:
        classes = {labels.class_of(names[i]) for i in group} - {None} if labels else set()
        detail = f"in {len(classes)} classes: {', '.join(map(str, sorted(classes, key=str)))}"
        members = tuple(names[i] for i in group)
        findings.append(Finding("exact duplicates", members, detail if len(classes) > 1 else ""))
    copies = {i for group in groups for i in group[1:]}
    usable = seen.usable
    plain = duplicates.is_plain(seen.small[usable]) if len(usable) else np.empty(0, np.bool_)
    findings += [
        Finding("one colour", (names[i],), "shows nothing") for i in usable[plain].tolist()
    ]
    compared = np.array([i for i in usable[~plain].tolist() if i not in copies], np.int64)
    return findings + _near_findings(seen, names, compared, rho)


def _near_findings(
    seen: Examination, names: list[str], compared: NDArray[np.int64], rho: float
) -> list[Finding]:
    direct, mirrored = duplicates.near_pairs(seen.small[compared], rho)
    groups = duplicates.join(direct, len(compared))
    group_of = {i: number for number, group in enumerate(groups) for i in group}
    apart = [(i, j) for i, j in mirrored.tolist() if group_of.get(i, -1) != group_of.get(j, -2)]
    found = [(group, "") for group in groups] + [([i, j], "mirrored") for i, j in apart]
    return [
        Finding("near duplicates", tuple(names[compared[i]] for i in group), detail)
        for group, detail in sorted(found)
    ]


def _channel_statistics(seen: Examination) -> dict[str, tuple[float, float]]:
    values = np.arange(256)
    statistics = {}
    for name, counts in zip(("red", "green", "blue", "alpha"), seen.histogram, strict=True):
        if total := counts.sum():
            mean = float(counts @ values / total)
            spread = float(np.sqrt(counts @ (values - mean) ** 2 / total))
            statistics[name] = (round(mean, 3), round(spread, 3))
    if all(file.is_opaque for file in seen.files):
        statistics.pop("alpha", None)
    return statistics


def _suggested_channels(seen: Examination) -> int:
    usable = seen.usable
    if sum(not seen.files[i].is_opaque for i in usable) * 2 > len(usable):
        return 4
    small = seen.small[usable].astype(np.int16)
    is_grey = np.ptp(small, axis=3).max(initial=0) <= _GREY_LEVELS
    return 1 if is_grey else 3


def _report(
    path: str,
    source: Source,
    seen: Examination,
    labels: Labels | None,
    findings: list[Finding],
) -> CheckReport:
    files = [seen.files[i] for i in seen.usable]
    return CheckReport(
        path=path,
        count=len(seen.files),
        usable=len(files),
        findings=tuple(findings),
        sizes=dict(Counter((f.width, f.height) for f in files).most_common()),
        kinds=dict(Counter(f.kind for f in files).most_common()),
        formats=dict(Counter(f.format for f in files).most_common()),
        channels=_channel_statistics(seen),
        suggested_channels=_suggested_channels(seen),
        classes=labels.counts() if labels else {},
        others=source.others,
        source=source,
        examination=seen,
        labels=labels,
    )


def check(
    path: str | os.PathLike[str],
    resolution: Resolution | None = None,
    background: str = "white",
    similarity: float = SIMILARITY,
    progress: Progress | None = None,
) -> CheckReport:
    """Check the images in a folder or zip; nothing is written.

    Args:
        path: the folder or zip.
        resolution: what training will read them at; None: the size most of them have.
        background: colour behind transparency, in comparing pictures and in the statistics.
        similarity: correlation of 16 px pictures from which two files are near duplicates.
        progress: called with (files done, files in all) now and then.

    Raises:
        InputError: nothing at the path, or no set; dataset.json or labels.csv is broken; a wrong
            resolution, background or similarity.
        OSError: the folder or zip may not be read.
    """
    if not 0.5 <= similarity <= 1:
        raise InputError(f"The similarity is {similarity:g}; wanted 0.5 to 1.")
    size = None if resolution is None else size_of(resolution)
    source = open_source(path)
    labels = read_labels(source)
    seen = examine(source, background, progress)
    findings = [Finding("broken", (f.name,), f.reason) for f in seen.files if f.reason]
    if labels:
        findings += label_findings(source, labels)
    findings += _duplicate_findings(seen, labels, similarity)
    findings += shape_findings([seen.files[i] for i in seen.usable], size)
    return _report(str(path), source, seen, labels, findings)
