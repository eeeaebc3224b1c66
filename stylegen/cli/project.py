"""``stylegen project``: the latents of photos."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stylegen.cli.options import (
    class_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    overwrite_option,
    precision_option,
)
from stylegen.editing.projection.config import (
    DISTANCES,
    SPACES,
    ProjectionConfig,
    TuningConfig,
)
from stylegen.errors import InputError

if TYPE_CHECKING:
    from stylegen.editing.projection.distances import Distance

_VIDEOS = ("mp4", "gif", "webp")
_FRAMES = 240


@contextmanager
def _loss_bars() -> Iterator[Callable[[str], Callable[[int, int, float], None]]]:
    """Progress bars on stderr with the loss, one for each stage; silent without a terminal."""
    from contextlib import ExitStack

    from tqdm import tqdm

    with ExitStack() as stack:

        def stage(name: str) -> Callable[[int, int, float], None]:
            line = stack.enter_context(tqdm(desc=name, unit="step", disable=None, leave=False))

            def show(done: int, total: int, loss: float) -> None:
                line.total = total
                line.set_postfix_str(f"loss {loss:.4f}", refresh=False)
                line.update(done - line.n)

            return show

        yield stage


def _open_distances(
    names: tuple[str, ...], network: Path, weights: Path | None, device: str
) -> "list[Distance]":
    from stylegen.checkpoints.snapshot import load_discriminator
    from stylegen.devices import choose_device
    from stylegen.editing.projection import open_distance

    if weights is not None and "squeezenet" not in names:
        raise InputError("--distance-weights is for squeezenet, which is not among the distances")
    place = choose_device(device)
    return [
        open_distance(
            name,
            discriminator=load_discriminator(network, place) if name == "discriminator" else None,
            weights=weights if name == "squeezenet" else None,
            device=place,
        )
        for name in names
    ]


@click.command("project")
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))
@network_option
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
    help="Keeps fitted noise noise: less lets it hold more of the image.",
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
    help="Weights file of squeezenet.",
)
@click.option(
    "--also",
    type=click.Choice(DISTANCES),
    multiple=True,
    help="A further distance to report; may be given again.",
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
    space: str,
    steps: int,
    lr: float,
    start: str,
    candidates: int,
    noise_maps: str,
    noise_weight: float,
    seed: int,
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
) -> None:
    """Find the latents that draw PHOTOS, for all tools that take latents.

    Writes OUT/photo.npz and photo.png for each photo, a contact sheet (target, projection,
    difference) and a report. A run that was stopped goes on when it is started again.
    """
    from stylegen.checkpoints import read_info
    from stylegen.editing.projection import read_photo
    from stylegen.editing.projection.folder import Wanted, prepare, project_photos
    from stylegen.editing.projection.photos import parse_crop
    from stylegen.editing.projection.report import as_table

    config = ProjectionConfig(
        space=space,  # type: ignore[arg-type]
        steps=steps,
        lr=lr,
        start=start,  # type: ignore[arg-type]
        candidates=candidates,
        noise_maps=noise_maps,  # type: ignore[arg-type]
        noise_weight=noise_weight,
        seed=seed,
        traced=min(steps, _FRAMES) if video else 0,
    )
    wanted = Wanted(
        paste=paste,
        tuning=TuningConfig(steps=tune_steps, seed=seed) if tune else None,
        video=f".{video_format}" if video else None,
    )
    box = None if crop is None else parse_crop(crop)
    goes_on = prepare(out, photos, wanted, overwrite)
    shape = read_info(network).generator
    pictures = [read_photo(path, shape, box) for path in photos]
    first, *others = _open_distances((distance, *also), network, distance_weights, device)
    generator = load_network(network, device, precision)
    if goes_on:
        click.echo(f"going on with the unfinished run in {out}")
    with new_folder(out), _loss_bars() as progress:
        report = project_photos(
            generator, pictures, first, out, config, wanted,
            class_name=class_name, others=others, progress=progress,
        )  # fmt: skip
    click.echo(as_table(report), nl=False)
    click.echo(f"{out}: {len(photos)} photos")
