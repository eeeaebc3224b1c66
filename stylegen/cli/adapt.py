"""``stylegen adapt``: tune a network to draw in the manner of one image."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from stylegen.cli.latent_options import SOURCES, open_latents, photo_options, source_stems
from stylegen.cli.options import (
    class_option,
    device_option,
    load_network,
    network_option,
    overwrite_option,
    refuse_existing,
)
from stylegen.editing.restyle_config import AdaptConfig

_PREVIEWED = range(8)  # seeds


@contextmanager
def _loss_bar() -> Iterator[Callable[[int, int, float], None]]:
    """A progress bar with the loss, on a terminal only."""
    from tqdm import tqdm

    with tqdm(desc="adapting", unit="step", disable=None, leave=False) as line:

        def show(done: int, total: int, loss: float) -> None:
            line.total = total
            line.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            line.update(done - line.n)

        yield show


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
@class_option
@photo_options
@device_option
@overwrite_option
def adapt(
    network: Path,
    styles: tuple[str, ...],
    out: Path,
    preview: Path | None,
    class_name: str | None,
    device: str,
    overwrite: bool,
    steps: int,
    keep_color: bool,
    layers: str | None,
    share: float,
    batch: int,
    lr: float,
    seed: int,
    **photos: Any,
) -> None:
    """Tune a network to draw its samples in the manner of one image.

    The image's latent is found first; kept beside a photo. Ctrl-C stops the tuning and keeps what
    is done by then. The snapshot can be drawn from, mixed, and blended with its parent.
    """
    from stylegen import configs
    from stylegen.checkpoints.snapshot import load_discriminator
    from stylegen.editing.adapting import adapt as tune
    from stylegen.editing.lineage import Parent, check_snapshot_name, save_child
    from stylegen.editing.styles import before_and_after, style_digests, style_images
    from stylegen.files import check_writable
    from stylegen.images import check_image_name, save_image
    from stylegen.latents import parse_layers
    from stylegen.training.interrupts import stop_requests

    config = AdaptConfig(
        steps=steps, keep_color=keep_color, layers=layers, share=share, batch=batch, lr=lr,
        seed=seed,
    )  # fmt: skip
    check_snapshot_name(out)
    refuse_existing([out, out.with_suffix(".json"), *([preview] if preview else [])], overwrite)
    for path in (out, preview):
        if path is not None:
            check_writable(path)
    if preview is not None:
        check_image_name(preview)
    texts: Any = [list(styles)]
    source_stems(texts)
    generator = load_network(network, device, "fp32")
    if layers is not None:
        parse_layers(layers, generator.config.num_ws)  # before photos are projected
    (codes,) = open_latents(network, generator, texts, class_name=class_name, **photos)
    images = style_images(generator, styles, class_name)
    discriminator = load_discriminator(network, next(generator.parameters()).device)
    with stop_requests() as stopped, _loss_bar() as progress:
        adapted = tune(
            generator, discriminator, codes, images, config, progress=progress, stopped=stopped
        )
    if not adapted.losses:
        raise click.Abort
    said = {
        "styles": style_digests(styles),
        "settings": configs.to_dict(config),
        "layers": list(adapted.layers),
        "steps": len(adapted.losses),
        "loss": adapted.losses[-1],
    }
    save_child(out, adapted.generator, [Parent(network, generator)], "stylegen adapt", said)
    if preview is not None:
        sheet = before_and_after(generator, adapted.generator, images, _PREVIEWED)
        save_image(sheet, preview)
    done = f"{len(adapted.losses)} of {steps} steps" if len(adapted.losses) < steps else ""
    click.echo(
        f"{out}: {done or f'{steps} steps'}, loss {adapted.losses[0]:.4f} to "
        f"{adapted.losses[-1]:.4f}"
    )
