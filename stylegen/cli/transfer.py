"""``stylegen transfer``: contents in the manner of styles, by their latents."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stylegen.cli.grid_files import grid_files
from stylegen.cli.latent_options import SOURCES, open_latents, photo_options, source_stems
from stylegen.cli.options import (
    Network,
    check_picture,
    class_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    noise_option,
    overwrite_option,
    precision_option,
    psi_option,
    refuse_existing,
    refuse_sources,
)
from stylegen.editing.restyle_config import MATCHED, TransferConfig
from stylegen.errors import InputError

if TYPE_CHECKING:
    from stylegen.editing.transferring import Transfer

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _sources(texts: tuple[str, ...], folder: Path | None, what: str) -> list[str]:
    """Return lists of sources: as named, then the images of a folder by name."""
    from stylegen.data.sources import SUFFIXES

    found: list[str] = []
    if folder is not None:
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        found = [str(path) for path in files if path.name.lower().endswith(SUFFIXES)]
        if not found:
            raise InputError(f"{folder} is no folder of images; --{what}-dir wants one")
    if not (texts or found):
        raise InputError(f"no {what} was given; wanted --{what} or --{what}-dir")
    return [*texts, *found]


def _weights(text: str | None) -> tuple[float, ...] | None:
    try:
        return None if text is None else tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--style-weights is {text!r}; wanted numbers such as 0.7,0.3") from None


def _role(name: str, help: str) -> Callable[[_Command], _Command]:
    """Add the options --NAME and --NAME-dir."""

    def add(command: _Command) -> _Command:
        one = click.option(f"--{name}", f"{name}s", multiple=True, help=help)
        folder = click.option(
            f"--{name}-dir", type=click.Path(path_type=Path), help=f"A folder of {name} photos."
        )
        return one(folder(command))

    return add


def _write(
    made: "Transfer", grid: Path, cells: dict[Path, tuple[int, int]], latents: list[Path]
) -> None:
    """Write the grid, of which a single picture is that alone; in a folder, everything."""
    from stylegen.images import save_image

    alone = not cells and made.images.shape[:2] == (1, 1)
    save_image(made.images[0, 0] if alone else made.grid(), grid)
    for path in latents:
        made.latents.save(path)
    for path, (i, j) in cells.items():
        save_image(made.images[i, j], path)


@click.command("transfer")
@network_option
@_role("content", f"What keeps its coarse layers: {SOURCES}. May be repeated.")
@_role("style", "What gives the other layers, likewise.")
@click.option("--style-weights", help="One number for each style: make one style of them all.")
@click.option(
    "--layers",
    help="Layers that take the style: numbers such as 8-11, 8- (from 8 on), RES:16-32, coarse, "
    "middle or fine.  [default: fine, or all but the coarse where a network has none]",
)
@click.option(
    "--strength",
    default=TransferConfig.strength,
    show_default=True,
    help="0 leaves the content, 1 takes the style.",
)
@click.option(
    "--match-colour",
    type=click.Choice(MATCHED),
    help="Give each picture the mean and covariance of its content's or its style's colours.",
)
@click.option(
    "--out",
    default="transfer.png",
    show_default=True,
    type=click.Path(path_type=Path),
    help="An image file: the picture, or for several a grid with contents at the left and styles "
    "above; or a folder for grid.png, every picture and latents.npz.",
)
@psi_option
@class_option
@noise_option
@photo_options
@device_option
@precision_option
@overwrite_option
def transfer(
    network: Network,
    contents: tuple[str, ...],
    content_dir: Path | None,
    styles: tuple[str, ...],
    style_dir: Path | None,
    style_weights: str | None,
    layers: str | None,
    strength: float,
    match_colour: Any,
    out: Path,
    psi: float,
    class_name: str | None,
    noise: Any,
    device: str,
    precision: str,
    overwrite: bool,
    **photos: Any,
) -> None:
    """Draw each content in the manner of each style.

    The content keeps its coarse layers (what is drawn), the style gives its fine ones (how).
    Photos are projected into the network's latents first, and kept beside the photos.
    """
    from stylegen.checkpoints import read_info
    from stylegen.editing.transferring import transfer as transfer_styles
    from stylegen.latents import parse_layers

    config = TransferConfig(
        layers=layers, strength=strength, style_weights=_weights(style_weights),
        match_colour=match_colour,
    )  # fmt: skip
    texts: Any = [
        _sources(contents, content_dir, "content"), _sources(styles, style_dir, "style")
    ]  # fmt: skip
    rows, columns = source_stems(texts)
    columns = ["styles"] if config.style_weights else columns
    grid, cells = grid_files(out, rows, columns)
    latents = [out / "latents.npz"] if cells else []
    refuse_sources([grid, *cells, *latents], texts, network)
    refuse_existing([grid, *cells, *latents], overwrite)
    info = read_info(Path(network)).generator
    check_picture(grid, info.img_channels)
    if layers is not None:
        parse_layers(layers, info.num_ws)  # before photos are projected
    generator = load_network(network, device, precision)
    with new_folder(grid.parent):
        content, style = open_latents(
            network, generator, texts, psi=psi, class_name=class_name, **photos
        )
        made = transfer_styles(generator, content, style, config, noise=noise)
        _write(made, grid, cells, latents)
    taken = ",".join(str(i) for i in made.layers)
    click.echo(f"{grid}: {len(rows)} x {len(columns)} pictures, layers {taken} of the styles")
