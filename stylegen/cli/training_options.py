"""The options of ``stylegen train``, by what they concern. Defaults come from the dataclasses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from stylegen.data.config import DataConfig, Filter
from stylegen.perceptual.names import NETWORKS
from stylegen.precision import PRECISIONS
from stylegen.training.augment.config import PIPES, POLICIES, AugmentConfig, Kind
from stylegen.training.choices import Choices
from stylegen.training.presets import PRESETS

F = TypeVar("F", bound=Callable[..., Any])
Options = Callable[[F], F]
_ARCHITECTURES = click.Choice(["skip", "resnet", "orig"])


def _together(*options: Callable[[F], F]) -> Callable[[F], F]:
    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _number(name: str, help: str, kind: Any = float, default: Any = None) -> Callable[[F], F]:
    shown = default is not None
    return click.option(name, type=kind, default=default, show_default=shown, help=help)


begin_options = _together(
    click.option(
        "--data", help="Folder or zip of images; with --resume RUN, where they have moved to."
    ),
    click.option(
        "--out",
        default="runs",
        show_default=True,
        type=click.Path(path_type=Path),
        help="Folder of all runs; this one gets the next number in it.",
    ),
    click.option("--name", help="Ends the name of the run's folder.  [default: the data's]"),
    click.option(
        "--resume",
        metavar="RUN|SNAPSHOT|auto",
        help="Go on with a run. auto: the last one begun with the same options, or a new one.",
    ),
    click.option(
        "--transfer",
        type=click.Path(path_type=Path),
        help="Begin from the weights of this snapshot.",
    ),
    click.option(
        "--match",
        type=click.Choice(["all", "resolution"]),
        default="all",
        show_default=True,
        help="Of --transfer: every weight must fit, or blocks of one of the two may be new.",
    ),
    _number("--freeze-d", "Of --transfer: top resolutions of D that are not trained.", int, 0),
    click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="Begin a run with the config.json of another.",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Show configuration, size, memory, speed and duration; train nothing.",
    ),
)

data_options = _together(
    click.option(
        "--resolution",
        metavar="N|WxH",
        help="Pixels; images are cropped and resized.  [default: the images']",
    ),
    click.option(
        "--channels",
        type=int,
        default=DataConfig.channels,
        show_default=True,
        help="1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.",
    ),
    click.option(
        "--background",
        default=DataConfig.background,
        show_default=True,
        help="Colour behind transparency.",
    ),
    click.option(
        "--filter",
        type=click.Choice(get_args(Filter)),
        default=DataConfig.filter,
        show_default=True,
        help="For resizing.",
    ),
    click.option(
        "--xflip/--no-xflip",
        default=DataConfig.xflip,
        show_default=True,
        help="Mirror half of the images.",
    ),
    click.option(
        "--labels", is_flag=True, help="Train with classes, from sub-folders or dataset.json."
    ),
    click.option("--class-balanced", is_flag=True, help="Show images of each class equally often."),
    click.option(
        "--class-groups/--no-class-groups",
        default=None,
        help="One class in each minibatch group, which keeps variety within classes.  [default: "
        "with --labels, where a batch has four groups]",
    ),
)

preset_options = _together(
    click.option(
        "--preset",
        type=click.Choice(list(PRESETS)),
        default=Choices.preset,
        show_default=True,
        help="Numbers to begin from; every option below wins over it.",
    ),
    _number("--kimg", "Length, in thousands of real images shown.  [default: 25000]"),
    _number(
        "--batch", "Images of a step, of all devices.  [default: 4096 / resolution, to 32]", int
    ),
    _number("--gamma", "R1 weight.  [default: 0.0002 resolution^2 / batch]"),
    _number("--lr", "Learning rate.  [default: 0.0025; 0.002 from 1024 px]"),
    _number("--style-mixing", "Probability of two latents in one image.  [default: 0.9]"),
    _number("--pl-weight", "Path length weight; 0 turns it off.  [default: 2]"),
    _number("--ema-kimg", "Half life of the generator's average.  [default: batch * 10 / 32]"),
    _number("--ema-rampup", "At most this share of the images shown; 0: all along the same."),
    _number(
        "--channel-base",
        "Features are this / resolution...  [default: 16384; 32768 from 512 px]",
        int,
    ),
    _number("--channel-max", "... and at most this many.  [default: 512]", int),
    _number("--mapping-layers", "Depth of the mapping network.  [default: 2]", int),
    _number("--z-dim", "Width of z.", int, Choices.z_dim),
    _number("--w-dim", "Width of w.", int, Choices.w_dim),
    click.option(
        "--generator-architecture",
        type=_ARCHITECTURES,
        default=Choices.generator_architecture,
        show_default=True,
    ),
    click.option("--discriminator-architecture", type=_ARCHITECTURES, help="[default: resnet]"),
    _number(
        "--mbstd-group-size",
        "Samples over which minibatch deviations are taken.  [default: a device's batch, to 4]",
        int,
    ),
    _number(
        "--conv-clamp", "Clip activations to +- this; 0 does not.  [default: 256 in bf16, fp16]"
    ),
)

schedule_options = _together(
    click.option(
        "--schedule",
        metavar="TEXT|FILE|grow",
        help="Resolutions over kimg, such as 8:0-40,16:40-100,32:100-,fade=20; a JSON file; or "
        "grow, the ready one.",
    ),
    click.option(
        "--augment",
        type=click.Choice(get_args(Kind)),
        default=AugmentConfig.kind,
        show_default=True,
        help="Of what the discriminator sees. ada adapts its strength: for few images.",
    ),
    click.option(
        "--augpipe",
        type=click.Choice(list(PIPES)),
        default=AugmentConfig.pipe,
        show_default=True,
        help="Groups of operations: blit, geometry, colour, filter, noise, cutout.",
    ),
    _number(
        "--augment-p", "Of --augment fixed: probability of each operation.", float, AugmentConfig.p
    ),
    _number(
        "--ada-target",
        "Of --augment ada: the sign of D's reals to hold.",
        float,
        AugmentConfig.target,
    ),
    _number(
        "--ada-kimg",
        "Of --augment ada: p goes from 0 to 1 in this.  [default: 500; 100 with --transfer]",
    ),
    _number("--ada-max", "Of --augment ada: p stays below this.", float, AugmentConfig.max_p),
    click.option(
        "--diffaug-policy",
        default=",".join(POLICIES),
        show_default=True,
        help="Of --augment diffaug.",
    ),
)

saving_options = _together(
    _number("--tick-kimg", "Statistics this often.", float, Choices.tick_kimg),
    _number(
        "--snapshot-kimg", "Snapshots and sample grids this often...", float, Choices.snapshot_kimg
    ),
    _number(
        "--snapshot-minutes",
        "... and after this time without one; 0: by kimg only.",
        float,
        Choices.snapshot_minutes,
    ),
    _number(
        "--keep-snapshots",
        "Keep the last of them, and the best; 0: all.",
        int,
        Choices.keep_snapshots,
    ),
    _number("--disk-quota-gb", "Keep fewer, and fewer grids, if the run's folder takes more."),
    _number("--max-minutes", "Stop, saved, after this time."),
    click.option(
        "--profile", type=click.IntRange(0), default=0, help="Profile so many first steps."
    ),
)

metric_options = _together(
    click.option(
        "--metrics", help="Take these while training, such as fid,kid; the first picks the best."
    ),
    _number("--metric-ticks", "Every so many ticks.", int, Choices.metric_ticks),
    _number("--metric-images", "Images drawn for them.", int, Choices.metric_images),
    _number("--metric-max-reals", "Real images for them, at most.  [default: all]", int),
    click.option(
        "--metric-features",
        type=click.Choice(list(NETWORKS)),
        default=Choices.metric_features,
        metavar="NAME",
        show_default=True,
        help="Network whose features they compare.",
    ),
    click.option(
        "--inception-weights",
        "--features-weights",
        "metric_weights",
        metavar="FILE",
        help="Its weights file.",
    ),
    _number("--metric-minutes", "Give a measurement up after so many.  [default: never]"),
)

device_options = _together(
    _number("--seed", "Of everything random.", int, Choices.seed),
    click.option(
        "--device", default=Choices.device, show_default=True, help="auto, cpu, cuda or cuda:N."
    ),
    click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        default=Choices.precision,
        show_default=True,
        help="Of the top resolutions. auto: bf16 where the device computes in it, else fp32.",
    ),
    _number(
        "--num-low-precision-res",
        "How many of the top resolutions that concerns.",
        int,
        Choices.num_low_precision_res,
    ),
    click.option(
        "--batch-per-device",
        metavar="N|auto",
        help="Images a device computes at once; larger batches go in parts.  [default: all]",
    ),
)
