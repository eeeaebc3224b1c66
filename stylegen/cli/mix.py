"""``stylegen mix``: the style-mixing grid."""

from pathlib import Path
from typing import Any

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


def _chosen(layers: tuple[int, ...], weights: tuple[float, ...]) -> str:
    """Say which layers were mixed, and if that leaves nothing of a source."""
    if not layers:
        return "no layer of the columns: each mix is its row"
    listed = f"layers {','.join(str(i) for i in layers)} of the columns"
    return listed + (": each mix is its column" if min(weights) == 1 else "")


@click.command("mix")
@network_option
@click.option("--rows", required=True, help=f"Down the left edge: {SOURCES}.")
@click.option("--cols", required=True, help="Along the top edge, likewise.")
@click.option(
    "--styles",
    help="Layers that take the column's style: numbers such as 0-3,7 or 8-; coarse (4-8 px), "
    "middle (16-32 px), fine (64 px and above), all; or RES:16-32.  [default: coarse]",
)
@click.option(
    "--strength", default=1.0, show_default=True,
    help="How much of the column these layers take: 0 leaves the row, 1 is full.",
)  # fmt: skip
@click.option(
    "--weights",
    help="Instead of --styles: how much of the column each layer takes, such as 1,1,0.5,0,0,0.",
)
@click.option(
    "--out",
    default="mix.png",
    show_default=True,
    type=click.Path(path_type=Path),
    help="An image file for the grid; or a folder for grid.png and every image with its latent.",
)
@psi_option
@class_option
@noise_option
@photo_options
@device_option
@precision_option
@overwrite_option
def mix(
    network: Network,
    rows: str,
    cols: str,
    styles: str | None,
    strength: float,
    weights: str | None,
    out: Path,
    psi: float,
    class_name: str | None,
    noise: Any,
    device: str,
    precision: str,
    overwrite: bool,
    **photos: Any,
) -> None:
    """Mix styles: each row's image with the chosen layers' styles of each column's.

    The sources stand at the left and top edges of the grid. Photos are projected first, and their
    latents kept beside them.
    """
    from stylegen.checkpoints import read_info
    from stylegen.editing.mixing import layer_weights
    from stylegen.editing.mixing import mix as mix_styles
    from stylegen.images import save_image
    from stylegen.latents import parse_weights

    stems = source_stems([rows, cols])
    grid, pairs = grid_files(out, *stems)
    files = [grid, *pairs, *(path.with_suffix(".npz") for path in pairs)]
    refuse_sources(files, [rows, cols], network)
    refuse_existing(files, overwrite)
    check_picture(grid, read_info(Path(network)).generator.img_channels)
    given = None if weights is None else parse_weights(weights)
    generator = load_network(network, device, precision)
    chosen = layer_weights(generator.config.num_ws, styles, strength, given).tolist()
    with new_folder(grid.parent):
        a, b = open_latents(
            network, generator, [rows, cols], psi=psi, class_name=class_name, **photos
        )
        mixed = mix_styles(generator, a, b, weights=chosen, noise=noise)
        save_image(mixed.grid(), grid)
        for path, (i, j) in pairs.items():
            save_image(mixed.mixed[i, j], path)
            mixed.latent(i, j).save(path.with_suffix(".npz"))
    click.echo(f"{grid}: {len(a)} x {len(b)} mixes, {_chosen(mixed.layers, mixed.weights)}")
