"""What the commands on directions share: reading direction files and layers, early checks."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylegen.cli.options import refuse_existing
from stylegen.errors import InputError

if TYPE_CHECKING:
    from stylegen.editing.directions import Direction

other_network_option = click.option(
    "--other-network", is_flag=True,
    help="Also take directions that were found in another network of the same shape.",
)  # fmt: skip


def read_layers(text: str | None, generator: Any) -> list[int] | None:
    """Read a text of layers; None stays None."""
    from stylegen.latents import parse_layers

    return None if text is None else parse_layers(text, generator.config.num_ws)


def check_directions(paths: Sequence[Path], left_alone: bool = False) -> None:
    """Make sure, before a network is loaded, that files hold directions.

    Args:
        paths: the files.
        left_alone: others will be made orthogonal to them.

    Raises:
        InputError: one does not, or none that this can be done with.
    """
    from stylegen.editing.directions import Direction

    for path in paths:
        direction = Direction.load(path)
        if left_alone:
            direction.check_normal()


def load_directions(
    paths: Sequence[Path],
    generator: Any,
    layers: str | None,
    other_network: bool,
) -> "list[Direction]":
    """Load direction files for a network, or refuse them; a tuned one takes those of its own."""
    from stylegen.editing.directions import Direction, adopt

    return adopt(
        [Direction.load(path) for path in paths],
        generator,
        layers=read_layers(layers, generator),
        other_network=other_network,
    )


def check_folder(folder: Path) -> None:
    """Make sure, before the work, that a folder can be written to, or made where it is missing.

    Raises:
        InputError: it or what it would lie in is a file, or may not be written.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{there} is a file; wanted a folder")
    if not os.access(there, os.W_OK):
        raise InputError(f"The folder {there} may not be written; choose another.")


def check_files(files: Sequence[Path], overwrite: bool) -> None:
    """Make sure, before the work, that files can be written; missing folders are made later.

    Raises:
        InputError: one exists, is a folder, or lies where nothing can be written.
    """
    for path in files:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the name of a file in it.")
    refuse_existing(list(files), overwrite)
    for folder in dict.fromkeys(path.parent for path in files):
        check_folder(folder)
