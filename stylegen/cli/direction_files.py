"""What the commands on directions share: reading direction files and layers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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


def load_directions(
    paths: Sequence[Path], generator: Any, layers: str | None, other_network: bool
) -> "list[Direction]":
    """Load direction files for a network, or refuse them."""
    from stylegen.editing.directions import Direction, adopt

    return adopt(
        [Direction.load(path) for path in paths],
        generator,
        layers=read_layers(layers, generator),
        other_network=other_network,
    )
