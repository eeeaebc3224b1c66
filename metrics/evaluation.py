"""Evaluate one side against another: open, look once, measure, report."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from stylegen.errors import InputError
from stylegen.metrics.assembling import Findings, path_lengths_of, sections_of
from stylegen.metrics.cache import digest_of
from stylegen.metrics.catalogue import METRICS, metric_key
from stylegen.metrics.choosing import Situation, chosen_metrics
from stylegen.metrics.config import EvaluateConfig, keeps_features
from stylegen.metrics.extraction import Watcher
from stylegen.metrics.looking import Found, Reals, Wants
from stylegen.metrics.measuring import Pair, measure
from stylegen.metrics.notes import notes_of, protocol_facts
from stylegen.metrics.options import refuse_ignored
from stylegen.metrics.pairing import paired_metrics
from stylegen.metrics.protocols import Protocol
from stylegen.metrics.report import Metric, Report, environment, now
from stylegen.metrics.runs import Sweep, deciding, of_final_size, sweep
from stylegen.metrics.sides import ImagesSide, Side
from stylegen.metrics.sides_drawn import Drawing, SnapshotSide
from stylegen.metrics.sides_opening import (
    Numbers,
    is_reference,
    name_of,
    open_set,
    open_sides,
    snapshots_of,
)
from stylegen.metrics.watching import Looks, watchers_of
from stylegen.metrics.workplace import Progress, Workplace, open_workplace
from stylegen.perceptual.lpips import smallest_px

__all__ = ["Progress", "evaluate"]


class Opened(NamedTuple):
    """Both sides, and what is to be taken of them.

    Attributes:
        a: the judged side; of a run its last snapshot.
        against: the other; None: a file of statistics.
        names: of both, for people.
        reference: the file's statistics, if that is what the other side is.
        wanted: metrics.
        left_out: why other metrics of "all", or some of a run's snapshots, are not taken.
        snapshots: of a run; [] for anything else.
    """

    a: Side
    against: Side | None
    names: dict[str, str]
    reference: Reals | None
    wanted: tuple[str, ...]
    left_out: dict[str, str]
    snapshots: list[str]


def numbers_of(config: EvaluateConfig, protocol: Protocol) -> Numbers:
    """Return what the sides are opened with."""
    drawing = Drawing(protocol.samples, config.batch, protocol.seed, protocol.psi, protocol.noise)
    return Numbers(drawing, protocol.reals)


def _draw_as_frequent(a: Side, against: Side | None, protocol: Protocol) -> None:
    """Draw classes as frequent as they are in the data, where the protocol has it so."""
    if protocol.labels != "data" or not isinstance(a, SnapshotSide) or not a.class_names:
        return
    labels = against.labels() if isinstance(against, ImagesSide) else None
    if labels is None or int(labels.max()) >= len(a.class_names):
        raise InputError(
            "the protocol draws classes as frequent as in the data, but the other side has no "
            "such classes: compare with the labelled set, or take another protocol"
        )
    a.drawing = a.drawing._replace(labels=labels)


def _open(config: EvaluateConfig, work: Workplace) -> Opened:
    """Open both sides and find out what can be taken of them."""
    refuse_ignored(config, work.plan)
    snapshots = snapshots_of(config.a)
    if snapshots_of(config.against):
        raise InputError(
            f"{name_of(config.against)} is a run's folder; only the judged side can be one, so "
            "name one of its snapshots"
        )
    snapshots, outgrown = of_final_size(snapshots)
    if snapshots:
        deciding(work.plan.metrics, work.plan.protocol.network)
    judged = replace(config, a=snapshots[-1]) if snapshots else config
    a, against = open_sides(judged, numbers_of(config, work.plan.protocol), work.device)
    _draw_as_frequent(a, against, work.plan.protocol)
    names = {"a": name_of(config.a), "against": name_of(config.against)}
    reference = None
    if is_reference(config.against):
        reference = work.reference(str(config.against), a, names["a"])
    situation = Situation(
        names=names, a=a, against=against, reals=reference.count if reference else None,
        features=work.plan.protocol.network, splits=config.splits, lpips=work.without_lpips,
        least_px=smallest_px(config.lpips), crop=config.crop,
    )  # fmt: skip
    wanted, left_out = chosen_metrics(work.plan.metrics, situation)
    return Opened(a, against, names, reference, wanted, left_out | outgrown, snapshots)


def _needs_reals(wanted: tuple[str, ...]) -> bool:
    taken_alone = ("spectrum", "colour", "files", "psnr", "ssim", "lpips")
    return any("reals" in METRICS[m].needs and m not in taken_alone for m in wanted)


def _is_mirrored(opened: Opened, config: EvaluateConfig) -> bool:
    """Tell whether an audit looks at mirrored images: the training did, or nothing is known."""
    if config.mirror is not None:
        return config.mirror
    if isinstance(opened.a, SnapshotSide):
        return bool(opened.a.info.provenance.get("xflip", True))
    return True


def _wants(opened: Opened, config: EvaluateConfig, protocol: Protocol) -> tuple[Wants, Wants]:
    """Return what to keep of the judged side, and of the other."""
    keeps = keeps_features(opened.wanted)
    a = Wants(logits="is" in opened.wanted, features=keeps, blocks="fid" in opened.wanted)
    audited = "memorisation" in opened.wanted and _is_mirrored(opened, config)
    return a, Wants(features=keeps, mirrored=audited or protocol.mirror)


def _compared(work: Workplace, opened: Opened, watchers: tuple[Watcher, ...]) -> Reals:
    """Look at the other side, as far as anything is to be compared with it."""
    if opened.reference is not None:
        return opened.reference
    if opened.against is None or not (_needs_reals(opened.wanted) or watchers):
        return Reals(found={}, gaussians={}, count=None)
    wants = _wants(opened, work.config, work.plan.protocol)[1]
    return work.reals(opened.against, opened.names["against"], wants, watchers)


def _pairs(work: Workplace, reals: Reals, found: Found) -> dict[str, Pair]:
    """Return both sides in the features of each protocol; the headline's is called ""."""
    if not work.networks:
        return {}
    protocols = {"": work.plan.protocol, **work.plan.others}
    return {
        name: reals.pair(protocol, found, work.config.splits)
        for name, protocol in protocols.items()
    }


