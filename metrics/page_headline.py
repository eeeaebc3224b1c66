"""The top of the page: the number that will be cited, all metrics with their errors, and notes."""

import math
from collections.abc import Iterable
from html import escape

from stylegen.metrics.page_cite import citation, images_words, value_words
from stylegen.metrics.page_numbers import estimate, in_words
from stylegen.metrics.page_parts import section, table
from stylegen.metrics.report import Metric, Report

_READING = {  # by the beginning of a metric's key
    "fid_infinity": "What the distance would be of infinitely many samples.",
    "fd_infinity": "What the distance would be of infinitely many samples. Not a FID.",
    "fid": "Distance between both sets as a whole; 0 is the same.",
    "fd": "Distance between both sets as a whole; 0 is the same. Not a FID.",
    "kid": "Distance without a bias from the number of images; around 0 is the same.",
    "is": "How sure and how varied a classifier finds the samples; knows no real images.",
    "precision": "Share of samples that look like real images.",
    "recall": "Share of real images that the samples' range covers.",
    "density": "How densely real images lie around samples; 1 is as around real ones.",
    "coverage": "Share of real images with a sample nearby.",
    "ppl": "How much images change for a small step of the latent.",
    "psnr": "Pixel error between paired images, in decibels.",
    "ssim": "Similarity of structure between paired images; 1 is the same.",
    "lpips": "Perceptual distance between paired images; 0 is the same.",
}


def _reading(key: str) -> str:
    return next((words for start, words in _READING.items() if key.startswith(start)), "")


def _spread(metric: Metric) -> tuple[float | None, str]:
    """Return what stands after ±, and what it is."""
    if metric.error is not None:
        kind = f", {metric.error_kind}" if metric.error_kind else ""
        return metric.error, f"standard error{kind}"
    if metric.std is not None:
        over = f" over {metric.std_over}" if metric.std_over else ""
        return metric.std, f"standard deviation{over}"
    return None, ""


def _value(key: str, metric: Metric) -> tuple[str, str]:
    """Return the value and what stands after ±; words where all pairs are equal."""
    words = value_words(key, metric)
    return (words, "") if words else estimate(metric.value, _spread(metric)[0])


def _range(metric: Metric) -> str:
    if metric.interval is None or not all(math.isfinite(v) for v in metric.interval):
        return ""
    low, high = (estimate(v, metric.error)[0] for v in metric.interval)
    return f"{low} to {high}"


def _corrected(metric: Metric) -> str:
    if metric.corrected is None or not math.isfinite(metric.corrected):
        return ""
    return estimate(metric.corrected, metric.error)[0]


def _cell(label: str, text: str) -> str:
    """Return a cell with its column's name, which is shown where there are no columns."""
    if not text:
        return '<td role="cell" class="num"><span class="none">-</span></td>'
    name = f'<span class="only-narrow">{escape(label)} </span>'
    return f'<td role="cell" class="num">{name}{escape(text)}</td>'


def _row(key: str, metric: Metric) -> str:
    kind = _spread(metric)[1]
    value, error = _value(key, metric)
    about = f"{_reading(key)} {metric.better.capitalize()} is better.".strip()
    told = math.isfinite(metric.value) or bool(value_words(key, metric))
    undefined = "" if told else f" {metric.reason or 'Not a finite number.'}"
    name = (
        f'<th role="rowheader" scope="row"><b>{escape(metric.name)}</b>'
        f"<small>{escape(about + undefined)}</small></th>"
    )
    after = f'<span class="std" title="{escape(kind)}"> ± {escape(error)}</span>' if error else ""
    shown = f'<td role="cell" class="num value">{escape(value)}{after}</td>'
    return (
        f'<tr role="row">{name}{shown}'
        + _cell("Bias-corrected:", _corrected(metric))
        + _cell("95 % interval:", _range(metric))
        + _cell("Images:", images_words(metric))
        + "</tr>"
    )


def _spreads(report: Report) -> str:
    """Return what each ± is, once for all metrics that share it."""
    kinds: dict[str, list[str]] = {}
    for metric in report.metrics.values():
        spread, kind = _spread(metric)
        if spread is not None and math.isfinite(spread):
            kinds.setdefault(kind, []).append(metric.name)
    if not kinds:
        return "No standard errors were taken: small differences between reports may be noise."
    said = "; ".join(f"± of {', '.join(names)}: {kind}" for kind, names in kinds.items())
    around = any(metric.corrected is not None for metric in report.metrics.values())
    return f"{said}." + (" Intervals lie around the bias-corrected value." if around else "")


def headline(report: Report) -> str:
    """Return the table of all metrics."""
    names = ("Value", "Bias-corrected", "95 % interval", "Images")
    head = '<th role="columnheader" scope="col">Metric</th>' + "".join(
        f'<th role="columnheader" scope="col" class="num">{name}</th>' for name in names
    )
    rows = "".join(_row(key, metric) for key, metric in report.metrics.items())
    return (
        '<section id="metrics" aria-label="Metrics"><div class="panel">'
        '<table class="headline" role="table"><caption class="unseen">Metrics with their errors'
        f'</caption><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{rows}</tbody></table></div>'
        f'<p class="about below">{escape(_spreads(report))}</p></section>'
    )


def hero(report: Report) -> str:
    """Return the first metric, large."""
    if not report.metrics:
        return ""
    key, metric = next(iter(report.metrics.items()))
    value, error = _value(key, metric)
    spread = f' <span class="std">± {escape(error)}</span>' if error else ""
    kind = "hero words" if value_words(key, metric) else "hero"
    corrected, interval = _corrected(metric), _range(metric)
    detail = f"Bias-corrected {corrected}. " if corrected else ""
    detail += f"95 % interval {interval}. " if interval else ""
    return (
        f'<p class="hero-name">{escape(metric.name)} <span>{escape(metric.better)} is better</span>'
        f'</p><p class="{kind}">{escape(value)}{spread}</p>'
        f'<p class="about">{escape(detail)}{escape(images_words(metric))} images.</p>'
    )


def cite(report: Report) -> str:
    """Return the sentence to cite, ready to be copied."""
    return (
        '<div class="cite"><h2>To cite these numbers</h2>'
        f'<p tabindex="0">{escape(citation(report))}</p></div>'
    )


def notes(sentences: Iterable[str]) -> str:
    """Return what a reader should know before citing."""
    items = "".join(f"<li>{escape(note)}</li>" for note in sentences)
    if not items:
        return ""
    return f'<section class="notes"><h2>Before you cite this</h2><ul>{items}</ul></section>'


def protocols(report: Report) -> str:
    """Return the same images by other protocols, and why the numbers differ."""
    found = report.sections.protocols
    if not found:
        return ""
    rows = []
    for value in found:
        why = "".join(f"<li>{escape(sentence)}</li>" for sentence in value.differences)
        named = report.metrics.get(value.metric)
        rows.append([
            escape(value.name),
            escape(in_words(value.value, value.error)),
            escape(named.name if named else value.metric),
            f'<ul class="why">{why}</ul>' if why else "the protocol of this report",
        ])  # fmt: skip
    return section(
        "protocols",
        "By other protocols",
        "The same images as other tools would measure them: compare with a published number only "
        "in its own row.",
        table("Metrics by protocol", ["Protocol", "Value", "Metric", "Why it differs"], rows, {1}),
    )
