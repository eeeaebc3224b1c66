"""What lies beside a report's page: its charts and galleries as files, its snapshots as lines.

All of it is made here and written by :func:`stylegen.metrics.write_report`.
"""

import io
import json
from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from stylegen.images import make_grid, to_pil
from stylegen.metrics.page_charts import (
    Charts,
    against_n_chart,
    brightness_charts,
    metric_name,
    psi_charts,
    snapshot_charts,
    spectrum_charts,
)
from stylegen.metrics.page_parts import resource
from stylegen.metrics.page_pictures import neighbours_chart, path_length_chart
from stylegen.metrics.report import Report
from stylegen.metrics.report_plain import plain_of
from stylegen.metrics.report_sections import Estimate, NeighbourRow

_COLUMNS = 8


def _curves(report: Report) -> Charts:
    found, charts = report.sections, {}
    if found.fid_against_n is not None:
        name = metric_name(report.metrics, found.fid_against_n.metric)
        charts["fid_against_n"] = against_n_chart(found.fid_against_n, name)
    if found.snapshots is not None:
        charts |= snapshot_charts(found.snapshots, report.metrics)
    if found.psi_sweep is not None:
        charts |= psi_charts(found.psi_sweep, report.metrics)
    if found.spectrum is not None:
        charts |= spectrum_charts(found.spectrum)
    return {**charts, **brightness_charts(report)}


def _charts(report: Report) -> dict[str, str]:
    """Return all charts of a report, by name."""
    charts = {name: chart.svg for name, chart in _curves(report).items()}
    audit, path = report.sections.neighbours, report.sections.path_length
    if audit is not None:
        charts["neighbour_distances"] = neighbours_chart(audit)
    if path is not None and (svg := path_length_chart(path)) is not None:
        charts["path_length"] = svg
    return charts


def _alone(svg: str) -> bytes:
    """Return a chart that needs no page around it."""
    named = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    end = named.index(">") + 1
    text = f"{named[:end]}<style>{resource('plots.css')}</style>{named[end:]}\n"
    return text.encode("utf-8")


def _row(row: NeighbourRow) -> list[Tensor]:
    return [row.image, *(neighbour.image for neighbour in row.neighbours)]


def _sheets(report: Report) -> Iterator[tuple[str, list[Tensor], int]]:
    """Yield name, pictures and columns of each gallery."""
    found = report.sections
    for name, shown in report.shown.items():
        yield ("samples" if name == "a" else "compared_with"), list(shown.images), _COLUMNS
    if found.neighbours is not None and (rows := found.neighbours.rows):
        widest = min(len(_row(row)) for row in rows)
        yield "neighbours", [image for row in rows for image in _row(row)[:widest]], widest
    if found.best_worst is not None:
        yield "best", list(found.best_worst.best.images), _COLUMNS
        yield "worst", list(found.best_worst.worst.images), _COLUMNS
    if found.missed is not None:
        yield "missed", list(found.missed.images), _COLUMNS
    if found.label_grid is not None:
        yield (
            "classes",
            list(found.label_grid.images.flatten(0, 1)),
            found.label_grid.images.shape[1],
        )


def _png(image: Image.Image) -> bytes:
    memory = io.BytesIO()
    image.save(memory, format="PNG", optimize=True)
    return memory.getvalue()


def figure_files(report: Report) -> dict[str, bytes]:
    """Return charts (.svg) and galleries (.png) of a report, by the name of the file.

    The names do not change from version to version: "fid_against_n.svg", "snapshots_fid.svg",
    "samples.png", ...
    """
    files = {f"{name}.svg": _alone(svg) for name, svg in _charts(report).items()}
    for name, images, columns in _sheets(report):
        if images:
            files[f"{name}.png"] = _png(to_pil(make_grid(torch.stack(images), columns)))
    return files


def _line(
    kimg: object, file: object, metrics: dict[str, Any], z: float | None, best: bool | None
) -> dict[str, Any]:
    return {"kimg": kimg, "file": file, "metrics": metrics, "z_from_best": z, "is_best": best}


def _lines(report: Report) -> list[dict[str, Any]]:
    found, side = report.sections.snapshots, report.sides["a"]
    if found is None:
        metrics = {key: Estimate(m.value, m.error) for key, m in report.metrics.items()}
        return [_line(side.get("kimg"), side.get("path"), metrics, None, None)]
    return [
        _line(p.kimg, p.file, dict(p.values), p.z_from_best, i == found.best)
        for i, p in enumerate(found.points)
    ]


def snapshot_lines(report: Report) -> list[str]:
    """Return metrics.jsonl: one line of JSON for each snapshot, else one for the judged side.

    Each has "kimg", "file", "metrics" ({key: {"value", "error"}}), "z_from_best", "is_best" and
    "created"; what is not known is null.
    """
    return [
        json.dumps(plain_of({**line, "created": report.created})[0], allow_nan=False)
        for line in _lines(report)
    ]
