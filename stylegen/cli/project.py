"""``stylegen project``: the latents of photos."""

from pathlib import Path
from typing import Any

import click

from stylegen.cli.options import (
    Progress,
    bars,
    class_option,
    device_option,
    is_given,
    load_network,
    new_folder,
    overwrite_option,
    precision_option,
    say,
    snapshot_option,
)
from stylegen.editing.projection.config import (
    DISTANCES,
    SPACES,
    ProjectionConfig,
    TuningConfig,
)
from stylegen.errors import InputError

_VIDEOS = ("mp4", "gif", "webp")
_FRAMES = 240


def _check_use(tune: bool, video: bool, start: str) -> None:
    """Refuse options that nothing would come of."""
    for name, used, how in (
        ("tune_steps", tune, "is for --tune"),
        ("video_format", video, "is for --video"),
        ("candidates", start == "best", "is for --start best"),
    ):
        if is_given(name) and not used:
            raise InputError(f"--{name.replace('_', '-')} {how}, which was not asked for")


def _how_to_use(network: Path, out: Path, photo: Path, tuned: bool) -> str:
    """Say how another command takes what was written of the first photo."""
    stem = out / photo.stem
    delta = f" --delta {stem}.delta.safetensors" if tuned else ""
    return (
        f"{stem}.npz stands wherever a seed can:\n"
        f"stylegen generate --network {network} --latents {stem}.npz{delta} --out FOLDER"
    )


@click.command("project")
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))
@snapshot_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for all files.")
@click.option(
    "--space",
    type=click.Choice(SPACES),
    default=ProjectionConfig.space,
    show_default=True,
    help="w: one latent for all layers, the best to edit; w+: one for each layer, nearer.",
)
@click.option("--steps", default=ProjectionConfig.steps, show_default=True, help="Of the search.")
@click.option("--lr", default=ProjectionConfig.lr, show_default=True, help="Learning rate.")
@click.option(
    "--start",
    type=click.Choice(["best", "mean"]),
    default=ProjectionConfig.start,
    show_default=True,
    help="Begin at the best of random latents, or at their mean.",
)
@click.option(
    "--candidates",
    default=ProjectionConfig.candidates,
    show_default=True,
    help="Random latents to begin at the best of.",
)
@click.option(
    "--noise-maps",
    type=click.Choice(["after", "joint", "stored"]),
    default=ProjectionConfig.noise_maps,
    show_default=True,
    help="Fit the layers' noise: after the latent, together with it, or not at all.",
)
@click.option(
    "--noise-weight",
    default=ProjectionConfig.noise_weight,
    show_default=True,
    help="Keeps fitted noise noise: less lets it hold more of the image. At 32 px the default "
    "lets it hold nothing.",
)
@click.option("--seed", default=ProjectionConfig.seed, show_default=True, help="Of the search.")
@click.option(
    "--distance",
    type=click.Choice(DISTANCES),
    default="discriminator",
    show_default=True,
    help="What the search makes small: in features of the snapshot's own discriminator, of pixels "
    "at all scales, or of another network.",
)
@click.option(
    "--distance-weights",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Weights file of squeezenet, which is then reported too.",
)
@click.option(
    "--also",
    type=click.Choice(DISTANCES),
    multiple=True,
    help="A further distance to report; may be given again. The discriminator's always is.",
)
@class_option
@click.option(
    "--crop", help="Part of each photo: x,y,width,height in pixels.  [default: the centre]"
)
@click.option("--paste", is_flag=True, help="Also put each result back into its photo.")
@click.option("--tune", is_flag=True, help="Also tune the generator to each photo (a delta file).")
@click.option(
    "--tune-steps", default=TuningConfig.steps, show_default=True, help="Steps of tuning."
)
@click.option("--video", is_flag=True, help="Also write a video of each search.")
@click.option(
    "--video-format", type=click.Choice(_VIDEOS), default="mp4", show_default=True, help="Of it."
)
@device_option
@precision_option
@overwrite_option
def project(
    photos: tuple[Path, ...],
    network: Path,
    out: Path,
    distance: str,
    distance_weights: Path | None,
    also: tuple[str, ...],
    class_name: str | None,
    crop: str | None,
    paste: bool,
    tune: bool,
    tune_steps: int,
    video: bool,
    video_format: str,
    device: str,
    precision: str,
    overwrite: bool,
    **search: Any,
) -> None:
    """Find the latents that draw PHOTOS, for all tools that take latents.

    Writes OUT/photo.npz and photo.png for each photo, a contact sheet (target, projection,
    difference) and a report. Latents are kept beside the photos too, and found there again by all
    commands. A run that was stopped goes on when it is started again.
    """
    from stylegen.editing.projection.folder import project_photos, read_all
    from stylegen.editing.projection.opening import open_distances
    from stylegen.editing.projection.outputs import Wanted, prepare
    from stylegen.editing.projection.report import as_table

    _check_use(tune, video, search["start"])
    config = ProjectionConfig(traced=min(search["steps"], _FRAMES) if video else 0, **search)
    wanted = Wanted(
        paste=paste,
        tuning=TuningConfig(steps=tune_steps, seed=config.seed) if tune else None,
        video=f".{video_format}" if video else None,
    )
    goes_on = prepare(out, photos, wanted, overwrite, network)
    pictures = read_all(photos, network, crop)
    generator = load_network(network, device, precision)
    distances = open_distances(network, generator, distance, also, distance_weights)
    with new_folder(out), bars("step", "loss") as stages:

        def progress(stage: str) -> Progress:
            if goes_on and stage == "projecting":  # it was found to be the same run
                say(f"going on with the unfinished run in {out}")
            return stages(stage)

        report = project_photos(
            generator, pictures, distances[0], out, config, wanted,
            class_name=class_name, others=distances[1:], anew=overwrite, progress=progress,
        )  # fmt: skip
    click.echo(as_table(report), nl=False)
    click.echo(f"{out}: {len(photos)} photos")
    click.echo(_how_to_use(network, out, photos[0], tune))
