"""stylegen data: make ready sets of images."""

from pathlib import Path
from typing import get_args

import click

from stylegen.cli.options import bar
from stylegen.data.config import DataConfig, Filter


@click.group("data")
def data() -> None:
    """Make ready sets of images."""


@data.command("build")
@click.argument("src", type=click.Path(path_type=Path))
@click.argument("dst", type=click.Path(path_type=Path))
@click.option("--resolution", type=int, help="Pixels; without it, the one size all images have.")
@click.option("--channels", type=int, default=DataConfig.channels, show_default=True)
@click.option(
    "--background",
    default=DataConfig.background,
    show_default=True,
    help="Colour behind transparency, a name or #rrggbb.",
)
@click.option(
    "--filter",
    type=click.Choice(get_args(Filter)),
    default=DataConfig.filter,
    show_default=True,
)
@click.option("--overwrite", is_flag=True, help="Replace DST if it exists.")
def build_command(
    src: Path,
    dst: Path,
    resolution: int | None,
    channels: int,
    background: str,
    filter: Filter,
    overwrite: bool,
) -> None:
    """Crop and resize the images in SRC (folder or zip) into the ready zip DST."""
    from stylegen.data.building import build

    config = DataConfig(
        path=str(src),
        resolution=resolution,
        channels=channels,
        background=background,
        filter=filter,
    )
    with bar("building", " images") as show:
        report = build(config, dst, overwrite=overwrite, progress=show)
    classes = f", {len(report.class_names)} classes" if report.class_names else ""
    click.echo(f"{dst}: {report.count} images of {report.resolution} px{classes}")
    if report.skipped:
        click.echo(f"skipped {len(report.skipped)}:", err=True)
    for name, reason in report.skipped:
        click.echo(f"  {name}: {reason}", err=True)


@data.command("synth")
@click.argument("dst", type=click.Path(path_type=Path))
@click.option("--count", type=int, default=5000, show_default=True, help="Number of faces.")
@click.option("--resolution", type=int, default=32, show_default=True, help="Pixels.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace DST if it exists.")
def synth_command(dst: Path, count: int, resolution: int, seed: int, overwrite: bool) -> None:
    """Write the built-in set, cartoon faces with known factors, as the ready zip DST."""
    from stylegen.data.synth import write_synth

    with bar("drawing", " faces") as show:
        write_synth(dst, count, resolution, seed, overwrite=overwrite, progress=show)
    click.echo(f"{dst}: {count} faces of {resolution} px, seed {seed}")
