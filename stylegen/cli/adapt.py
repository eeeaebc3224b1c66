"""``stylegen adapt``: tune a network to draw in the manner of one image."""

from pathlib import Path
from typing import Any

import click

from stylegen.cli.latent_options import (
    PHOTO_NAMES,
    SOURCES,
    open_latents,
    photo_options,
    source_stems,
)
from stylegen.cli.options import (
    Network,
    Progress,
    bar,
    check_picture,
    class_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    overwrite_option,
    refuse_sources,
    say,
)
from stylegen.editing.restyle_config import AdaptConfig


def _summary(losses: tuple[float, ...], steps: int) -> str:
    """Say how far it came."""
    done, of = len(losses), "" if len(losses) == steps else f" of {steps}"
    left = "; the same command with --resume goes on" if of else ""
    return f"{done}{of} steps, loss {losses[0]:.4f} to {losses[-1]:.4f}{left}"


def _telling(progress: Progress, resume: bool) -> Progress:
    """Also say, of what --resume was asked for, where it begins; once that has been accepted."""
    first = resume

    def told(done: int, total: int, loss: float) -> None:
        nonlocal first
        if first:
            begins = f"going on from step {done - 1}"
            say(begins if done > 1 else "nothing was unfinished: this begins")
        first = False
        progress(done, total, loss)

    return told


@click.command("adapt")
@network_option
@click.option(
    "--style", "styles", required=True, multiple=True, help=f"The style image: {SOURCES}. "
    "May be repeated, for several images of one manner.",
)  # fmt: skip
@click.option(
    "--out",
    default="adapted.safetensors",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The new snapshot.",
)
@click.option("--steps", default=AdaptConfig.steps, show_default=True, help="Steps of tuning.")
@click.option(
    "--keep-color",
    is_flag=True,
    help="Learn the style's lights and darks only: samples keep their own colours.",
)
@click.option(
    "--layers",
    help="Layers of the style's latent that are replaced by random ones: numbers such as 8-11, "
    "8-, RES:16-32, middle or fine.  [default: fine, or of the last resolution below 64 px]",
)
@click.option(
    "--share",
    default=AdaptConfig.share,
    show_default=True,
    help="How far they are replaced, 0 to 1; less adapts more gently.",
)
@click.option("--batch", default=AdaptConfig.batch, show_default=True, help="Samples of a step.")
@click.option("--lr", default=AdaptConfig.lr, show_default=True, help="Adam's learning rate.")
@click.option("--seed", default=AdaptConfig.seed, show_default=True, help="Of all randomness.")
@click.option(
    "--preview",
    type=click.Path(path_type=Path),
    help="Also write a picture: samples above, the same of the adapted network below.",
)
@click.option(
    "--resume", is_flag=True,
    help="Go on with OUT where it was interrupted, with the same options; --steps may be more.",
)  # fmt: skip
@class_option
@photo_options
@device_option
@overwrite_option
def adapt(
    network: Network,
    styles: tuple[str, ...],
    out: Path,
    preview: Path | None,
    resume: bool,
    class_name: str | None,
    device: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Tune a network to draw its samples in the manner of one image.

    The image's latent is found first; kept beside a photo. Ctrl-C stops the tuning and keeps what
    is done by then; the same command with --resume goes on. The snapshot can be drawn from, mixed,
    and blended with its parent.
    """
    from stylegen.checkpoints import read_info
    from stylegen.editing.adapt_files import AdaptFiles, adapt_snapshot
    from stylegen.editing.lineage import Parent
    from stylegen.latents import parse_layers
    from stylegen.training.interrupts import stop_requests

    photos = {name: options.pop(name) for name in PHOTO_NAMES}
    config, files = AdaptConfig(**options), AdaptFiles(out=out, preview=preview)
    texts: Any = [list(styles)]
    source_stems(texts)
    info = read_info(Path(network)).generator
    if preview is not None:
        check_picture(preview, info.img_channels)
    if config.layers is not None:
        parse_layers(config.layers, info.num_ws)  # before photos are projected
    refuse_sources(files.paths, texts, network)
    goes_on = files.check(resume, overwrite)
    generator = load_network(network, device, "fp32")
    parent = Parent(network.snapshot, generator, network.delta)
    with new_folder(out.parent), new_folder((preview or out).parent):
        (codes,) = open_latents(network, generator, texts, class_name=class_name, **photos)
        with stop_requests() as stopped, bar("adapting", "step", "loss") as progress:
            adapted = adapt_snapshot(
                parent, styles, codes, config, files, class_name=class_name, goes_on=goes_on,
                progress=_telling(progress, resume), stopped=stopped,
            )  # fmt: skip
        if not adapted.losses:
            raise click.Abort
    click.echo(f"{out}: {_summary(adapted.losses, config.steps)}")
