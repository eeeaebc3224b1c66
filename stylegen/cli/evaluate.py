"""``stylegen evaluate``: one side against another, and a report of it."""

from typing import Any, get_args

import click

from stylegen.cli.options import device_option, overwrite_option
from stylegen.data.config import Filter
from stylegen.data.sizes import Resolution, parse_resolution
from stylegen.errors import InputError
from stylegen.metrics.config import METRICS, EvaluateConfig
from stylegen.perceptual.names import NETWORKS

_KNOWN = ", ".join(METRICS)


def _metrics(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(part.strip().lower() for part in text.split(",") if part.strip())


def _read_resolution(
    ctx: click.Context, param: click.Parameter, text: str | None
) -> Resolution | None:
    return None if text is None else parse_resolution(text)


def _weights(features: str, inception: str | None, other: str | None) -> str | None:
    if inception is not None and features != "inception":
        raise InputError(
            f"--inception-weights goes with --features inception, not {features}; "
            "use --features-weights"
        )
    if inception is not None and other is not None:
        raise InputError("--inception-weights and --features-weights name one thing twice")
    return inception if inception is not None else other


class _Bar:
    """A progress bar that follows the stages of an evaluation, on the terminal only."""

    def __init__(self) -> None:
        self.stage = ""
        self.bar: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if stage != self.stage:
            self.close()
            self.stage = stage
            self.bar = tqdm(total=total, desc=stage, disable=None, leave=False)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


@click.command("evaluate")
@click.argument("a", metavar="SIDE")
@click.option("--against", required=True, help="Snapshot, folder or zip to compare with.")
@click.option("--out", required=True, help="Folder for report.json and report.html.")
@click.option(
    "--metrics",
    help=f"Comma-separated list of {_KNOWN}.  [default: fid, and is where the features classify]",
)
@click.option(
    "--samples", type=int, default=EvaluateConfig.samples, show_default=True,
    help="Images to draw from a snapshot.",
)  # fmt: skip
@click.option(
    "--max-images", type=int, default=EvaluateConfig.max_images,
    help="Take at most this many of a folder or zip, chosen by the seed.  [default: all]",
)  # fmt: skip
@click.option(
    "--features", default=EvaluateConfig.features, show_default=True,
    help=f"Feature network: {', '.join(NETWORKS)}.",
)  # fmt: skip
@click.option("--inception-weights", metavar="FILE", help="Inception's weights file.")
@click.option("--features-weights", metavar="FILE", help="The feature network's weights file.")
@click.option("--seed", type=int, default=EvaluateConfig.seed, show_default=True)
@click.option(
    "--psi", type=float, default=EvaluateConfig.psi, show_default=True,
    help="Truncation of a snapshot's samples; 1 is none.",
)  # fmt: skip
@click.option(
    "--noise", type=click.Choice(["random", "const"]), default=EvaluateConfig.noise,
    show_default=True, help="A snapshot's layer noise.",
)  # fmt: skip
@click.option(
    "--resolution", metavar="SIDE|WxH", callback=_read_resolution,
    help="Pixels that folders and zips are read at.  [default: a snapshot's, or their own]",
)  # fmt: skip
@click.option(
    "--filter", type=click.Choice(get_args(Filter)), default=EvaluateConfig.filter,
    show_default=True, help="Filter for resizing folders and zips.",
)  # fmt: skip
@click.option(
    "--background", default=EvaluateConfig.background, show_default=True,
    help="Colour behind transparency.",
)  # fmt: skip
@click.option("--batch", type=int, default=EvaluateConfig.batch, show_default=True)
@device_option
@overwrite_option
def evaluate(
    out: str,
    overwrite: bool,
    metrics: str | None,
    inception_weights: str | None,
    features_weights: str | None,
    **options: Any,
) -> None:
    """Measure SIDE against another: Frechet and kernel distance, Inception Score.

    Each side is a snapshot (.safetensors), a folder of images, or a zip of them. Distances are
    called FID only with Inception's features, else FD and the network's name.
    """
    from stylegen.metrics import evaluate as measure
    from stylegen.metrics import write_report
    from stylegen.metrics.config import wanted_metrics
    from stylegen.metrics.writing import check_folder

    config = EvaluateConfig(
        metrics=_metrics(metrics),
        weights=_weights(options["features"], inception_weights, features_weights),
        **options,
    )
    wanted_metrics(config)
    check_folder(out, overwrite)
    bar = _Bar()
    try:
        report = measure(config, bar)
    finally:
        bar.close()
    path = write_report(report, out, overwrite)
    for metric in report.metrics.values():
        deviation = f" ± {metric.std:.4g}" if metric.std is not None else ""
        images = " against ".join(f"{n:,}" for n in metric.images.values())
        click.echo(f"{metric.name}: {metric.value:.6g}{deviation}  ({images} images)")
    for note in report.notes:
        click.echo(f"note: {note}")
    click.echo(f"report: {path}")
