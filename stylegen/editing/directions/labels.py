"""Labels that someone gave to images: tables of them, and how they are parted in two groups.

N samples.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from stylegen.editing.sources import parse_sources, source_names
from stylegen.errors import InputError

_HEADINGS = ("source", "seed")
_WANTED = "wanted source,label such as 85,smiling or photo.jpg,smiling"


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows of a table that are not empty, with their line numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.reader(file)
            rows = [(table.line_num, [cell.strip() for cell in row]) for row in table]
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"{path} is no file; wanted a table of source,label") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no table of source,label in UTF-8: {error}") from error
    rows = [(line, cells) for line, cells in rows if any(cells)]
    return rows[1:] if rows and rows[0][1][0].lower() in _HEADINGS else rows


def _sources(cells: list[str], folder: Path) -> list[int | Path]:
    """Return the sources of a row, whose files lie in a folder; they are looked into."""
    if len(cells) != 2 or not all(cells):
        raise InputError(f"{','.join(cells)!r} is no entry; {_WANTED}")
    if "," in cells[0] and os.path.isfile(folder / cells[0]):
        found: list[int | Path] = [folder / cells[0]]
    else:
        found = [s if isinstance(s, int) else folder / s for s in parse_sources(cells[0])]
    source_names(found)
    return found


def read_labels(path: str | os.PathLike[str]) -> tuple[list[int | Path], list[str]]:
    """Read a table of sources and labels: lines such as ``85,smiling`` or ``photo.jpg,smiling``.

    A source is a seed, a range of seeds (0-9), a latent file or a photo, which is looked for from
    the table's own folder; in quotes, several, or a file with commas in its name. A heading is
    allowed whose first cell is "source" or "seed".

    Returns:
        The sources, each once, and their labels.

    Raises:
        InputError: the table or a file in it is missing, a line has another form, a source has two
            labels, or there is none.
    """
    path = Path(path)
    found: dict[int | Path, str] = {}
    for line, cells in _rows(path):
        try:
            sources = _sources(cells, path.parent)
        except InputError as error:
            raise InputError(f"{path}, line {line}: {error}") from error
        for source in sources:
            if found.setdefault(source, cells[1]) != cells[1]:
                raise InputError(
                    f"{path}, line {line}: {source} is labelled {cells[1]!r}, but "
                    f"{found[source]!r} further up"
                )
    if not found:
        raise InputError(f"{path} has no labels; wanted lines of source,label")
    return list(found), list(found.values())


def _are_numbers(labels: Sequence[str]) -> bool:
    try:
        return all(abs(float(label)) < float("inf") for label in labels)
    except ValueError:
        return False


def outer_thirds(values: Tensor) -> tuple[Tensor, Tensor]:
    """Part numbers into the lowest and the highest third; those between are left out.

    Args:
        values: (N,).

    Returns:
        Indices of those that are kept, and whether each is high.
    """
    order, third = values.argsort(stable=True), len(values) // 3
    low, high = order[:third], order[len(order) - third :]
    if third and values[low[-1]] >= values[high[0]]:
        raise InputError("a third of the values or more are the same: they cannot be parted")
    return torch.cat([low, high]), torch.arange(2 * third) >= third


def part_labels(
    labels: Sequence[str], to: str | None = None, away: str | None = None
) -> tuple[Tensor, Tensor]:
    """Part labels into those a direction leads to and those it leads away from.

    Args:
        labels: N texts.
        to: label that it leads to; None: of two labels, the last in the alphabet (true, yes, 1),
            and with more labels that are numbers, the highest third of them.
        away: label that it leads away from; None: all others.

    Returns:
        Indices of the samples that are kept, and (bool) whether each is where it leads to.

    Raises:
        InputError: there is no such label, or it has to be named (the labels are listed).
    """
    known = sorted(set(labels))
    for name in (to, away):
        if name is not None and name not in known:
            raise InputError(f"there is no label {name!r}; the labels are: {', '.join(known)}")
    if to is None and away is None and len(known) > 2 and _are_numbers(labels):
        return outer_thirds(torch.tensor([float(label) for label in labels]))
    if to is None:
        others = [name for name in known if name != away]
        if len(known) != 2:
            raise InputError(
                f"name the label that the direction should lead to; the labels are: "
                f"{', '.join(known)}"
            )
        to = others[-1]
    if to == away:
        raise InputError(f"the direction cannot lead from {to!r} to itself")
    kept = [i for i, label in enumerate(labels) if away is None or label in (to, away)]
    return torch.tensor(kept), torch.tensor([labels[i] == to for i in kept])
