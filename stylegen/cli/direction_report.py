"""``stylegen directions report``: what directions change, and how purely."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylegen.cli.direction_files import load_directions, other_network_option
from stylegen.cli.direction_labels import open_reader
from stylegen.cli.options import (
    bar,
    class_option,
    device_option,
    load_network,
    network_option,
    overwrite_option,
    refuse_existing,
)
from stylegen.editing.directions.config import ReportConfig
from stylegen.errors import InputError
from stylegen.files import atomic_path

if TYPE_CHECKING:
    from stylegen.editing.directions.pathlength import FeatureSpace


_FEATURES = ("demo", "pyramid", "discriminator", "squeezenet", "lpips-vgg")


@click.command("report")
@network_option
@click.argument("paths", nargs=-1, required=True, metavar="DIRECTION...", type=Path)
@click.option("--strength", type=float, default=ReportConfig.strength, show_default=True,
    help="Factors at this strength are compared with those at minus this.")  # fmt: skip
@click.option("--samples", type=int, default=ReportConfig.samples, show_default=True,
    help="Seeds, from 0, that are moved.")  # fmt: skip
@click.option("--path-samples", type=int, default=ReportConfig.path_samples, show_default=True,
    help="Places at which path lengths are measured.")  # fmt: skip
@click.option("--epsilon", type=float, default=ReportConfig.epsilon, show_default=True,
    help="Step of path lengths.")  # fmt: skip
@click.option(
    "--factors/--no-factors", default=None,
    help="Read the built-in faces' factors.  [default: for RGB networks]",
)  # fmt: skip
@click.option(
    "--features", type=click.Choice(_FEATURES),
    help="What path lengths are measured in.  [default: demo where factors are read, else pyramid]",
)  # fmt: skip
@click.option("--features-weights", metavar="FILE", help="Weights file of the features.")
@click.option("--out", type=click.Path(path_type=Path), help="A .json file for all figures.")
@other_network_option
@class_option
@device_option
@overwrite_option
def report(
    network: Path,
    paths: tuple[Path, ...],
    factors: bool | None,
    features: str | None,
    features_weights: str | None,
    out: Path | None,
    other_network: bool,
    class_name: str | None,
    device: str,
    overwrite: bool,
    **numbers: Any,
) -> None:
    """Report which factor each DIRECTION changes, how purely, and how fast images change.

    DIRECTION is a file or a folder of them. Factors are those of the built-in faces: for networks
    that were trained on them ("stylegen data synth").
    """
    from stylegen.editing.directions import find_files, report_table
    from stylegen.editing.directions import report as measure

    config = ReportConfig(**numbers)
    files = find_files(paths)
    _check(files, out, overwrite)
    generator = load_network(network, device, "fp32")
    chosen = load_directions(files, generator, None, other_network)
    is_read = generator.config.img_channels == 3 if factors is None else factors
    reader = open_reader(generator) if is_read else None
    space = _space(features, features_weights, reader, network, generator)
    settings: dict[str, Any] = {"reader": reader, "config": config, "class_name": class_name}
    with bar("moving", "direction") as progress:
        found = measure(generator, chosen, space, progress=progress, **settings)
    if out is not None:
        with atomic_path(out) as temporary:
            temporary.write_text(json.dumps(found.to_dict(), indent=1) + "\n")
    click.echo(report_table(found) + ("" if out is None else f"\n{out}"))


def _check(files: list[Path], out: Path | None, overwrite: bool) -> None:
    from stylegen.editing.directions import Direction

    for path in files:
        Direction.load(path)
    refuse_existing([] if out is None else [out], overwrite)
    if out is not None and not out.parent.is_dir():
        raise InputError(f"the folder of {out} does not exist; create it first")


def _space(
    name: str | None, weights: str | None, reader: Any, network: Path, generator: Any
) -> "FeatureSpace":
    from stylegen.checkpoints.snapshot import load_discriminator
    from stylegen.editing.directions import NetworkSpace
    from stylegen.editing.projection import open_distance

    device = next(generator.parameters()).device
    if name == "demo" or (name is None and reader is not None):
        return NetworkSpace((reader or open_reader(generator)).network)
    own = load_discriminator(network, device) if name == "discriminator" else None
    return open_distance(name or "pyramid", discriminator=own, weights=weights, device=device)
