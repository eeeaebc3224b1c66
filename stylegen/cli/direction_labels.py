"""``stylegen directions from-labels``: the direction that parts two groups of samples."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from stylegen.cli.options import (
    bar,
    class_option,
    device_option,
    load_network,
    network_option,
    overwrite_option,
    refuse_existing,
)
from stylegen.editing.directions.config import BoundaryConfig, BoundaryMethod
from stylegen.errors import InputError

if TYPE_CHECKING:
    from stylegen.editing.directions import FactorReader


@click.command("from-labels")
@network_option
@click.option(
    "--labels", type=click.Path(path_type=Path),
    help="A table with lines of seed,label. Without it and --factor: the network's classes.",
)  # fmt: skip
@click.option(
    "--factor", metavar="NAME[=VALUE]",
    help="A factor of the built-in faces, such as smile or hair_style=bald, read off the network's "
    "own samples.",
)  # fmt: skip
@click.option("--to", help="Label or class that the direction leads to.")
@click.option("--from", "away", help="The one that it leads away from.  [default: all others]")
@click.option(
    "--layers",
    help="Layers that it moves: numbers such as 0-3,7, or coarse, middle, fine, or RES:16-32.  "
    "[default: all]",
)
@click.option(
    "--method", type=click.Choice(get_args(BoundaryMethod)), default=BoundaryConfig.method,
    show_default=True, help="How the boundary between the groups is fitted.",
)  # fmt: skip
@click.option(
    "--ridge", type=float, default=BoundaryConfig.ridge, show_default=True,
    help="Weight of the fit's regulariser.",
)  # fmt: skip
@click.option(
    "--samples", type=int, default=BoundaryConfig.samples, show_default=True,
    help="Samples to draw for classes and factors.",
)  # fmt: skip
@click.option("--seed", type=int, default=BoundaryConfig.seed, show_default=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file, NAME.npz.")
@class_option
@device_option
@overwrite_option
def from_labels(
    network: Path,
    labels: Path | None,
    factor: str | None,
    to: str | None,
    away: str | None,
    layers: str | None,
    out: Path,
    class_name: str | None,
    device: str,
    overwrite: bool,
    **numbers: Any,
) -> None:
    """Find the direction that parts two groups: by labels of seeds, by classes, or by a factor.

    A fifth of each group is held out; the share of it on the right side is told.
    """
    from stylegen.editing.directions import read_labels
    from stylegen.editing.directions.direction import check_name
    from stylegen.latents import parse_layers

    config = BoundaryConfig(**numbers)
    _check(labels, factor, to, away, class_name)
    check_name(out)
    refuse_existing([out], overwrite)
    table = None if labels is None else read_labels(labels)
    generator = load_network(network, device, "fp32")
    shared: dict[str, Any] = {
        "config": config,
        "layers": None if layers is None else parse_layers(layers, generator.config.num_ws),
    }
    found = _find(generator, table, factor, to, away, class_name, shared)
    found.save(out)
    click.echo(
        f"{out}: {100 * (found.accuracy or 0):.1f} % of held-out samples on the right side (50 % "
        f"is chance), {100 * (found.explained_variance or 0):.1f} % of the variance of w"
    )


def _check(
    labels: Path | None, factor: str | None, to: str | None, away: str | None, name: str | None
) -> None:
    if labels is not None and factor is not None:
        raise InputError("--labels and --factor both say what the groups are; wanted one")
    if factor is not None and (to is not None or away is not None):
        raise InputError("--factor NAME=VALUE says where the direction leads; --to, --from do not")
    if labels is None and factor is None:
        if to is None:
            raise InputError("wanted --labels, --factor, or with --to a class of the network")
        if name is not None:
            raise InputError("--class is for --labels and --factor; classes are parted by --to")


def _find(
    generator: Any,
    table: tuple[list[int], list[str]] | None,
    factor: str | None,
    to: str | None,
    away: str | None,
    class_name: str | None,
    shared: dict[str, Any],
) -> Any:
    from stylegen.editing import directions

    if table is not None:
        return directions.from_labels(
            generator, *table, to=to, away=away, class_name=class_name, **shared
        )
    if factor is None:
        assert to is not None
        return directions.from_classes(generator, to, away, **shared)
    name, _, value = factor.partition("=")
    reader = open_reader(generator)
    return directions.from_factor(
        generator, reader, name, value or None, class_name=class_name, **shared
    )


def open_reader(generator: Any) -> "FactorReader":
    """Open what reads the built-in faces' factors; the demo network is fitted where it is absent.

    Raises:
        InputError: the network's images are not RGB.
    """
    from stylegen.editing.directions import FactorReader
    from stylegen.metrics.demo import open_network

    FactorReader.check_channels(generator.config.img_channels)
    device = next(generator.parameters()).device
    with bar("fitting the demo network", "step") as progress:
        network = open_network("demo", device=device, progress=progress)
    with bar("learning the factors", "face") as progress:
        return FactorReader(network, progress=progress)
