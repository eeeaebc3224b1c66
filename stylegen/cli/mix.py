"""``stylegen mix``: the style-mixing grid."""

from pathlib import Path
from typing import Any

import click

from stylegen.cli.options import (
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
)


@click.command("mix")
@network_option
@click.option("--rows", required=True, help="Seeds down the left edge, such as 85,100,75.")
@click.option("--cols", required=True, help="Seeds along the top edge, such as 55,821.")
@click.option(
    "--styles",
    help="Layers that take the column's style: numbers such as 0-3,7, or coarse (4-8 px), middle "
    "(16-32 px), fine (64 px and above).  [default: coarse]",
)
@click.option(
    "--out",
    default="mix.png",
    show_default=True,
    type=click.Path(path_type=Path),
    help="An image file for the grid; or a folder for grid.png and every image.",
)
@psi_option
@class_option
@noise_option
@device_option
@precision_option
@overwrite_option
def mix(
    network: Path,
    rows: str,
    cols: str,
    styles: str | None,
    out: Path,
    device: str,
    precision: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Mix styles: each row's image with the chosen layers' styles of each column's.

    The sources stand at the left and top edges of the grid.
    """
    from stylegen.editing import mix as mix_styles
    from stylegen.images import check_image_name, save_image
    from stylegen.latents import parse_seeds

    row_seeds, col_seeds = parse_seeds(rows), parse_seeds(cols)
    single = bool(out.suffix) and not out.is_dir()
    pairs = {} if single else {
        out / f"{r}-{c}.png": (i, j)
        for i, r in enumerate(row_seeds)
        for j, c in enumerate(col_seeds)
    }  # fmt: skip
    grid = out if single else out / "grid.png"
    refuse_existing([grid, *pairs], overwrite)
    check_image_name(grid)
    generator = load_network(network, device, precision)
    with new_folder(grid.parent):
        mixed = mix_styles(generator, row_seeds, col_seeds, styles, **options)
        save_image(mixed.grid(), grid)
        for path, (i, j) in pairs.items():
            save_image(mixed.mixed[i, j], path)
    layers = ",".join(str(i) for i in mixed.layers)
    click.echo(f"{grid}: {len(row_seeds)} x {len(col_seeds)} mixes, layers {layers} of the columns")
