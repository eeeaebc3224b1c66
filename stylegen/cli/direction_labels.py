"""``stylegen directions from-labels``: the direction that parts two groups of samples."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from stylegen.cli.direction_files import (
    check_directions,
    check_files,
    load_directions,
    other_network_option,
    read_layers,
)
from stylegen.cli.latent_options import (
    PHOTO_NAMES,
    check_weights_use,
    open_latents,
    photo_options,
)
from stylegen.cli.options import (
    Network,
    bar,
    class_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    overwrite_option,
)
from stylegen.editing.directions.config import BoundaryConfig, BoundaryMethod
from stylegen.errors import InputError

if TYPE_CHECKING:
    from stylegen.editing.directions import Direction, FactorReader
    from stylegen.editing.latents import Latents

_Table = tuple[list[int | Path], list[str]]


@click.command("from-labels")
@network_option
@click.option(
    "--labels", type=click.Path(path_type=Path),
    help="A table with lines of source,label: seeds, latent files and photos beside the table. "
    "Without it and --factor: the network's classes.",
)  # fmt: skip
@click.option(
    "--factor", metavar="NAME[=VALUE]",
    help="A factor of the built-in faces, such as smile or hair_style=bald, read off the network's "
    "own samples.",
)  # fmt: skip
@click.option("--purify", is_flag=True, help="With --factor: leave all other factors as they are.")
@click.option(
    "--orthogonal-to", "others", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="A direction file whose change is to be left out; may be given again.",
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
@other_network_option
@class_option
@photo_options
@device_option
@overwrite_option
def from_labels(
    network: Network,
    others: tuple[Path, ...],
    layers: str | None,
    out: Path,
    other_network: bool,
    device: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Find the direction that parts two groups: by labels of images, by classes, or by a factor.

    A fifth of each group is held out; the share of it on the right side is told.
    """
    from stylegen.editing.directions.direction import check_name

    groups = _Groups(**{field.name: options.pop(field.name) for field in fields(_Groups)})
    photos = {name: options.pop(name) for name in PHOTO_NAMES}
    config = BoundaryConfig(**options)
    groups.check()
    check_name(out)
    check_files([out], overwrite)
    check_directions(others, left_alone=True)
    table = groups.table()
    check_weights_use([table[0]], photos["distance_weights"])
    generator = load_network(network, device, "fp32")
    shared: dict[str, Any] = {
        "config": config,
        "layers": read_layers(layers, generator),
        "orthogonal_to": load_directions(others, generator, None, other_network),
    }
    with new_folder(out.parent):
        found = groups.find(network, generator, table, photos, shared)
        found.save(out)
    click.echo(
        f"{out}: {100 * (found.accuracy or 0):.1f} % of held-out samples on the right side (50 % "
        f"is chance), {100 * (found.explained_variance or 0):.1f} % of the variance of w"
    )


@dataclass(frozen=True, kw_only=True)
class _Groups:
    """What the groups are, as the options of these names say it."""

    labels: Path | None
    factor: str | None
    purify: bool
    to: str | None
    away: str | None
    class_name: str | None

    def _name(self) -> tuple[str, str | None]:
        """Return the factor's name and value."""
        name, _, value = (self.factor or "").partition("=")
        return name, value or None

    def check(self) -> None:
        from stylegen.editing.directions.factors import check_known

        if self.labels is not None and self.factor is not None:
            raise InputError("--labels and --factor both say what the groups are; wanted one")
        if self.factor is not None and (self.to is not None or self.away is not None):
            raise InputError(
                "--factor NAME=VALUE says where the direction leads; --to, --from do not"
            )
        if self.factor is None and self.purify:
            raise InputError("--purify is for --factor; --orthogonal-to names what is left alone")
        if self.factor is not None:
            check_known(*self._name())
        if self.labels is None and self.factor is None:
            if self.to is None:
                raise InputError("wanted --labels, --factor, or with --to a class of the network")
            if self.class_name is not None:
                raise InputError("--class is for --labels and --factor; classes are parted by --to")

    def table(self) -> _Table:
        """Return the sources and labels of the table; none where there is no table."""
        from stylegen.editing.directions import read_labels

        return ([], []) if self.labels is None else read_labels(self.labels)

    def find(
        self,
        network: Network,
        generator: Any,
        table: _Table,
        photos: dict[str, Any],
        options: dict[str, Any],
    ) -> "Direction":
        """Find the direction in the way that was asked for."""
        from stylegen.editing import directions

        if self.factor is not None:
            return self._of_factor(generator, options)
        options |= {"to": self.to, "away": self.away}
        if self.labels is None:
            return directions.from_classes(generator, **options)
        options |= {"class_name": self.class_name}
        photos |= {"class_name": self.class_name}

        def project(paths: Sequence[Path]) -> "Latents":
            return open_latents(network, generator, [paths], **photos)[0]

        sources, labels = table
        return directions.from_labels(generator, sources, labels, photos=project, **options)

    def _of_factor(self, generator: Any, options: dict[str, Any]) -> "Direction":
        from stylegen.editing.directions import from_factor

        options |= {"purify": self.purify, "class_name": self.class_name}
        reader = open_reader(generator)
        with bar("drawing", "image") as progress:
            return from_factor(generator, reader, *self._name(), progress=progress, **options)


def open_demo(generator: Any) -> Any:
    """Open the demo network for a generator's images; it is fitted where it is absent.

    Raises:
        InputError: the network's images are not RGB.
    """
    from stylegen.editing.directions import FactorReader
    from stylegen.metrics.demo import open_network

    FactorReader.check_channels(generator.config.img_channels)
    device = next(generator.parameters()).device
    with bar("fitting the demo network", "step") as progress:
        return open_network("demo", device=device, progress=progress)


def open_reader(generator: Any) -> "FactorReader":
    """Open what reads the built-in faces' factors.

    Raises:
        InputError: the network's images are not RGB.
    """
    from stylegen.editing.directions import FactorReader

    network = open_demo(generator)
    with bar("learning the factors", "face") as progress:
        return FactorReader(network, progress=progress)
