"""The sections of a report, each from what an evaluation has found, or the reason why not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.catalogue import (
    PATH_LENGTHS,
    SECTIONS,
    metric_key,
)
from stylegen.metrics.filling import against_n, best_worst, classes, halves, missed
from stylegen.metrics.filling_copies import copies
from stylegen.metrics.filling_drawn import (
    label_grid,
    path_length,
    path_metric,
    path_section,
    psi_sweep,
)
from stylegen.metrics.filling_files import provenance, sanity
from stylegen.metrics.frechet import Gaussian, gaussian_distance
from stylegen.metrics.jackknife import frechet_jackknife
from stylegen.metrics.looking import Reals, Wants, look
from stylegen.metrics.measuring import Pair, measure
from stylegen.metrics.moments import BLOCKS, BlockMoments
from stylegen.metrics.path_length import PathLength
from stylegen.metrics.protocols import differences
from stylegen.metrics.report import Metric
from stylegen.metrics.report_sections import Floor, ProtocolValue, Sections
from stylegen.metrics.runs import Sweep
from stylegen.metrics.sides import Side
from stylegen.metrics.sides_drawn import SnapshotSide
from stylegen.metrics.watching import Looks, colours_of, spectrum_of
from stylegen.metrics.workplace import Workplace

_COMPARED = ("fid", "kid")  # taken by every protocol that is named


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """What an evaluation has found.

    Attributes:
        pairs: both sides' features by protocol; the headline's is called "".
        metrics: the headlines.
        reals: what is known of the other side.
        looks: colours and frequencies.
        paths: path lengths, by metric.
        swept: a run's snapshots; None: the judged side is no run.
        held_out: real images that were not trained on.
        facts: of both sides.
    """

    pairs: dict[str, Pair]
    metrics: dict[str, Metric]
    reals: Reals
    looks: Looks
    paths: dict[str, tuple[Metric, PathLength]]
    swept: Sweep | None
    held_out: Side | None
    facts: dict[str, dict[str, Any]]

    @property
    def pair(self) -> Pair:
        """Both sides in the headline's features."""
        return self.pairs[""]


def path_lengths_of(
    work: Workplace, side: Side, wanted: tuple[str, ...]
) -> dict[str, tuple[Metric, PathLength]]:
    """Take the path lengths that are wanted."""
    config, found = work.config, {}
    for metric in wanted:
        if metric in PATH_LENGTHS and isinstance(side, SnapshotSide):
            with work.clock.stage(metric):
                value = path_length(
                    metric, side, work.lpips(), config.path_samples, config.crop, work.tell
                )
            found[metric] = (path_metric(metric, value), value)
    return found


def _protocols(work: Workplace, findings: Findings, wanted: tuple[str, ...]) -> Any:
    """Return the values by every protocol, of the same images."""
    plan = work.plan
    if not plan.others:
        return None
    rows, divisor = [], plan.protocol.divisor
    for name, protocol in {"": plan.protocol, **plan.others}.items():
        pair = findings.pairs[name]
        able = tuple(m for m in _COMPARED if m in wanted and (m == "fid" or pair.has_rows))
        for metric_name, (key, metric) in zip(able, measure(pair, able).items(), strict=True):
            # The divisor of the covariances is the Frechet distance's own.
            alike = protocol if metric_name == "fid" else replace(protocol, divisor=divisor)
            rows.append(
                ProtocolValue(
                    name=name or plan.name or "",
                    metric=key,
                    value=metric.value,
                    error=metric.error,
                    differences=tuple(differences(alike, plan.protocol)),
                )
            )
    return tuple(rows)


def _floor(pair: Pair) -> Floor:
    """Return the distance of two halves of the real images."""
    _, real = pair.rows("floor")
    first, second = halves(real, pair.seed)
    enough = len(first) >= 2 * BLOCKS
    against = Gaussian.of_features(second)
    found = frechet_jackknife(BlockMoments.of(first), against) if enough else None
    return Floor(
        metric=metric_key("fid", pair.features),
        value=gaussian_distance(Gaussian.of_features(first), against),
        images=len(first),
        error=found.error if found else None,
    )


