"""Sections of the page that are pictures: samples, classes, neighbours, best, worst and missed."""

import math
from collections.abc import Iterable, Sequence
from html import escape

from torch import Tensor

from stylegen.metrics.page_numbers import in_words, percent
from stylegen.metrics.page_parts import figure, figures, listing, picture, section
from stylegen.metrics.plots_axes import number
from stylegen.metrics.plots_histogram import histogram_chart
from stylegen.metrics.report_sections import (
    BestWorst,
    LabelGrid,
    Neighbour,
    NeighbourRow,
    Neighbours,
    PathLengths,
    PsiSweep,
    Ranked,
)
from stylegen.metrics.sides import Shown

_THUMBNAIL_PX = 128
_STRIP_PX = 160
_ROWS = 24  # of neighbours that a page shows
_ROW_IMAGES = 8  # images of a class
_FINDINGS = {
    "copies": "Suspicious",
    "near": "Close to the training images",
    "clear": "No sign of copying",
}


def gallery(images: Iterable[Tensor], labels: Iterable[str], largest_px: int = 256) -> str:
    """Return pictures as a grid."""
    pairs = zip(images, labels, strict=True)
    items = "".join(f"<li>{picture(image, label, largest_px)}</li>" for image, label in pairs)
    return f'<ul class="gallery">{items}</ul>'


def shown_gallery(name: str, title: str, whose: str, shown: Shown) -> str:
    """Return a section of some images of a side."""
    return section(name, title, f"{whose}: {shown.about}", gallery(shown.images, shown.labels))


def strip(shown: Shown, largest_px: int = _STRIP_PX) -> str:
    """Return pictures in one row, and how they came about."""
    pairs = zip(shown.images, shown.labels, strict=True)
    items = "".join(f"<li>{picture(image, label, largest_px)}</li>" for image, label in pairs)
    return figure(f'<ul class="strip">{items}</ul>', shown.about)


def psi_strips(sweep: PsiSweep) -> str:
    """Return the same seeds at several truncations, one row each."""
    return "".join(strip(shown, _THUMBNAIL_PX) for shown in sweep.shown)


def label_grid(grid: LabelGrid) -> str:
    """Return the same seeds in every class, one row each."""
    rows = []
    for name, images in zip(grid.names, grid.images, strict=True):
        cells = "".join(
            f"<li>{picture(image, f'{name}, {i + 1}', _THUMBNAIL_PX)}</li>"
            for i, image in enumerate(images[:_ROW_IMAGES])
        )
        rows.append(
            f'<div class="class-row"><h3>{escape(name)}</h3><ul class="strip">{cells}</ul></div>'
        )
    return section("classes-shown", "The same seeds in each class", grid.about, "".join(rows))


def _neighbour(neighbour: Neighbour) -> str:
    mirrored = ", mirrored" if neighbour.mirrored else ""
    words = f"training image {neighbour.name}{mirrored}, distance {number(neighbour.distance)}"
    below = number(neighbour.distance) + (" ⇄" if neighbour.mirrored else "")
    return f"<li>{picture(neighbour.image, words, _THUMBNAIL_PX)}<span>{below}</span></li>"


def _row(row: NeighbourRow) -> str:
    kind = " flagged" if row.flagged else ""
    words = f"sample, {row.sample}" + (", flagged" if row.flagged else "")
    flag = f"<p>Flagged: {escape(row.sample)}</p>" if row.flagged else ""
    below = f"<span>{escape(row.sample)}</span>"
    sample = f"<li>{picture(row.image, words, _THUMBNAIL_PX)}{below}</li>"
    near = "".join(map(_neighbour, row.neighbours))
    return f'<div class="row{kind}">{flag}<ul>{sample}{near}</ul></div>'


def _audit_facts(found: Neighbours) -> str:
    flagged = f"{found.flagged:,} of {found.samples:,} ({percent(found.flagged / found.samples)})"
    facts = {
        "Flagged samples": flagged,
        "Expected by chance": percent(found.expected_share),
        "Flagged below a distance of": None if found.threshold is None else number(found.threshold),
        "Authentic samples (AuthPct)": (
            None if found.auth_percent is None else f"{found.auth_percent:.1f} %"
        ),
        "Test": found.test,
        "p-value": None if found.p_value is None else f"{found.p_value:.2g}",
        "Distances in": found.space,
        "Mirror images searched": found.mirrored,
    }
    known = {key: value for key, value in facts.items() if value not in (None, "-")}
    return f'<div class="panel">{listing(known)}</div>'


