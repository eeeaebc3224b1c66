"""What label files say, before it is compared with the images: dataset.json and labels.csv.

dataset.json: {"labels": [[name, class], ...] or {name: class}, "class_names": [...] (optional)}.
labels.csv: a line ``name,class`` for each image, with or without a header; commas, semicolons or
tabs. In both, a class is an index from 0, or a name; one kind for the whole file.
"""

import csv
import io
import json
import logging
from dataclasses import dataclass
from typing import Any

from stylegen.data.sources import LABELS, METADATA, SUFFIXES, Source
from stylegen.errors import InputError
from stylegen.images import ImageReadError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RawLabels:
    """A label file as it stands.

    Attributes:
        where: the file, for messages.
        classes: an index or a class's name for each image's name.
        class_names: as listed in dataset.json; None: not listed.
    """

    where: str
    classes: dict[str, int | str]
    class_names: tuple[str, ...] | None = None


def read_metadata(source: Source) -> dict[str, Any]:
    """Return dataset.json as a dict, empty if there is none.

    Raises:
        InputError: it is no JSON object.
    """
    where = f"{METADATA} of {source.path}"
    try:
        content = source.extra(METADATA)
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


def _from_metadata(source: Source, metadata: dict[str, Any]) -> RawLabels:
    where = f"{METADATA} of {source.path}"
    names = metadata.get("class_names")
    if names is not None and (
        not isinstance(names, list) or not all(isinstance(n, str) for n in names)
    ):
        raise InputError(f'"class_names" in {where} should be a list of names, not {names!r}.')
    return RawLabels(
        where=where,
        classes=_pairs(metadata["labels"], where),
        class_names=None if names is None else tuple(names),
    )


def _rows(content: bytes, where: str) -> list[tuple[int, str, str]]:
    """Return (line, name, class) of each line that is not blank."""
    try:
        text = content.decode("utf-8-sig")
        first = text.lstrip().split("\n", 1)[0]
        delimiter = next((d for d in ",;\t" if d in first), ",")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{where} is not a table in UTF-8 ({error}); mend or remove it."
        ) from error
    for number, row in lines:
        if len(row) != 2 or not all(row):
            raise InputError(f"Line {number} of {where} is {row}; wanted a name and a class.")
    return [(number, row[0].replace("\\", "/"), row[1]) for number, row in lines]


def _is_header(name: str, known: set[str]) -> bool:
    return name not in known and not name.lower().endswith(SUFFIXES)


def _from_csv(source: Source, content: bytes) -> RawLabels:
    where = f"{LABELS} of {source.path}"
    rows = _rows(content, where)
    if rows and _is_header(rows[0][1], set(source.names)):
        rows = rows[1:]
    found: dict[str, str] = {}
    for number, name, label in rows:
        if found.setdefault(name, label) != label:
            raise InputError(
                f"Line {number} of {where} puts {name} into class {label}, an earlier one into "
                f"{found[name]}; keep one."
            )
    if found and all(label.isascii() and label.isdigit() for label in found.values()):
        return RawLabels(where=where, classes={n: int(label[:9]) for n, label in found.items()})
    return RawLabels(where=where, classes=dict(found))


def read_label_file(source: Source) -> RawLabels | None:
    """Return what dataset.json or else labels.csv says; None if neither gives labels.

    Raises:
        InputError: the file is broken, or an entry has another form.
    """
    metadata = read_metadata(source)
    try:
        table = source.extra(LABELS)
    except ImageReadError as error:
        raise InputError(f"{LABELS} of {source.path} cannot be read: {error}.") from error
    if metadata.get("labels") is not None:
        if table is not None:
            logger.warning("%s: %s gives the labels, %s is not read", source.path, METADATA, LABELS)
        return _from_metadata(source, metadata)
    return None if table is None else _from_csv(source, table)
