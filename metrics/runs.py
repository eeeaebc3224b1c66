"""All snapshots of a run by the same latents, classes and noise; the best, and how certain that is.

The same draws make the snapshots' errors alike, and they cancel in differences: the jackknife takes
them block by block.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from stylegen.errors import InputError
from stylegen.metrics.catalogue import metric_key
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
    tied = tuple(
        i for i, d in enumerate(differences) if i != best and d is not None and not d.is_clear
    )
    return Snapshots(metric=key, points=points, best=best, tied=tied, paired=True)


def deciding(wanted: tuple[str, ...], features: str) -> str:
    """Return the key of the metric that the best snapshot is chosen by.

    Raises:
        InputError: none of the metrics can decide.
    """
    able = [m for m in wanted if m in MEASURES and m not in _SLOW]
    if not able:
        raise InputError(
            "a run's best snapshot is chosen by fid, kid, is, precision, recall, density or "
            "coverage; name one of them among the metrics"
        )
    return metric_key("fid" if "fid" in able else able[0], features)


def _opened(path: str, first: SnapshotSide, work: Workplace) -> SnapshotSide:
    side = SnapshotSide(path, first.drawing, work.device)
    if side.size != first.size or side.channels != first.channels:
        raise InputError(
            f"{path} draws other sizes or channels than {first.path}: evaluate the snapshots "
            "of one phase of a growing run, one by one"
        )
    return side


def sweep(
    work: Workplace, paths: Sequence[str], first: SnapshotSide, wanted: tuple[str, ...],
    wants: Wants, reals: Reals, looks: Looks,
) -> Sweep:  # fmt: skip
    """Look at all snapshots of a run, with the same draws, and choose the best.

    Args:
        work: what to work with.
        paths: of the snapshots, oldest first.
        first: one of them, opened, with the drawing of all.
        wanted: metrics.
        wants: what to keep of each.
        reals: the other side.
        looks: gets the colours and frequencies of the best one.

    Raises:
        InputError: snapshots differ in size, or no metric can decide.
    """
    key = deciding(wanted, work.plan.protocol.network)
    light = tuple(m for m in wanted if m not in _SLOW)
    taken: list[Taken] = []
    chosen, best, kept = first, 0, dict[FeatureKey, Extracted]()
    for i, path in enumerate(paths):
        side = _opened(path, first, work)
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
