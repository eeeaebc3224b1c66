"""Histograms as SVG: several over each other, each as shares of its own values."""

from collections.abc import Sequence

from stylegen.metrics.plots import grid, legend_of, path, svg, text_at
from stylegen.metrics.plots_axes import HEIGHT, Axis, Frame, text_width
from stylegen.metrics.report_curves import Histogram


def _steps(histogram: Histogram, frame: Frame, scale: float) -> list[tuple[float, float]]:
    points = [(frame.x(histogram.edges[0]), frame.y(0))]
    for i, count in enumerate(histogram.counts):
        height = frame.y(count * scale)
        points += [(frame.x(histogram.edges[i]), height), (frame.x(histogram.edges[i + 1]), height)]
    return [*points, (frame.x(histogram.edges[-1]), frame.y(0))]


def _shares(histogram: Histogram) -> float:
    return 100 / max(histogram.values, 1)


def _level(frame: Frame, value: float, text: str) -> str:
    x = frame.x(value)
    left = x + text_width(text) > frame.right
    return path([(x, frame.top - 4), (x, frame.bottom)], "lv") + text_at(
        x - 5 if left else x + 5, frame.top + 6, text, "mk", "end" if left else "start"
    )


def histogram_chart(
    histograms: Sequence[Histogram],
    x_label: str,
    words: str,
    *,
    colours: Sequence[int] = (0, 1, 2, 3),
    level: tuple[float, str] | None = None,
) -> str:
    """Draw histograms over each other, each as shares of its own values.

    Args:
        histograms: the first on top.
        x_label: what is counted, with the unit.
        words: the same for those who do not see it.
        colours: of each.
        level: an upright line, and what it is.

    Returns:
        An svg element.
    """
    edges = [edge for h in histograms for edge in (h.edges[0], h.edges[-1])]
    edges += [level[0]] if level is not None else []
    low, high = min(edges), max(edges)
    x = Axis(label=x_label, low=low, high=high if high > low else low + 1)
    tallest = max(max(h.counts) * _shares(h) for h in histograms)
    y = Axis(label="Share (%)", low=0, high=tallest * 1.15 or 1.0)
    kinds = [
        f"ln c{c}{' da' if i == 1 else ' do' if i == 2 else ''}" for i, c in enumerate(colours)
    ]
    named = [(kind, h.label) for kind, h in zip(kinds, histograms, strict=False)]
    legend, top = legend_of(named if len(named) > 1 else [])
    frame = Frame(x, y, top)
    body = [grid(frame), legend]
    for h, colour, kind in reversed(list(zip(histograms, colours, kinds, strict=False))):
        points = _steps(h, frame, _shares(h))
        body += [path(points, f"bd f{colour}", close=True), path(points, kind)]
    body.append(_level(frame, *level) if level is not None else "")
    return svg("".join(body), words, HEIGHT)
