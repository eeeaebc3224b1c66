"""``stylegen directions``: find directions in w, apply them, and report what they change."""

import re
from pathlib import Path
from typing import Any

import click

from stylegen.cli.direction_apply import apply
from stylegen.cli.direction_files import check_files, read_layers
from stylegen.cli.direction_labels import from_labels
from stylegen.cli.direction_report import report
from stylegen.cli.latent_options import (
    SOURCES,
    check_weights_use,
    open_latents,
    photo_options,
    source_stems,
)
from stylegen.cli.options import (
    Network,
    class_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    overwrite_option,
    refuse_sources,
)
from stylegen.errors import InputError

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
    "--sheet", metavar="SOURCES",
    help="Also draw OUT/sheet.png: for each direction, a row for each of these, moving from -3 to "
    f"3: {SOURCES}.",
)  # fmt: skip
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the files.")
@photo_options
@device_option
@overwrite_option
def find(
    network: Network,
    method: str,
    layers: str | None,
    count: int,
    samples: int,
    seed: int,
    class_name: str | None,
    sheet: str | None,
    out: Path,
    device: str,
    overwrite: bool,
    **photos: Any,
) -> None:
    """Find directions without labels: OUT/METHOD-00.npz and so on, the strongest first."""
    from stylegen.editing.directions import measure_spread, pca, sefa, strengths
    from stylegen.editing.directions import sheet as draw_sheet
    from stylegen.images import save_image

    files = _files(out, method, count, sheet)
    earlier = _earlier(out, method, files)
    shown = [] if sheet is None else [sheet]
    refuse_sources([*files, *earlier], shown, network)
    check_files([*files, *earlier], overwrite)
    check_weights_use(shown, photos["distance_weights"])
    generator = load_network(network, device, "fp32")
    with new_folder(out):
        spread = measure_spread(generator, samples, seed, class_name)
        finder = {"sefa": sefa, "pca": pca}[method]
        found = finder(generator, read_layers(layers, generator), count, spread=spread)
        latents = open_latents(network, generator, shown, class_name=class_name, **photos)
        for direction, path in zip(found, files, strict=False):
            direction.save(path)
        for some in latents:
            save_image(draw_sheet(generator, some, found, strengths(-3, 3, 7)), files[-1])
        for path in earlier:
            path.unlink(missing_ok=True)
    for direction in found:
        share = 100 * (direction.explained_variance or 0)
        click.echo(f"{direction.name}: {share:.1f} %, 1 is {direction.unit:.3g} in w")
    click.echo(f"{out}: {count} directions" + ("" if sheet is None else ", sheet.png"))
    if earlier:
        click.echo(f"removed of an earlier run: {', '.join(path.name for path in earlier)}")


def _files(out: Path, method: str, count: int, sheet: str | None) -> list[Path]:
    """Return the files that will be written, that of the sheet last."""
    if count < 1:
        raise InputError(f"--count is {count}; wanted at least 1")
    files = [out / f"{method}-{i:02d}.npz" for i in range(count)]
    if sheet is None:
        return files
    source_stems([sheet])
    return [*files, out / "sheet.png"]


def _earlier(out: Path, method: str, files: list[Path]) -> list[Path]:
    """Return what an earlier run of more directions left in a folder; files of that name alone."""
    from stylegen.editing.directions import Direction

    named = re.compile(re.escape(method) + r"-\d{2,}\.npz")
    inside = sorted(out.iterdir()) if out.is_dir() else []
    found = []
    for path in inside:
        if not named.fullmatch(path.name) or path in files or not path.is_file():
            continue
        try:
            is_such = Direction.load(path).method == method
        except InputError:
            continue
        found += [path] * is_such
    return found


for command in (from_labels, apply, report):
    directions.add_command(command)
