"""``stylegen generate``: samples by seed."""

from pathlib import Path
from typing import Any

import click

from stylegen.cli.options import (
    bar,
    class_option,
    compile_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    noise_option,
    overwrite_option,
    parse_grid,
    precision_option,
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
@precision_option
@compile_option
@overwrite_option
def generate(
    network: Path,
    seeds: str,
    out: Path,
    grid: str | None,
    device: str,
    precision: str,
    compiled: bool,
    overwrite: bool,
    **options: Any,
) -> None:
    """Draw samples by seed: OUT/seed0000.png and so on.

    A seed gives the same latent as in the official StyleGAN2 tools.
    """
    import torch

    from stylegen.editing import generate as draw
    from stylegen.editing.sampling import GROUP
    from stylegen.images import make_grid, save_image
    from stylegen.latents import parse_seeds

    numbers = parse_seeds(seeds)
    shape = None if grid is None else parse_grid(grid, len(numbers))
    paths = [out / f"seed{seed:04d}.png" for seed in numbers]
    sheet = [] if shape is None else [out / "grid.png"]
    refuse_existing(paths + sheet, overwrite)
    generator = load_network(network, device, precision, compiled)
    kept = []
    with new_folder(out), bar("drawing", "img") as progress:
        for i in range(0, len(numbers), GROUP):
            images = draw(generator, numbers[i : i + GROUP], **options)
            for image, path in zip(images, paths[i : i + GROUP], strict=True):
                save_image(image, path)
            kept += [images] if shape else []
            progress(i + len(images), len(numbers))
    if shape is not None:
        save_image(make_grid(torch.cat(kept), shape[0]), out / "grid.png")
    click.echo(f"{out}: {len(numbers)} images" + (", grid.png" if shape else ""))
