"""All snapshots of a run by the same latents, classes and noise; the best, and how certain that is.

The same draws make the snapshots' errors alike, and they cancel in differences: the jackknife takes
them block by block.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stylegen.checkpoints import read_info
from stylegen.data.sizes import size_text
from stylegen.errors import InputError
from stylegen.metrics.catalogue import ALL, metric_key
from stylegen.metrics.extraction import Extracted
from stylegen.metrics.filling_drawn import estimates
from stylegen.metrics.jackknife import Difference, FrechetEstimate, frechet_difference
from stylegen.metrics.looking import Found, Reals, Wants
from stylegen.metrics.measuring import MEASURES, measure
from stylegen.metrics.report import Metric
from stylegen.metrics.report_sections import SnapshotPoint, Snapshots
from stylegen.metrics.sides_drawn import SnapshotSide
from stylegen.metrics.watching import Looks, watchers_of
from stylegen.metrics.workplace import Workplace
from stylegen.perceptual.several import FeatureKey

_log = logging.getLogger(__name__)
_NAMED = 4  # snapshots that are left out, by name
_SLOW = ("fid_infinity",)  # taken of the best snapshot only


class Taken(NamedTuple):
    """What was found of one snapshot.

    Attributes:
        kimg: thousands of real images that it was trained on.
        file: its name.
        metrics: of it.
        estimate: its Frechet distance with pseudo-values; None: not to be had.
    """

    kimg: float
    file: str
    metrics: dict[str, Metric]
    estimate: FrechetEstimate | None


class Sweep(NamedTuple):
    """All snapshots of a run.

    Attributes:
        side: the best one.
        found: of it.
        section: for the report.
    """

    side: SnapshotSide
    found: Found
    section: Snapshots


def _is_better(metric: Metric, other: Metric) -> bool:
    if metric.better == "lower":
        return metric.value < other.value
    return metric.value > other.value


def _against(best: Taken, other: Taken) -> Difference | None:
    """Return by how much another snapshot's distance exceeds the best one's."""
    if best.estimate is None or other.estimate is None:
        return None
    return frechet_difference(best.estimate, other.estimate, paired=True)


def _z(difference: Difference | None) -> float | None:
    if difference is None or difference.error == 0:
        return None
    return difference.value / difference.error


def _section(taken: Sequence[Taken], best: int, key: str) -> Snapshots:
    differences = [_against(taken[best], one) for one in taken]
    earlier = [None, *taken[:-1]]
    points = tuple(
        SnapshotPoint(
            kimg=one.kimg,
            file=one.file,
            values=estimates(one.metrics),
            z_from_best=0.0 if i == best else _z(differences[i]),
            z_from_previous=None if before is None else _z(_against(before, one)),
        )
        for i, (one, before) in enumerate(zip(taken, earlier, strict=True))
    )
    tested = {i: d for i, d in enumerate(differences) if i != best and d is not None}
    tied = tuple(i for i, d in tested.items() if not d.is_clear)
    known = bool(tested) or len(taken) == 1
    return Snapshots(
        metric=key, points=points, best=best, tied=tied if known else None, paired=bool(tested)
    )


def deciding(wanted: tuple[str, ...], features: str) -> str:
    """Return the key of the metric that the best snapshot is chosen by.

    Raises:
        InputError: none of the metrics can decide.
    """
    able = [m for m in wanted if m in MEASURES and m not in _SLOW]
    if not able and ALL not in wanted:
        raise InputError(
            "a run's best snapshot is chosen by fid, kid, is, precision, recall, density or "
            "coverage; name one of them among the metrics"
        )
    return metric_key("fid" if "fid" in able or not able else able[0], features)


def _drawn_shape(path: str) -> tuple[int, int, int]:
    drawn = read_info(path).generator
    return drawn.width, drawn.height, drawn.img_channels


def of_final_size(paths: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the snapshots that draw what the last one does, and why others are left out.

    A growing run's snapshots are of several sizes. Their headers alone are read.

    Args:
        paths: oldest first.

    Returns:
        The paths that stay, and {"snapshots": the reason} if any do not.

    Raises:
        InputError: a snapshot cannot be read.
    """
    shapes = {path: _drawn_shape(path) for path in paths}
    kept = [path for path in paths if shapes[path] == shapes[paths[-1]]]
    if len(kept) == len(paths):
        return paths, {}
    names = [Path(path).name for path in paths if path not in kept]
    told = ", ".join(names) if len(names) <= _NAMED else f"{names[0]} to {names[-1]}"
    reason = (
        f"{len(names)} of the run's {len(paths)} snapshots ({told}) draw other sizes or channels "
        f"than the last, {size_text(*shapes[paths[-1]][:2])} px"
    )
    return kept, {"snapshots": reason}


def sweep(
    work: Workplace, paths: Sequence[str], first: SnapshotSide, wanted: tuple[str, ...],
    wants: Wants, reals: Reals, looks: Looks,
) -> Sweep:  # fmt: skip
    """Look at all snapshots of a run, with the same draws, and choose the best.

    Args:
        work: what to work with.
        paths: of the snapshots, oldest first, all of one size.
        first: one of them, opened, with the drawing of all.
        wanted: metrics.
        wants: what to keep of each.
        reals: the other side.
        looks: gets the colours and frequencies of the best one.

    Raises:
        InputError: no metric can decide.
    """
    key = deciding(wanted, work.plan.protocol.network)
    light = tuple(m for m in wanted if m not in _SLOW)
    taken: list[Taken] = []
    chosen, best, kept = first, 0, dict[FeatureKey, Extracted]()
    for i, path in enumerate(paths):
        side = SnapshotSide(path, first.drawing, work.device)
        own = Looks()
        here = work.judged(side, Path(path).name, wants, watchers_of(wanted, "a", own))
        pair = reals.pair(work.plan.protocol, here, work.config.splits)
        with work.clock.stage("measure"):
            metrics = measure(pair, light)
            estimate = pair.estimate if pair.reference else None
            taken.append(Taken(side.info.kimg, Path(path).name, metrics, estimate))
        if i == 0 or _is_better(metrics[key], taken[best].metrics[key]):
            best, kept, chosen = i, dict(here), side
            looks.take(own)
        _log.info("%s: %s %.5g", path, metrics[key].name, metrics[key].value)
    return Sweep(chosen, kept, _section(taken, best, key))
