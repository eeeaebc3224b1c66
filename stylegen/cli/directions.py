"""``stylegen directions``: find directions in w, apply them, and report what they change."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylegen.cli.direction_apply import apply
from stylegen.cli.direction_files import read_layers
from stylegen.cli.direction_labels import from_labels
from stylegen.cli.direction_report import report
from stylegen.cli.options import (
    class_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    overwrite_option,
    refuse_existing,
)
from stylegen.errors import InputError

if TYPE_CHECKING:
    from stylegen.editing.directions import Direction

layers_option = click.option(
    "--layers",
    help="Layers: numbers such as 0-3,7, or coarse, middle, fine, or RES:16-32.  [default: all]",
)


@click.group("directions")
def directions() -> None:
    """Find directions in w, apply them, and report what they change.

    A strength of 1 is one standard deviation of w along the direction.
    """


@directions.command("find")
@network_option
@click.option(
    "--method", required=True, type=click.Choice(["sefa", "pca"]),
    help="sefa: what changes the styles most, from the weights alone; pca: where w varies most.",
)  # fmt: skip
@layers_option
@click.option("--count", type=int, default=10, show_default=True, help="Number of directions.")
@click.option(
    "--samples", type=int, default=10_000, show_default=True,
    help="Samples of w: for pca, and for the unit of strength.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of these samples.")
@class_option
@click.option(
    "--sheet", metavar="SEED", type=int,
    help="Also draw OUT/sheet.png: a row for each direction, moving this seed from -3 to 3.",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the files.")
@device_option
@overwrite_option
def find(
    network: Path,
    method: str,
    layers: str | None,
    count: int,
    samples: int,
    seed: int,
    class_name: str | None,
    sheet: int | None,
    out: Path,
    device: str,
    overwrite: bool,
) -> None:
    """Find directions without labels: OUT/METHOD-00.npz and so on, the strongest first."""
    from stylegen.editing.directions import measure_spread, pca, sefa
    from stylegen.images import save_image

    if count < 1:
        raise InputError(f"--count is {count}; wanted at least 1")
    files = [out / f"{method}-{i:02d}.npz" for i in range(count)]
    refuse_existing([*files, *([] if sheet is None else [out / "sheet.png"])], overwrite)
    generator = load_network(network, device, "fp32")
    spread = measure_spread(generator, samples, seed, class_name)
    finder = {"sefa": sefa, "pca": pca}[method]
    found = finder(generator, read_layers(layers, generator), count, spread=spread)
    with new_folder(out):
        for direction, path in zip(found, files, strict=True):
            direction.save(path)
        if sheet is not None:
            save_image(_sheet(generator, found, sheet, class_name), out / "sheet.png")
    for direction in found:
        share = 100 * (direction.explained_variance or 0)
        click.echo(f"{direction.name}: {share:.1f} %, 1 is {direction.unit:.3g} in w")
    click.echo(f"{out}: {count} directions" + ("" if sheet is None else ", sheet.png"))


def _sheet(generator: Any, found: "list[Direction]", seed: int, class_name: str | None) -> Any:
    import torch

    from stylegen.editing.directions import strengths, strip
    from stylegen.editing.latents import Latents
    from stylegen.editing.sampling import seeds_to_ws
    from stylegen.images import make_grid

    ws = seeds_to_ws(generator, [seed], class_name=class_name).cpu()
    latents, amounts = Latents(w=ws, sources=(str(seed),)), strengths(-3, 3, 7)
    rows = [strip(generator, latents, direction, amounts)[0] for direction in found]
    return make_grid(torch.cat(rows), len(amounts))


for command in (from_labels, apply, report):
    directions.add_command(command)
