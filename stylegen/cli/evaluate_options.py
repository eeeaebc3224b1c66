"""Options of ``stylegen evaluate``; what is not given is the protocol's, or the library's."""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from stylegen.data.config import DataConfig, Filter
from stylegen.data.sizes import Resolution, parse_resolution
from stylegen.errors import InputError
from stylegen.metrics.catalogue import ALL, METRICS
from stylegen.metrics.config import EvaluateConfig
from stylegen.metrics.protocols import PROTOCOLS
from stylegen.perceptual.names import ARITHMETICS, NETWORKS

Command = TypeVar("Command", bound=Callable[..., Any])


def split_names(text: str) -> tuple[str, ...]:
    """Read "fid, kid" as names."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def split_numbers(text: str) -> tuple[float, ...]:
    """Read "0.5,1" as numbers.

    Raises:
        InputError: one of them is none.
    """
    try:
        numbers = tuple(float(part) for part in split_names(text))
    except ValueError as error:
        raise InputError(f"--sweep is {text!r}; wanted numbers such as 0.5,0.7,1") from error
    if not numbers:
        raise InputError("--sweep names no truncation; wanted numbers such as 0.5,0.7,1")
    return numbers


def _resolution(ctx: click.Context, param: click.Parameter, text: str | None) -> Resolution | None:
    return None if text is None else parse_resolution(text)


def _group(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_what = _group(
    click.option("--against", required=True,
                 help="Snapshot, folder, zip, or .npz of reference statistics."),
    click.option("--out", help="Folder for report.html, report.json, metrics.jsonl, figures/."),
    click.option("--save-reference", metavar="FILE.npz",
                 help="Write the statistics of what --against names, for later use there."),
    click.option("--metrics", metavar="LIST",
                 help=f"{ALL}, or a comma-separated list of {', '.join(METRICS)}.  "
                 "[default: fid, and is where the features classify]"),
    click.option("--protocol", metavar="LIST",
                 help=f"{', '.join(PROTOCOLS)}; several are taken of the same images, and why "
                 "they differ is told."),
)  # fmt: skip
_numbers = _group(
    click.option("--samples", type=int,
                 help="Images to draw from a snapshot.  [default: the protocol's, or 5000]"),
    click.option("--max-images", type=int,
                 help="Take at most this many of a folder or zip, chosen by the seed.  "
                 "[default: all]"),
    click.option("--seed", type=int, help="[default: the protocol's, or 0]"),
    click.option("--psi", type=float,
                 help="Truncation of a snapshot's samples.  [default: 1, which is none]"),
    click.option("--noise", type=click.Choice(["random", "const"]),
                 help="A snapshot's layer noise.  [default: random]"),
    click.option("--batch", type=int, default=EvaluateConfig.batch, show_default=True),
)  # fmt: skip
_features = _group(
    click.option("--features", metavar="NAME",
                 help=f"Feature network: {', '.join(NETWORKS)}.  [default: inception]"),
    click.option("--inception-weights", metavar="FILE", help="Inception's weights file."),
    click.option("--features-weights", metavar="FILE", help="The feature network's weights file."),
    click.option("--arithmetic", type=click.Choice(list(ARITHMETICS)),
                 help="Of the feature network; fp32 for protocols, else fast."),
    click.option("--lpips", type=click.Choice(["vgg", "alex", "squeeze"]),
                 default=EvaluateConfig.lpips, show_default=True,
                 help="Network of the perceptual distance."),
    click.option("--lpips-weights", metavar="FILE", help="That network's weights file."),
    click.option("--lpips-heads", metavar="FILE", help="The distance's own weights."),
)  # fmt: skip
_reading = _group(
    click.option("--resolution", metavar="SIDE|WxH", callback=_resolution,
                 help="Pixels that folders and zips are read at.  [default: a snapshot's, or "
                 "their own]"),
    click.option("--filter", type=click.Choice(get_args(Filter)),
                 help="Filter for resizing folders and zips.  [default: as in the snapshot's "
                 f"training; {DataConfig.filter} with --resolution]"),
    click.option("--background", default=EvaluateConfig.background, show_default=True,
                 help="Colour behind transparency."),
)  # fmt: skip
_further = _group(
    click.option("--held-out", metavar="PATH",
                 help="Real images that were not trained on: memorisation is judged by them."),
    click.option("--mirror/--no-mirror", default=None,
                 help="Look for mirrored copies.  [default: where the training mirrored]"),
    click.option("--path-samples", type=int, default=EvaluateConfig.path_samples,
                 show_default=True, help="Pairs of latents of a perceptual path length."),
    click.option("--crop", is_flag=True, help="Path lengths of the middle of faces only."),
    click.option("--sweep", metavar="LIST", help="Truncations to sweep over, such as 0.5,0.7,1."),
    click.option("--sweep-samples", type=int, default=EvaluateConfig.sweep_samples,
                 show_default=True, help="Images at each of them, at most."),
    click.option("--cache/--no-cache", default=EvaluateConfig.cache, show_default=True,
                 help="Keep what is found of the real images."),
)  # fmt: skip
evaluate_options = _group(_what, _numbers, _features, _reading, _further)
