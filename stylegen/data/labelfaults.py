"""What is wrong with the labels of a set: read leniently, where training would refuse."""

from collections import Counter
from dataclasses import dataclass

from stylegen.data.faults import Finding
from stylegen.data.labelfiles import read_label_file
from stylegen.data.labels import LabelTable, folder_labels, match_labels
from stylegen.data.sources import Source

FEW = 10  # images of a class below which it can hardly be learnt
_FEW_SHARE = 0.05  # or this share of the mean class


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The classes of a set, complete or not.

    Attributes:
        table: the class of each file that has one.
        where: what gives them.
        stray: names that a label file lists and that are not there.
    """

    table: LabelTable
    where: str
    stray: tuple[str, ...]

    def class_of(self, name: str) -> str | None:
        """Return the name of a file's class, None if it has none."""
        index = self.table.by_name.get(name)
        return None if index is None else self.table.class_names[index]

    def counts(self) -> dict[str, int]:
        """Return the number of images of each class."""
        found = Counter(self.table.by_name.values())
        return {name: found[i] for i, name in enumerate(self.table.class_names)}


def read_labels(source: Source) -> Labels | None:
    """Return the labels of a set, None if it has none.

    Raises:
        InputError: dataset.json or labels.csv is broken or contradicts itself.
    """
    raw = read_label_file(source)
    if raw is None:
        table = folder_labels(source.names)
        one = table is None or len(table.class_names) < 2
        return None if table is None or one else Labels(table=table, where="sub-folders", stray=())
    stray = tuple(sorted(set(raw.classes).difference(source.names)))
    return Labels(table=match_labels(raw, source.names), where=raw.where, stray=stray)


def label_findings(source: Source, labels: Labels) -> list[Finding]:
    """Return files without a class, classes without files or with few, and stray entries."""
    missing = [name for name in source.names if name not in labels.table.by_name]
    findings = [Finding("labels", (name,), "has no class") for name in missing]
    findings += [
        Finding("labels", (name,), "has a class, but is not there") for name in labels.stray
    ]
    counts = labels.counts()
    few = max(FEW, _FEW_SHARE * sum(counts.values()) / max(len(counts), 1))
    for name, count in counts.items():
        if count < few:
            detail = f"class {name} has {count or 'no'} image{'s' if count != 1 else ''}"
            findings.append(Finding("labels", (), detail))
    return findings
