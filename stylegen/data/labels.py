"""Class labels of an image set, from dataset.json or from sub-folders.

dataset.json: {"labels": [[name, class], ...] or {name: class}, "class_names": [...] (optional)};
a class is an index from 0, or a name; indices without class_names take the names of sub-folders
that correspond to them one to one. Without labels in dataset.json, the first folder level at
which the names differ gives the classes, sorted by name.
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

from stylegen.data.sources import METADATA, Source
from stylegen.errors import InputError
from stylegen.images import ImageReadError

logger = logging.getLogger(__name__)
MAX_CLASSES = 100_000


@dataclass(frozen=True)
class LabelTable:
    """A class index for each file name, and the classes' names."""

    by_name: dict[str, int]
    class_names: tuple[str, ...]


def read_metadata(source: Source) -> dict[str, Any]:
    """Return dataset.json as a dict, empty if there is none.

    Raises:
        InputError: it is no JSON object.
    """
    where = f"{METADATA} of {source.path}"
    try:
        content = source.metadata()
        values = {} if content is None else json.loads(content)
    except (ValueError, RecursionError, ImageReadError) as error:
        raise InputError(f"{where} is not valid JSON ({error}); mend or remove it.") from error
    if not isinstance(values, dict):
        raise InputError(f'{where} should be an object such as {{"labels": [["a.png", 0]]}}.')
    return values


def _pairs(labels: Any, where: str) -> dict[str, Any]:
    pairs = list(labels.items()) if isinstance(labels, dict) else labels
    if not isinstance(pairs, list):
        raise InputError(f'"labels" in {where} should be a list of [name, class], not {labels!r}.')
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise InputError(f'An entry of "labels" in {where} is {pair!r}; wanted [name, class].')
        if type(pair[1]) not in (int, str):
            raise InputError(
                f"The class of {pair[0]} in {where} is {pair[1]!r}; wanted an index or a name."
            )
    return {name.replace("\\", "/"): label for name, label in pairs}


def _class_names(metadata: dict[str, Any], classes: set[int | str], where: str) -> tuple[str, ...]:
    names = metadata.get("class_names")
    if names is not None:
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise InputError(f'"class_names" in {where} should be a list of names, not {names!r}.')
        return tuple(names)
    indices = {c for c in classes if isinstance(c, int)}
    if wrong := [c for c in indices if not 0 <= c < MAX_CLASSES]:
        raise InputError(f"A class in {where} is {wrong[0]}; wanted 0 to {MAX_CLASSES - 1}.")
    if len(indices) == len(classes):
        return tuple(str(i) for i in range(max(indices, default=-1) + 1))
    if indices:
        raise InputError(f"Classes in {where} are indices and names mixed; use one kind.")
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


def _from_metadata(source: Source, metadata: dict[str, Any]) -> LabelTable:
    where = f"{METADATA} of {source.path}"
    raw = _pairs(metadata["labels"], where)
    present = {name: raw[name] for name in source.names if name in raw}
    if missing := [name for name in source.names if name not in raw]:
        raise InputError(
            f"{where} gives no class for {len(missing)} of {len(source.names)} images, such as "
            f"{missing[0]}; add them or leave labels off."
        )
    if stray := len(raw) - len(present):
        logger.warning("%s labels %d files that are not there", where, stray)
    names = _class_names(metadata, set(raw.values()), where)
    index: dict[int | str, int] = {name: i for i, name in enumerate(names)}
    index |= {i: i for i in range(len(names))}
    for name, label in present.items():
        if label not in index:
            raise InputError(
                f"The class of {name} in {where} is {label!r}; wanted one of {len(names)} "
                f"classes: {', '.join(names)}."
            )
    table = LabelTable({name: index[label] for name, label in present.items()}, names)
    numbered = metadata.get("class_names") is None and all(type(c) is int for c in raw.values())
    return _named_by_folders(table) if numbered else table


def find_labels(source: Source) -> LabelTable | None:
    """Return the labels of a set, None if it has none.

    Raises:
        InputError: dataset.json is broken, incomplete or contradicts itself.
    """
    metadata = read_metadata(source)
    if metadata.get("labels") is not None:
        return _from_metadata(source, metadata)
    folders = _folder_of_each(source.names)
    if folders is None:
        return None
    names = tuple(sorted(set(folders)))
    index = {name: i for i, name in enumerate(names)}
    by_name = {n: index[f] for n, f in zip(source.names, folders, strict=True)}
    return LabelTable(by_name, names)


def require_labels(source: Source) -> LabelTable:
    """Return the labels of a set that must have some.

    Raises:
        InputError: it has none, or they are broken.
    """
    table = find_labels(source)
    if table is None:
        loose = min(source.names, key=lambda name: name.count("/"))
        raise InputError(
            f"Labels were asked for, but {source.path} has neither {METADATA} with labels nor one "
            f"sub-folder a class for every image (see {loose}); add them or leave labels off."
        )
    return table
