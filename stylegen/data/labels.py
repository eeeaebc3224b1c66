"""Class labels of an image set, from dataset.json, labels.csv or sub-folders.

Indices without class_names take the names of sub-folders that correspond to them one to one.
Without a label file, the first folder level at which the names differ gives the classes, sorted by
name.
"""

import logging
from dataclasses import dataclass

from stylegen.data.labelfiles import RawLabels, read_label_file
from stylegen.data.sources import LABELS, METADATA, Source
from stylegen.errors import InputError

logger = logging.getLogger(__name__)
MAX_CLASSES = 100_000


@dataclass(frozen=True)
class LabelTable:
    """A class index for each file name, and the classes' names."""

    by_name: dict[str, int]
    class_names: tuple[str, ...]


def _class_names(raw: RawLabels) -> tuple[str, ...]:
    if raw.class_names is not None:
        return raw.class_names
    classes = set(raw.classes.values())
    indices = {c for c in classes if isinstance(c, int)}
    if wrong := [c for c in indices if not 0 <= c < MAX_CLASSES]:
        raise InputError(f"A class in {raw.where} is {wrong[0]}; wanted 0 to {MAX_CLASSES - 1}.")
    if len(indices) == len(classes):
        return tuple(str(i) for i in range(max(indices, default=-1) + 1))
    if indices:
        raise InputError(f"Classes in {raw.where} are indices and names mixed; use one kind.")
    return tuple(sorted(str(c) for c in classes))


def _folder_of_each(names: tuple[str, ...]) -> list[str] | None:
    """The distinguishing folder of each name, None when some image lies in no folder."""
    folders = [name.split("/")[:-1] for name in names]
    level = 0
    while all(len(f) > level + 1 for f in folders) and len({f[level] for f in folders}) == 1:
        level += 1
    return [f[level] for f in folders] if all(len(f) > level for f in folders) else None


def _named_by_folders(table: LabelTable) -> LabelTable:
    """Name the classes by the sub-folders where the two correspond one to one."""
    folders = _folder_of_each(tuple(table.by_name)) or []
    pairs = set(zip(table.by_name.values(), folders, strict=False))
    if not len(pairs) == len(table.class_names) == len(dict(pairs)) == len(set(folders)):
        return table
    return LabelTable(table.by_name, tuple(dict(pairs)[i] for i in range(len(pairs))))


def match_labels(raw: RawLabels, names: tuple[str, ...]) -> LabelTable:
    """Return the class of each of these images that a label file names, whether or not of all.

    Raises:
        InputError: the file contradicts itself.
    """
    class_names = _class_names(raw)
    index: dict[int | str, int] = {name: i for i, name in enumerate(class_names)}
    index |= {i: i for i in range(len(class_names))}
    present = {name: raw.classes[name] for name in names if name in raw.classes}
    for name, label in present.items():
        if label not in index:
            raise InputError(
                f"The class of {name} in {raw.where} is {label!r}; wanted one of "
                f"{len(class_names)} classes: {', '.join(class_names)}."
            )
    table = LabelTable({name: index[label] for name, label in present.items()}, class_names)
    numbered = raw.class_names is None and all(type(c) is int for c in raw.classes.values())
    return _named_by_folders(table) if numbered else table


def folder_labels(names: tuple[str, ...]) -> LabelTable | None:
    """Return the classes that sub-folders give; None if an image lies in none."""
    folders = _folder_of_each(names)
    if folders is None:
        return None
    class_names = tuple(sorted(set(folders)))
    index = {name: i for i, name in enumerate(class_names)}
    return LabelTable({n: index[f] for n, f in zip(names, folders, strict=True)}, class_names)


def find_labels(source: Source) -> LabelTable | None:
    """Return the labels of a set, None if it has none.

    Raises:
        InputError: dataset.json or labels.csv is broken, incomplete or contradicts itself.
    """
    raw = read_label_file(source)
    if raw is None:
        return folder_labels(source.names)
    table = match_labels(raw, source.names)
    if missing := [name for name in source.names if name not in raw.classes]:
        raise InputError(
            f"{raw.where} gives no class for {len(missing)} of {len(source.names)} images, such as "
            f"{missing[0]}; add them or leave labels off."
        )
    if stray := len(raw.classes) - len(table.by_name):
        logger.warning("%s labels %d files that are not there", raw.where, stray)
    return table


def require_labels(source: Source) -> LabelTable:
    """Return the labels of a set that must have some.

    Raises:
        InputError: it has none, or they are broken.
    """
    table = find_labels(source)
    if table is None:
        loose = min(source.names, key=lambda name: name.count("/"))
        raise InputError(
            f"Labels were asked for, but {source.path} has neither {METADATA} with labels, nor "
            f"{LABELS}, nor one sub-folder a class for every image (see {loose}); add them or "
            "leave labels off."
        )
    return table
