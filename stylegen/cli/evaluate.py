"""``stylegen evaluate``: one side against another, and a report of it."""

from typing import Any

import click

from stylegen.cli.evaluate_options import evaluate_options, split_names, split_numbers
from stylegen.cli.options import device_option, overwrite_option
from stylegen.errors import InputError
from stylegen.metrics.config import EvaluateConfig


def _weights(features: str | None, inception: str | None, other: str | None) -> str | None:
    if inception is not None and features not in (None, "inception"):
        raise InputError(
            f"--inception-weights goes with --features inception, not {features}; "
            "use --features-weights"
        )
    if inception is not None and other is not None:
        raise InputError("--inception-weights and --features-weights name one thing twice")
    return inception if inception is not None else other


def _configured(options: dict[str, Any]) -> EvaluateConfig:
    inception, other = options.pop("inception_weights"), options.pop("features_weights")
    metrics, protocols = options.pop("metrics"), options.pop("protocol")
    sweep = options.pop("sweep")
    given = {name: value for name, value in options.items() if value is not None}
    if sweep is not None:
        given["sweep"] = split_numbers(sweep)
    return EvaluateConfig(
        metrics=None if metrics is None else split_names(metrics),
        protocols=() if protocols is None else split_names(protocols),
        weights=_weights(options["features"], inception, other),
        **given,
    )


def _echo_protocols(values: Any) -> None:
    """Say what other protocols make of the same images, and why, once for each."""
    told: dict[str, list[str]] = {}
    for value in values:
        click.echo(f"{value.name}: {value.metric} {value.value:.6g}")
        known = told.setdefault(value.name, [])
        known += [sentence for sentence in value.differences if sentence not in known]
    for name, sentences in told.items():
        for sentence in sentences:
            click.echo(f"  {name}: {sentence}")


def _spread(metric: Any) -> str:
    if metric.error is not None:
        return f" ± {metric.error:.4g}"
    if metric.std is not None:
        return f", sd {metric.std:.4g} over {metric.std_over}"
    return ""


def _echo_run(swept: Any) -> None:
    best = swept.points[swept.best]
    told = f", not told apart from {len(swept.tied)} others" if swept.tied else ""
    if swept.tied is None:
        told = f"; whether it is better than the others is not tested by {swept.metric}"
    click.echo(f"best snapshot: {best.file} ({best.kimg:g} kimg){told}")


_SECTIONS = {
    "psi_sweep": "quality against truncation",
    "classes": "each class by itself",
    "spectrum": "frequencies of both sides",
    "colour": "colours of both sides",
}


def _echo_sections(sections: Any) -> None:
    """Say what else the report holds."""
    if sections.snapshots is not None:
        _echo_run(sections.snapshots)
    if sections.neighbours is not None:
        click.echo(f"copies: {sections.neighbours.verdict}")
    sanity = sections.sanity
    floor = None if sanity is None else sanity.floor
    if floor is not None:
        error = "" if floor.error is None else f" ± {floor.error:.4g}"
        click.echo(f"floor: {floor.metric} {floor.value:.6g}{error}  (halves of {floor.images:,})")
    held = [text for name, text in _SECTIONS.items() if getattr(sections, name) is not None]
    held += ["the files of both sides"] if sanity is not None and sanity.sides else []
    if held:
        click.echo(f"in the report: {', '.join(held)}")


def _echo(report: Any) -> None:
    for metric in report.metrics.values():
        images = " against ".join(f"{n:,}" for n in metric.images.values())
        click.echo(f"{metric.name}: {metric.value:.6g}{_spread(metric)}  ({images} images)")
    _echo_sections(report.sections)
    _echo_protocols(report.sections.protocols or ())
    for note in report.notes:
        click.echo(f"note: {note}")


@click.command("evaluate")
@click.argument("a", metavar="SIDE")
@evaluate_options
@device_option
@overwrite_option
def evaluate(out: str | None, save_reference: str | None, overwrite: bool, **options: Any) -> None:
    """Measure SIDE against another, and write a report.

    SIDE is a snapshot (.safetensors), a run's folder (all its snapshots, and which is the best), a
    folder of images, or a zip of them. Distances are called FID only with Inception's features,
    else FD and the network's name. docs/metrics.md tells what each metric means.
    """
    from stylegen.cli.stage_bar import StageBar
    from stylegen.metrics import evaluate as measure
    from stylegen.metrics import save_reference as save
    from stylegen.metrics import write_report
    from stylegen.metrics.options import refuse_ignored
    from stylegen.metrics.planning import plan_of
    from stylegen.metrics.references import check_reference_path
    from stylegen.metrics.writing import check_folder

    config = _configured(options)
    plan = plan_of(config)
    if out is not None:
        refuse_ignored(config, plan)
    if out is None and save_reference is None:
        raise InputError("name a folder for the report with --out")
    if out is not None:
        check_folder(out, overwrite)
    if save_reference is not None:
        check_reference_path(save_reference, overwrite)
    bar = StageBar()
    try:
        if save_reference is not None:
            click.echo(f"reference: {save(config, save_reference, bar, overwrite=overwrite)}")
        if out is None:
            return
        report = measure(config, bar)
    finally:
        bar.close()
    path = write_report(report, out, overwrite)
    _echo(report)
    click.echo(f"report: {path}")