def neighbours_chart(found: Neighbours) -> str:
    """Return the audit's distances as a chart."""
    held = (found.held_out_to_train,) if found.held_out_to_train is not None else ()
    return histogram_chart(
        (found.fake_to_train, found.train_to_train, *held),
        "Distance to the nearest training image",
        "Histogram of distances to the nearest training image. " + found.verdict,
        level=None if found.threshold is None else (found.threshold, "flagged below"),
    )


def neighbours(found: Neighbours) -> str:
    """Return the memorisation audit."""
    known = found.finding if found.finding in _FINDINGS else None
    finding = known or ("copies" if found.suspicious else "clear")
    verdict = (
        f'<p class="verdict{"" if finding == "clear" else " warn"}">'
        f"<strong>{_FINDINGS[finding]}.</strong> {escape(found.verdict)}</p>"
    )
    chart = figure(
        neighbours_chart(found),
        "A generator that copies has its mass left of the training images' own distances.",
    )
    rows = "".join(map(_row, found.rows[:_ROWS]))
    about = (
        "Each row: a sample, then its nearest training images with their distances, the most "
        "suspicious sample first. ⇄ marks training images that were mirrored to match."
    )
    return section(
        "neighbours",
        "Nearest training images",
        "Whether the samples are copies: they should lie as far from the training images as "
        "other real images do.",
        f"{verdict}{figures(chart, _audit_facts(found))}"
        f'<p class="about">{about}</p><div class="rows">{rows}</div>',
    )


def _scored(ranked: Ranked) -> str:
    finite = [score for score in ranked.scores if math.isfinite(score)]
    decimals = 2 if max(finite, default=0.0) < 10 else 1
    cells = []
    for image, label, score in zip(ranked.images, ranked.labels, ranked.scores, strict=True):
        text = f"{score:.{decimals}f}" if math.isfinite(score) else "∞" if score > 0 else "-"
        shown = picture(image, f"{label}, score {text}", _THUMBNAIL_PX)
        cells.append(f"<li>{shown}<span>{text}</span></li>")
    return f'<ul class="gallery scored">{"".join(cells)}</ul>'


def _half(title: str, ranked: Ranked) -> str:
    about = f'<p class="about">{escape(ranked.about)}</p>'
    return f"<h3>{escape(title)}</h3>{about}{_scored(ranked)}"


def best_worst(found: BestWorst) -> str:
    """Return the samples with the highest and lowest realism."""
    return section(
        "best-worst",
        "Best and worst samples",
        "Realism of a sample: above 1 it lies within the real images' manifold, near 0 far from "
        "all of them; both ends show what the number rewards.",
        _half("Most realistic", found.best) + _half("Least realistic", found.worst),
    )


def missed(found: Ranked) -> str:
    """Return the real images that the samples cover least."""
    return section(
        "missed",
        "Missed modes",
        "Real images that no sample comes near, the farthest first: what the generator has not "
        "learned to draw.",
        f'<p class="about">{escape(found.about)}</p>{_scored(found)}',
    )


def _path_facts(found: PathLengths) -> str:
    ends = {"full": "along the whole path", "end": "at its ends"}
    facts = {
        "Path length": in_words(found.value, found.error),
        "Samples": found.samples,
        "Kept after trimming": found.kept,
        "Interpolated in": found.space,
        "Taken": ends.get(found.sampling, found.sampling),
        "Step": f"{found.epsilon:g}",
        "Distance": found.distance,
        "Middle of the image only": found.crop,
    }
    return f'<div class="panel">{listing({k: v for k, v in facts.items() if v is not None})}</div>'


def path_length_chart(found: PathLengths) -> str | None:
    """Return the histogram of path lengths as a chart; None: there is none."""
    if found.histogram is None:
        return None
    words = f"Histogram of path lengths, mean {in_words(found.value, found.error)}."
    mean = (found.value, "mean")
    return histogram_chart([found.histogram], "Path length of a sample", words, level=mean)


def path_length(found: PathLengths) -> str:
    """Return path length: value, histogram, and an interpolation to look at."""
    svg = path_length_chart(found)
    caption = "A long tail: places where the image changes abruptly."
    charts: Sequence[str] = [] if svg is None else [figure(svg, caption)]
    return section(
        "path-length",
        "Perceptual path length",
        "How much the image changes for a small step of the latent; lower is smoother.",
        figures(*charts, _path_facts(found)) + (strip(found.strip) if found.strip else ""),
    )
