"""``stylegen train``: begin a run on images, or go on with one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click
from click.core import ParameterSource

from stylegen.cli.options import bar
from stylegen.data.config import DataConfig, Filter
from stylegen.errors import InputError
from stylegen.precision import PRECISIONS
from stylegen.training.choices import Choices as Defaults

_ARCHITECTURES = click.Choice(["skip", "resnet", "orig"])
_DATA = ("channels", "background", "filter", "xflip")


@contextmanager
def training_bar() -> Iterator[Any]:
    """Show a run's progress on stderr: images per second, time left, losses, logit signs."""
    from tqdm import tqdm

    with tqdm(unit="img", desc="training", disable=None, smoothing=0.05) as line:

        def show(status: Any) -> None:
            line.total = status.images_total
            if line.n == 0:
                line.initial = line.n = status.images_shown
            line.update(status.images_shown - line.n)
            if m := status.means:
                line.set_postfix_str(
                    f"kimg {status.images_shown / 1000:.1f}, G {m['loss_g']:.2f}, "
                    f"D {m['loss_d']:.2f}, signs {m['signs_real']:+.2f} {m['signs_fake']:+.2f}",
                    refresh=False,
                )

        yield show


def echo_outcome(outcome: Any) -> None:
    """Say how a run ended, and how to go on if it was stopped."""
    click.echo(f"{outcome.reason} at {outcome.kimg:.1f} kimg: {outcome.snapshot}")
    if outcome.reason != "finished":
        click.echo(f"go on with: stylegen train --resume {outcome.folder}")


def _given(ctx: click.Context) -> set[str]:
    return {
        name for name in ctx.params if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE
    }


def _resume(ctx: click.Context, folder: Path, options: dict[str, Any]) -> None:
    from stylegen.training import resume
    from stylegen.training.loop import CHANGEABLE

    given = _given(ctx) - {"resume"}
    if fixed := sorted(given - CHANGEABLE):
        flags = ", ".join("--" + name.replace("_", "-") for name in fixed)
        raise InputError(f"{flags} cannot change when a run is resumed; leave it out")
    changes = {name: options[name] for name in given}
    with bar("reading", "img") as progress, training_bar() as report:
        outcome = resume(folder, report, progress, **changes)
    echo_outcome(outcome)


def _begin(data: str, out: Path, labels: bool, options: dict[str, Any]) -> None:
    from stylegen.data import open_images
    from stylegen.training import Choices, plan_run, train

    name, resolution = options.pop("name"), options.pop("resolution")
    config = DataConfig(
        path=str(Path(data).resolve()),
        resolution=resolution,
        labels=labels,
        **{key: options.pop(key) for key in _DATA},
    )
    images = open_images(config)
    config = replace(config, resolution=images.resolution)
    run = plan_run(
        config, images.resolution, images.num_classes, name or images.name, Choices(**options)
    )
    with bar("reading", "img") as progress, training_bar() as report:
        outcome = train(run, out, report, progress)
    echo_outcome(outcome)


