"""``stylegen directions report``: what directions change, and how purely."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylegen.cli.direction_files import (
    check_directions,
    check_files,
    load_directions,
    other_network_option,
)
from stylegen.cli.direction_labels import open_demo, open_reader
from stylegen.cli.latent_options import (
    PHOTO_NAMES,
    SOURCES,
    check_weights_use,
    open_latents,
    photo_options,
    source_stems,
)
from stylegen.cli.options import (
    Network,
    bar,
    class_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    overwrite_option,
)
from stylegen.editing.directions.config import ReportConfig
from stylegen.errors import InputError
from stylegen.files import atomic_path

if TYPE_CHECKING:
    from stylegen.editing.directions import Report
    from stylegen.editing.directions.pathlength import FeatureSpace

_FEATURES = ("demo", "pyramid", "discriminator", "squeezenet", "lpips-vgg")


@click.command("report")
@network_option
@click.argument("paths", nargs=-1, required=True, metavar="DIRECTION...", type=Path)
@click.option("--strength", type=float, default=ReportConfig.strength, show_default=True,
    help="Factors at this strength are compared with those at minus this.")  # fmt: skip
@click.option("--sources", help=f"What to move: {SOURCES}.  [default: the first --samples seeds]")
@click.option("--samples", type=int,
    help=f"Instead: how many seeds, from 0.  [default: {ReportConfig.samples}]")  # fmt: skip
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
@click.option("--features-weights", metavar="FILE", help="Weights file of squeezenet's features.")
@click.option("--out", type=click.Path(path_type=Path), help="A .json file for all figures.")
@other_network_option
@class_option
@photo_options
@device_option
@overwrite_option
def report(
    network: Network,
    paths: tuple[Path, ...],
    sources: str | None,
    samples: int | None,
    factors: bool | None,
    features: str | None,
    features_weights: str | None,
    out: Path | None,
    other_network: bool,
    class_name: str | None,
    device: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Report which factor each DIRECTION changes, how purely, and how fast images change.

    DIRECTION is a file or a folder of them. Factors are those of the built-in faces: for networks
    that were trained on them ("stylegen data synth").
    """
    from stylegen.editing.directions import find_files, report_directions, report_table

    photos = {name: options.pop(name) for name in PHOTO_NAMES}
    config = _config(sources, samples, options)
    files = find_files(paths)
    texts = [] if sources is None else [sources]
    check_weights_use(texts, photos["distance_weights"])
    _check(files, texts, features, features_weights, out, overwrite)
    generator = load_network(network, device, "fp32")
    chosen = load_directions(files, generator, None, other_network)
    is_read = generator.config.img_channels == 3 if factors is None else factors
    features = features or ("demo" if is_read else "pyramid")
    space = _space(features, features_weights, network, generator)
    moved = open_latents(network, generator, texts, class_name=class_name, **photos)
    reader = open_reader(generator) if is_read else None
    with new_folder(Path() if out is None else out.parent), bar("moving", "direction") as progress:
        found = report_directions(
            generator, chosen, space, sources=moved or None, reader=reader, config=config,
            class_name=class_name, progress=progress,
        )  # fmt: skip
        _write(found, out)
    click.echo(report_table(found) + ("" if out is None else f"\n{out}"))


def _config(sources: str | None, samples: int | None, numbers: dict[str, Any]) -> ReportConfig:
    if sources is not None and samples is not None:
        raise InputError("--sources and --samples both say what is moved; wanted one")
    return ReportConfig(samples=ReportConfig.samples if samples is None else samples, **numbers)


def _check(
    files: list[Path],
    texts: list[str],
    features: str | None,
    weights: str | None,
    out: Path | None,
    overwrite: bool,
) -> None:
    if weights is not None and features != "squeezenet":
        named = "" if features is None else f", not for {features}"
        raise InputError(f"--features-weights is for --features squeezenet{named}")
    check_directions(files)
    source_stems(texts)
    check_files([] if out is None else [out], overwrite)


def _write(found: "Report", out: Path | None) -> None:
    if out is None:
        return
    with atomic_path(out) as temporary:
        temporary.write_text(json.dumps(found.to_dict(), indent=1) + "\n")


def _space(name: str, weights: str | None, network: Network, generator: Any) -> "FeatureSpace":
    from stylegen.checkpoints.snapshot import load_discriminator
    from stylegen.editing.directions import NetworkSpace
    from stylegen.editing.projection import open_distance

    if name == "demo":
        return NetworkSpace(open_demo(generator))
    device = next(generator.parameters()).device
    own = load_discriminator(Path(network), device) if name == "discriminator" else None
    return open_distance(name, discriminator=own, weights=weights, device=device)
