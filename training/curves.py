"""curves.png: what stats.jsonl tells, drawn over the images shown. Free of torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegen.files import atomic_path
from stylegen.training.charts import Panel, Points, Series, Sheet
from stylegen.training.health.watch import is_metric, number

_COLUMNS = 2
_WIDE = 8.0  # greatest / least value from which a metric's axis is logarithmic
_TARGET = 0.6  # of r_t. Source: Karras et al. 2020 (ADA), section 3.1


@dataclass(frozen=True, kw_only=True)
class _Plot:
    """A panel and the statistics it shows, each under a name for people."""

    title: str
    names: dict[str, str]
    y_range: tuple[float, float] | None = None
    from_zero: bool = False
    log: bool = False
    level: tuple[str, float] | None = None


_PLOTS = (
    _Plot(title="Losses", names={"loss_g": "generator", "loss_d": "discriminator"}),
    _Plot(
        title="Mean signs of the discriminator's logits",
        names={"signs_real": "real", "signs_fake": "fake", "r_t": "r_t"},
        y_range=(-1.0, 1.0),
        level=("target of r_t", _TARGET),
    ),
    _Plot(title="Strength of augmentation", names={"augment_p": "p"}, y_range=(0.0, 1.0)),
    _Plot(
        title="Gradient norms",
        names={"grad_norm_g": "generator", "grad_norm_d": "discriminator"},
        log=True,
    ),
    _Plot(
        title="Regularisers (before their weights)",
        names={"r1": "R1", "path_length": "path length", "pl_mean": "mean path length"},
        log=True,
    ),
    _Plot(
        title="Variety of samples (mean feature distance)",
        names={"variety": "variety"},
        from_zero=True,
    ),
    _Plot(title="Speed (images per second)", names={"img_per_sec": "img/s"}, from_zero=True),
    _Plot(title="Peak memory (MiB)", names={"peak_memory_mib": "memory"}, from_zero=True),
)
_METRICS_AT = 2  # their place among the panels


def read_statistics(path: str | Path) -> list[dict[str, Any]]:
    """Read stats.jsonl as the course of one run.

    Torn lines are passed over. Where a run was resumed from an earlier state, what it had written
    after that state gives way to what it wrote the second time.

    Args:
        path: the file.

    Returns:
        Its objects, their "kimg" ascending.

    Raises:
        OSError: it cannot be read.
    """
    ticks: list[dict[str, Any]] = []
    with Path(path).open("rb") as file:
        for line in file:
            try:
                values = json.loads(line)
            except ValueError:
                continue
            kimg = number(values, "kimg") if isinstance(values, dict) else None
            if kimg is None:
                continue
            while ticks and ticks[-1]["kimg"] >= kimg:
                ticks.pop()
            ticks.append(values)
    return ticks


def _points(ticks: list[dict[str, Any]], name: str, above_zero: bool) -> Points:
    found = [(float(t["kimg"]), number(t, name)) for t in ticks]
    return [(x, y) for x, y in found if y is not None and (y > 0 or not above_zero)]


def _metric_plots(ticks: list[dict[str, Any]]) -> list[_Plot]:
    names = sorted({name for tick in ticks for name in tick if is_metric(name)})
    plots = []
    for name in names:
        values = [y for _, y in _points(ticks, name, False)]
        wide = bool(values) and min(values) > 0 and max(values) / min(values) >= _WIDE
        plots.append(_Plot(title=f"Metric: {name}", names={name: name}, log=wide))
    return plots


def _panel(plot: _Plot, ticks: list[dict[str, Any]]) -> Panel | None:
    series = [
        Series(label=label, points=points)
        for name, label in plot.names.items()
        if (points := _points(ticks, name, plot.log))
    ]
    if not series:
        return None
    if plot.level is not None:
        label, y = plot.level
        series.append(Series(label=label, points=[(0.0, y)], dashed=True))
    return Panel(
        title=plot.title,
        series=series,
        y_range=plot.y_range,
        from_zero=plot.from_zero,
        log=plot.log,
    )


def _x_range(ticks: list[dict[str, Any]]) -> tuple[float, float]:
    first, last = float(ticks[0]["kimg"]), float(ticks[-1]["kimg"])
    first = 0.0 if first < 0.5 * last else first
    return (first, last) if last > first else (first - 1, last + 1)


def write_curves(stats_path: str | Path, png_path: str | Path) -> bool:
    """Draw a run's statistics: one panel for each kind that the file holds.

    Args:
        stats_path: stats.jsonl.
        png_path: the picture; replaced in one step.

    Returns:
        Whether there was anything to draw; else no picture is written.

    Raises:
        InputError: the picture's folder does not exist or may not be written.
        OSError: a file cannot be read or written.
    """
    ticks = read_statistics(stats_path)
    plots = [*_PLOTS[:_METRICS_AT], *_metric_plots(ticks), *_PLOTS[_METRICS_AT:]]
    panels = [panel for plot in plots if (panel := _panel(plot, ticks)) is not None]
    if not panels:
        return False
    kimg = float(ticks[-1]["kimg"])
    name = Path(stats_path).resolve().parent.name
    sheet = Sheet(_COLUMNS, -(-len(panels) // _COLUMNS), f"{name}, {kimg:,.6g} kimg")
    for place, panel in enumerate(panels):
        sheet.panel(place, panel, _x_range(ticks), "thousands of images shown (kimg)")
    with atomic_path(png_path) as temporary:
        sheet.finish().save(temporary, format="PNG", optimize=True)
    return True