def _side_facts(opened: Opened, reals: Reals, count: int) -> dict[str, dict[str, Any]]:
    facts = {"a": {**opened.a.facts(), "images": count}}
    if opened.against is not None:
        number = opened.against.count if reals.count is None else reals.count
        return facts | {"against": {**opened.against.facts(), "images": number}}
    told = {"kind": "reference", "path": opened.names["against"], "sha256": reals.digest,
            "data_sha256": reals.data_digest or None}  # fmt: skip
    return facts | {"against": {**told, "images": reals.count}}


def _held_out(work: Workplace, opened: Opened) -> Side | None:
    """Open the real images that were not trained on, read as the others are."""
    config, against = work.config, opened.against
    if config.held_out is None or "memorisation" not in opened.wanted:
        return None
    if not isinstance(against, ImagesSide):
        raise InputError("held-out images are compared with a folder or zip; name one")
    read = against.images.config
    size = read.resolution or (against.size[0], against.size[1])
    images = open_set(config.held_out, config, size, against.channels, read.filter)
    return ImagesSide(images, config.batch)


def _judge(work: Workplace, opened: Opened, looks: Looks, reals: Reals) -> tuple[Found, Any]:
    """Look at the judged side; of a run at all its snapshots, and choose one."""
    wants = _wants(opened, work.config, work.plan.protocol)[0]
    if opened.snapshots and isinstance(opened.a, SnapshotSide):
        result = sweep(work, opened.snapshots, opened.a, opened.wanted, wants, reals, looks)
        return result.found, result
    watchers = watchers_of(opened.wanted, "a", looks)
    if not (work.networks or watchers):
        return {}, None
    return work.judged(opened.a, opened.names["a"], wants, watchers), None


def _report(work: Workplace) -> Report:
    config, clock = work.config, work.clock
    with clock.stage("open"):
        opened = _open(config, work)
        held_out = _held_out(work, opened)
    _ = work.networks  # all sides are in order: only now is anything loaded
    looks = Looks()
    reals = _compared(work, opened, watchers_of(opened.wanted, "against", looks))
    found, swept = _judge(work, opened, looks, reals)
    if isinstance(swept, Sweep):
        opened = opened._replace(a=swept.side)
    pairs = _pairs(work, reals, found)
    with clock.stage("measure"):
        metrics = measure(pairs[""], opened.wanted) if pairs else {}
    paths = path_lengths_of(work, opened.a, opened.wanted)
    metrics |= {name: metric for name, (metric, _) in paths.items()}
    metrics |= paired_metrics(work, opened.a, opened.against, opened.wanted)
    count = pairs[""].a.count if pairs else opened.a.count
    facts = _side_facts(opened, reals, count)
    findings = Findings(
        pairs=pairs, metrics=metrics, reals=reals, looks=looks, paths=paths, swept=swept,
        held_out=held_out, facts=facts,
    )  # fmt: skip
    return _written(work, opened, findings)


def _written(work: Workplace, opened: Opened, findings: Findings) -> Report:
    with work.clock.stage("sections"):
        sections = sections_of(work, opened.a, opened.against, opened.wanted, opened.left_out,
                               findings)  # fmt: skip
    network = work.networks.get(work.key)
    sides = {"a": opened.a} | ({} if opened.against is None else {"against": opened.against})
    return Report(
        metrics=_in_order(findings.metrics, opened.wanted, work.key.network),
        protocol=protocol_facts(work, sides, opened.wanted, findings),
        features={**network.facts(), "distance": network.metric_name} if network else {},
        sides=findings.facts,
        notes=tuple(notes_of(work, sides, opened.wanted, opened.left_out, findings)),
        seconds=work.clock.seconds,
        environment=environment(work.device),
        created=now(),
        shown={name: side.shown() for name, side in sides.items()},
        draws=_draws(opened.a),
        sections=sections,
    )


def _draws(side: Side) -> str | None:
    """Return the digest of a snapshot's random draws: reports of the same ones can be paired."""
    if not isinstance(side, SnapshotSide):
        return None
    how = side.drawing
    labels = None if how.labels is None else how.labels.tolist()
    shape = side.generator.config.z_dim, side.generator.config.c_dim
    return digest_of(how.seed, how.samples, how.batch, how.noise, labels, shape)


def _in_order(metrics: Mapping[str, Metric], wanted: tuple[str, ...], features: str) -> Any:
    """Return metrics in the order in which they are wanted."""
    keys = dict.fromkeys(metric_key(metric, features) for metric in wanted)
    return {key: metrics[key] for key in keys if key in metrics}


def evaluate(config: EvaluateConfig, progress: Progress | None = None) -> Report:
    """Evaluate one side against another.

    Args:
        config: the sides, the metrics, and how they are taken.
        progress: called as extraction goes on.

    Returns:
        The report; :func:`write_report` puts it in a folder.

    Raises:
        InputError: a side or a network cannot be opened, sides differ in size, there are too few
            images, or a metric, protocol or network is unknown.
        OSError: a file cannot be read.
    """
    return _report(open_workplace(config, progress))