@click.command("train")
@click.option("--data", help="Folder or zip of images.")
@click.option(
    "--out",
    default="runs",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of all runs; this one gets the next number in it.",
)
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with this run's folder.")
@click.option("--name", help="Ends the name of the run's folder.  [default: the data's]")
@click.option(
    "--resolution",
    type=int,
    help="Pixels, a power of two; images are cropped and resized.  [default: the images']",
)
@click.option(
    "--kimg",
    type=float,
    default=Defaults.kimg,
    show_default=True,
    help="Length, in thousands of real images shown.",
)
@click.option("--max-minutes", type=float, help="Stop, saved, after this time.")
@click.option("--batch", type=int, help="Images of a step.  [default: 4096 / resolution, up to 32]")
@click.option("--gamma", type=float, help="R1 weight.  [default: 0.0002 resolution^2 / batch]")
@click.option("--lr", type=float, help="Learning rate.  [default: 0.0025; 0.002 from 1024 px]")
@click.option(
    "--conv-clamp",
    type=float,
    help="Clip activations to +- this; 0 does not.  [default: 256 in bf16 and fp16, else 0]",
)
@click.option(
    "--channel-base",
    type=int,
    help="Features are this / resolution...  [default: 16384; 32768 from 512 px]",
)
@click.option(
    "--channel-max",
    type=int,
    default=Defaults.channel_max,
    show_default=True,
    help="... and at most this many.",
)
@click.option(
    "--mapping-layers",
    type=int,
    default=Defaults.mapping_layers,
    show_default=True,
    help="Depth of the mapping network.",
)
@click.option("--z-dim", type=int, default=Defaults.z_dim, show_default=True)
@click.option("--w-dim", type=int, default=Defaults.w_dim, show_default=True)
@click.option(
    "--generator-architecture",
    type=_ARCHITECTURES,
    default=Defaults.generator_architecture,
    show_default=True,
)
@click.option(
    "--discriminator-architecture",
    type=_ARCHITECTURES,
    default=Defaults.discriminator_architecture,
    show_default=True,
)
@click.option(
    "--mbstd-group-size",
    type=int,
    default=4,
    show_default=True,
    help="Samples over which minibatch deviations are taken.",
)
@click.option(
    "--style-mixing",
    type=float,
    default=Defaults.style_mixing,
    show_default=True,
    help="Probability of two latents in one image.",
)
@click.option(
    "--pl-weight",
    type=float,
    default=Defaults.pl_weight,
    show_default=True,
    help="Path length weight; 0 turns it off.",
)
@click.option(
    "--ema-kimg",
    type=float,
    help="Half life of the generator's average.  [default: batch * 10 / 32]",
)
@click.option(
    "--labels", is_flag=True, help="Train with classes, from sub-folders or dataset.json."
)
@click.option(
    "--channels",
    type=int,
    default=DataConfig.channels,
    show_default=True,
    help="1 grey, 3 RGB, 4 RGBA.",
)
@click.option(
    "--background",
    default=DataConfig.background,
    show_default=True,
    help="Colour behind transparency.",
)
@click.option(
    "--filter",
    type=click.Choice(get_args(Filter)),
    default=DataConfig.filter,
    show_default=True,
    help="For resizing.",
)
@click.option(
    "--xflip/--no-xflip",
    default=DataConfig.xflip,
    show_default=True,
    help="Mirror half of the images.",
)
@click.option(
    "--tick-kimg",
    type=float,
    default=Defaults.tick_kimg,
    show_default=True,
    help="Statistics this often.",
)
@click.option(
    "--snapshot-kimg",
    type=float,
    default=Defaults.snapshot_kimg,
    show_default=True,
    help="Snapshots and sample grids this often.",
)
@click.option("--seed", type=int, default=Defaults.seed, show_default=True)
@click.option(
    "--device", default=Defaults.device, show_default=True, help="auto, cpu, cuda or cuda:N."
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=Defaults.precision,
    show_default=True,
    help="Of the top resolutions. auto: bf16 where the device computes in it, else fp32.",
)
@click.option(
    "--num-low-precision-res",
    type=int,
    default=Defaults.num_low_precision_res,
    show_default=True,
    help="How many of the top resolutions that concerns.",
)
@click.pass_context
def train(
    ctx: click.Context,
    /,
    data: str | None,
    out: Path,
    resume: Path | None,
    labels: bool,
    **options: Any,
) -> None:
    """Train on a folder or zip of images; the run is OUT/00000-name.

    It holds config.json, stats.jsonl, TensorBoard events, sample grids and snapshots. Ctrl-C
    saves; --resume goes on.
    """
    if resume is not None:
        _resume(ctx, resume, options)
    elif data is None:
        raise InputError("train needs --data FOLDER_OR_ZIP, or --resume RUN")
    else:
        _begin(data, out, labels, options)
