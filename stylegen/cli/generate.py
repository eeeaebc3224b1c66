"""``stylegen generate``: samples by seed."""

from pathlib import Path
from typing import Any

import click

from stylegen.cli.options import (
    class_option,
    device_option,
    load_network,
    make_folder,
    network_option,
    noise_option,
    overwrite_option,
    parse_grid,
    psi_option,
    refuse_existing,
)


@click.command("generate")
@network_option
@click.option("--seeds", required=True, help="Numbers and ranges, such as 0-31,40.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the PNGs.")
@click.option("--grid", help="Also write grid.png of this many columns x rows, such as 8x4.")
@psi_option
@click.option("--cutoff", type=int, help="Truncate only this many layers.  [default: all]")
@class_option
@noise_option
@device_option
@overwrite_option
def generate(
    network: Path,
    seeds: str,
    out: Path,
    grid: str | None,
    device: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Draw samples by seed: OUT/seed0000.png and so on.

    A seed gives the same latent as in the official StyleGAN2 tools.
    """
    from stylegen.editing import generate as draw
    from stylegen.images import make_grid, save_image
    from stylegen.latents import parse_seeds

    numbers = parse_seeds(seeds)
    shape = None if grid is None else parse_grid(grid, len(numbers))
    paths = [out / f"seed{seed:04d}.png" for seed in numbers]
    sheet = [] if shape is None else [out / "grid.png"]
    refuse_existing(paths + sheet, overwrite)
    generator = load_network(network, device)
    images = draw(generator, numbers, **options)
    make_folder(out)
    for image, path in zip(images, paths, strict=True):
        save_image(image, path)
    if shape is not None:
        save_image(make_grid(images, shape[0]), out / "grid.png")
    click.echo(f"{out}: {len(images)} images" + (", grid.png" if shape else ""))