def _held_out(work: Workplace, side: Side | None) -> Tensor | None:
    if side is None:
        return None
    networks = {work.key: work.networks[work.key]}
    told = work.told("held-out images", side.count)
    return look(side, networks, Wants(features=True), (), told)[work.key].features


def _classes(pair: Pair, a: Side, against: Side) -> Any:
    labels, other = a.labels(), against.labels()
    if labels is None or other is None:
        raise InputError("per_class needs classes on both sides")
    return classes(pair, labels, other, against.class_names)


Steps = dict[str, tuple[bool, Callable[[], Any]]]
"""By section: whether it is wanted, and what fills it."""


def _of_both(
    work: Workplace, a: Side, against: Side, wanted: tuple[str, ...], found: Findings
) -> Steps:
    """Return the sections that look at both sides' images."""

    def audited() -> Any:
        return copies(found.pair, (a, against), _held_out(work, found.held_out))

    return {
        "neighbours": ("memorisation" in wanted, audited),
        "best_worst": ("precision" in wanted, lambda: best_worst(found.pair, a)),
        "missed": ("coverage" in wanted, lambda: missed(found.pair, against)),
        "classes": ("per_class" in wanted, lambda: _classes(found.pair, a, against)),
        "spectrum": ("spectrum" in wanted, lambda: spectrum_of(found.looks.statistics())),
        "colour": ("colour" in wanted, lambda: colours_of(found.looks.statistics())),
    }


def _of_drawn(
    work: Workplace, side: SnapshotSide, wanted: tuple[str, ...], found: Findings
) -> Steps:
    """Return the sections that a snapshot is drawn for anew."""
    config = work.config

    def swept() -> Any:
        most = min(config.sweep_samples, side.count)
        network = work.networks[work.key]
        return psi_sweep(side, found.pair, network, config.sweep, most, work.tell)

    def walked() -> Any:
        return path_section(side, next(iter(found.paths.values()))[1], work.lpips())

    return {
        "psi_sweep": ("psi_sweep" in wanted, swept),
        "label_grid": (True, lambda: label_grid(side)),
        "path_length": (bool(found.paths), walked),
    }


def sections_of(
    work: Workplace, a: Side, against: Side | None, wanted: tuple[str, ...],
    left_out: dict[str, str], findings: Findings,
) -> Sections:  # fmt: skip
    """Fill the sections of a report.

    Args:
        work: what to work with.
        a: the judged side.
        against: the other; None: a file of statistics.
        wanted: metrics.
        left_out: why other metrics are not taken.
        findings: what was found.

    Raises:
        InputError: there are too few usable images for a section.
    """
    sides = {"a": a} | ({} if against is None else {"against": against})
    floor = _floor(findings.pair) if "floor" in wanted else None
    swept = findings.swept
    steps: Steps = {
        "protocols": (True, lambda: _protocols(work, findings, wanted)),
        "fid_against_n": ("fid_infinity" in wanted, lambda: against_n(findings.pair)),
        "snapshots": (swept is not None, lambda: swept and swept.section),
        "sanity": (True, lambda: sanity(sides, floor, work.tell, "files" in wanted)),
    }
    if against is not None:
        steps |= _of_both(work, a, against, wanted, findings)
    if isinstance(a, SnapshotSide):
        steps |= _of_drawn(work, a, wanted, findings)
    filled = {name: make() for name, (is_wanted, make) in steps.items() if is_wanted}
    filled["provenance"] = provenance(sides, findings.facts, work.device, findings.reals.digest)
    reasons = {
        SECTIONS[metric]: reason
        for metric, reason in left_out.items()
        if metric in SECTIONS and filled.get(SECTIONS[metric]) is None
    }
    return Sections(**filled, not_taken=reasons)
