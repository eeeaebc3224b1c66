"""stylegen data: make ready sets of images, and look into sets."""

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from stylegen.cli.options import bar, refuse_existing
from stylegen.data.config import SIMILARITY, DataConfig, Filter
from stylegen.data.sizes import Resolution, parse_resolution, size_of, size_text

if TYPE_CHECKING:
    from stylegen.data.checking import CheckReport


def _read_resolution(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> Resolution | None:
    return None if text is None else parse_resolution(text)


_FIX_HELP = (
    "Write a mended copy: a new folder, or a .zip. Broken files and exact duplicates are left out, "
    "the others get one kind of pixel, and the size of --resolution; labels are kept."
)


def _check_outputs(
    path: Path,
    dst: Path | None,
    channels: int | None,
    json_file: Path | None,
    sheet: Path | None,
    overwrite: bool,
) -> None:
    """Find out before all images are read whether what is wanted of them can be written."""
    from stylegen.data.mending import check_target
    from stylegen.files import check_writable
    from stylegen.images.writing import check_image_name

    files = [file for file in (json_file, sheet) if file is not None]
    refuse_existing(files, overwrite)
    for file in files:
        check_writable(file)
    if sheet is not None:
        check_image_name(sheet)
    if dst is not None:
        check_target(path, dst, channels)


def _fix(
    report: "CheckReport",
    dst: Path,
    resolution: Resolution | None,
    channels: int | None,
    background: str,
    filter: Filter,
) -> None:
    from stylegen.data.mending import mend

    with bar("mending", " images") as told:
        mended = mend(
            report,
            dst,
            resolution,
            channels=channels,
            background=background,
            filter=filter,
            progress=told,
        )
    click.echo(
        f"{dst}: {mended.count:,} images of {mended.channels} channels, {mended.converted:,} of "
        f"them converted, {len(mended.left_out):,} files left out"
    )


@click.group("data")
def data() -> None:
    """Make ready sets of images, and look into sets."""


_background_option = click.option(
    "--background",
    default=DataConfig.background,
    show_default=True,
    help="Colour behind transparency, a name or #rrggbb.",
)


@data.command("build")
@click.argument("src", type=click.Path(path_type=Path))
@click.argument("dst", type=click.Path(path_type=Path))
@click.option(
    "--resolution",
    metavar="SIDE|WxH",
    callback=_read_resolution,
    help="Pixels, such as 64 or 96x64 (width x height); without it, the one size all images have.",
)
@click.option("--channels", type=int, default=DataConfig.channels, show_default=True)
@_background_option
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
    resolution: Resolution | None,
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
    size = size_text(*size_of(report.resolution))
    click.echo(f"{dst}: {report.count} images of {size} px{classes}")
    if report.skipped:
        click.echo(f"skipped {len(report.skipped)}:", err=True)
    for name, reason in report.skipped:
        click.echo(f"  {name}: {reason}", err=True)


@data.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--resolution",
    metavar="SIDE|WxH",
    callback=_read_resolution,
    help="What training will read the images at; without it, they are compared with each other.",
)
@click.option("--fix", "dst", type=click.Path(path_type=Path), help=_FIX_HELP)
@click.option("--channels", type=int, help="Of the copy; without it, what most files have.")
@_background_option
@click.option(
    "--filter",
    type=click.Choice(get_args(Filter)),
    default=DataConfig.filter,
    show_default=True,
    help="Resampling of the copy.",
)
@click.option(
    "--similarity",
    type=float,
    default=SIMILARITY,
    show_default=True,
    help="Correlation from which two pictures are near duplicates.",
)
@click.option("--show", default=20, show_default=True, help="Findings of a kind to list; 0: all.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write all findings.")
@click.option("--sheet", type=click.Path(path_type=Path), help="Draw a contact sheet.")
@click.option("--overwrite", is_flag=True, help="Replace the --json and --sheet files.")
def check_command(
    path: Path,
    resolution: Resolution | None,
    dst: Path | None,
    channels: int | None,
    background: str,
    filter: Filter,
    similarity: float,
    show: int,
    json_file: Path | None,
    sheet: Path | None,
    overwrite: bool,
) -> None:
    """Look for broken, doubled, odd and mislabelled images in PATH (folder or zip).

    Exit code: 0 nothing found, 1 something found, 2 the request or the set cannot be used.
    """
    from stylegen.data.checking import check
    from stylegen.data.sheet import save_sheet
    from stylegen.data.telling import findings, summary, write_json

    _check_outputs(path, dst, channels, json_file, sheet, overwrite)
    with bar("checking", " images") as told:
        report = check(path, resolution, background, similarity, told)
    for line in (*summary(report), *findings(report, show)):
        click.echo(line)
    if json_file is not None:
        write_json(report, json_file)
    if sheet is not None:
        save_sheet(report, sheet, background)
    if dst is not None:
        _fix(report, dst, resolution, channels, background, filter)
    if not report.is_clean:
        raise SystemExit(1)


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
