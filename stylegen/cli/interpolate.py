"""``stylegen interpolate``: a video of a walk through latents."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

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
    parse_grid,
    precision_option,
    psi_option,
    refuse_sources,
)
from stylegen.editing.walk_config import StillNoise, WalkConfig, WalkPath, WalkSpace, parse_sweep

if TYPE_CHECKING:
    from stylegen.editing.interpolation import Walk


def _distance(network: Network, generator: Any, photos: dict[str, Any]) -> Any:
    """Open the distance that photos are projected with, to measure speed."""
    from stylegen.checkpoints.snapshot import load_discriminator
    from stylegen.editing.projection import open_distance

    device, name = next(generator.parameters()).device, photos["distance"]
    own = load_discriminator(network.snapshot, device) if name == "discriminator" else None
    weights = photos["distance_weights"]
    return open_distance(name, discriminator=own, weights=weights, device=device)


def _walks(
    network: Network,
    generator: Any,
    through: str,
    config: WalkConfig,
    noise: StillNoise,
    psi: float,
    class_name: str | None,
    photos: dict[str, Any],
) -> "list[Walk]":
    """Find the points, then the walks; what can be wrong of cheap things shows before dear ones."""
    from stylegen.editing.interpolation import interpolate as walk_through
    from stylegen.latents import parse_layers

    parse_layers(config.layers or "all", generator.config.num_ws)
    distance = _distance(network, generator, photos) if config.constant_speed else None
    points: Any = through
    if config.space == "w":
        (points,) = open_latents(
            network, generator, [through], psi=psi, class_name=class_name,
            measured=config.constant_speed, **photos,
        )  # fmt: skip
        psi = 1.0  # is in them
    with bar("measuring", "img") as progress:
        return walk_through(
            generator, points, config, psi=psi, class_name=class_name, distance=distance,
            noise=noise, progress=progress,
        )  # fmt: skip


def _keys(walks: "list[Walk]") -> str:
    """Say at which frames the points are; of several walks, how many there are."""
    first = walks[0]
    if len(walks) > 1:
        return f"{len(walks)} walks of {len(first.sources)} points"
    points = [f"{s} (frame {k})" for s, k in zip(first.sources, first.keys, strict=True)]
    return ", ".join(points[:8] + ["..."] * (len(points) > 8))


@click.command("interpolate")
@network_option
@click.option("--through", required=True, help=f"The points: {SOURCES}.")
@click.option(
    "--frames", default=WalkConfig.frames, show_default=True, help="Frames of the whole walk."
)
@click.option("--fps", default="30", show_default=True, help="Frames a second, or 30000/1001.")
@click.option(
    "--space",
    type=click.Choice(get_args(WalkSpace)),
    default=WalkConfig.space,
    show_default=True,
    help="w, or z, which takes seeds only.",
)
@click.option(
    "--path",
    type=click.Choice(get_args(WalkPath)),
    default=WalkConfig.path,
    show_default=True,
    help="Straight from point to point; along the sphere of z; as a smooth curve (a natural cubic "
    "spline); or as a closed one.",
)
@click.option("--closed", is_flag=True, help="Come back to the first point, without a jump.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="walk.mp4, walk.gif, walk.webp, or a folder for PNG files.",
)
@click.option("--grid", help="Columns x rows of walks side by side, which share the points: 3x2.")
@click.option("--layers", help="Only these layers move: 0-3,8-, RES:16-32, coarse, middle, fine.")
@click.option(
    "--constant-speed", is_flag=True, help="Equal steps as --distance sees them, not of time."
)
@click.option(
    "--truncation-sweep",
    metavar="A..B",
    help="Instead, pull one point to the mean image by psi from A to B, such as -1..1.",
)
@psi_option
@class_option
@click.option(
    "--noise",
    type=click.Choice(get_args(StillNoise)),
    default="const",
    show_default=True,
    help="The layers' noise: the stored one, the same in all frames, or none.",
)
@photo_options
@device_option
@precision_option
@overwrite_option
def interpolate(
    network: Network,
    through: str,
    fps: str,
    out: Path,
    grid: str | None,
    noise: StillNoise,
    device: str,
    precision: str,
    overwrite: bool,
    psi: float,
    class_name: str | None,
    truncation_sweep: str | None,
    **options: Any,
) -> None:
    """Walk through seeds, saved latents and photos, and write the way as a video.

    Each point has a frame of its own, which is the image that it gives; a closed walk shows its
    first frame once.
    """
    from stylegen.editing.interpolation import only_seeds, walk_frames
    from stylegen.images.video import check_video, open_video, replaced_by

    photos = {name: options.pop(name) for name in PHOTO_NAMES}
    columns, rows = (1, 1) if grid is None else parse_grid(grid, 1)
    sweep = None if truncation_sweep is None else parse_sweep(truncation_sweep)
    config = WalkConfig(walks=columns * rows, sweep=sweep, **options)
    config.points_of_each(len(source_stems([through])[0]))
    if config.space == "z":
        only_seeds(through)
    check_weights_use([through], photos["distance_weights"], config.constant_speed)
    refuse_sources(replaced_by(out), [through], network)
    check_video(out, fps, overwrite)
    generator = load_network(network, device, precision)
    with new_folder(out.parent):
        walks = _walks(network, generator, through, config, noise, psi, class_name, photos)
        with bar("drawing", "frame") as progress, open_video(out, fps, overwrite) as video:
            for frame in walk_frames(generator, walks, columns, noise):
                video.add(frame)
                progress(video.count, config.frames)
    seconds = float(video.count / video.rate)
    click.echo(f"{out}: {config.frames} frames, {video.rate} a second, {seconds:.6g} s")
    for line in (_keys(walks), *video.notes):
        click.echo(line)
