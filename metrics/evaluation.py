"""Evaluate one side against another: open, extract once, measure, report."""

import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import torch

from stylegen.devices import choose_device
from stylegen.errors import InputError
from stylegen.metrics.config import (
    EvaluateConfig,
    compares,
    kernel_name,
    least_images,
    metric_key,
    wanted_metrics,
)
from stylegen.metrics.demo import open_network
from stylegen.metrics.extraction import Extracted, extract
from stylegen.metrics.frechet import distance_of_moments
from stylegen.metrics.kernel import (
    SUBSET_SEED,
    SUBSET_SIZE,
    SUBSETS,
    subset_distance,
    subset_size,
)
from stylegen.metrics.report import Metric, Report, environment, now
from stylegen.metrics.score import SHUFFLE_SEED, inception_score
from stylegen.metrics.sides import ImagesSide, Side, SnapshotSide, open_sides
from stylegen.perceptual import FeatureNetwork
from stylegen.perceptual.names import score_name

_USUAL_IMAGES = 5000

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, images done, and images in all."""


class _Clock:
    """Wall time by stage, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Any:
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 3)


def _extract(
    side: Side,
    network: FeatureNetwork,
    wanted: tuple[str, ...],
    is_judged: bool,
    report: Callable[[int, int], None],
) -> Extracted:
    return extract(
        side.batches(),
        network,
        keep_logits=is_judged and "is" in wanted,
        keep_features="kid" in wanted,
        progress=lambda done: report(done, side.count),
    )


def _frechet(network: FeatureNetwork, a: Extracted, against: Extracted) -> Metric:
    return Metric(
        name=network.metric_name,
        value=distance_of_moments(a.moments, against.moments),
        unit="squared distance in feature space",
        better="lower",
        images={"a": a.count, "against": against.count},
    )


def _kernel(network: FeatureNetwork, a: Extracted, against: Extracted) -> Metric:
    if a.features is None or against.features is None:
        raise InputError(f"no images on a side to take {kernel_name(network.name)} on")
    device = a.moments.total.device
    distance = subset_distance(a.features, against.features, device=device)
    return Metric(
        name=kernel_name(network.name),
        value=distance.mean,
        unit="squared distance in the kernel's space; a little below 0 is 0",
        better="lower",
        images={"a": a.count, "against": against.count},
        std=distance.std,
        std_over=f"{SUBSETS} subsets of {subset_size(a.count, against.count):,}",
    )


def _score(network: FeatureNetwork, a: Extracted, splits: int) -> Metric:
    if a.logits is None:
        raise InputError(f"no images of the first side to take {score_name(network.name)} on")
    mean, std = inception_score(a.logits, splits)
    return Metric(
        name=score_name(network.name),
        value=mean,
        unit=f"effective number of classes, 1 to {a.logits.shape[1]}",
        better="higher",
        images={"a": a.count},
        std=std,
        std_over=f"{splits} splits",
    )


def _measure(
    wanted: tuple[str, ...],
    network: FeatureNetwork,
    a: Extracted,
    against: Extracted | None,
    splits: int,
) -> dict[str, Metric]:
    metrics = {}
    for metric in wanted:
        key = metric_key(metric, network.name)
        if metric == "is":
            metrics[key] = _score(network, a, splits)
        elif against is not None:
            metrics[key] = (_frechet if metric == "fid" else _kernel)(network, a, against)
    return metrics


def _protocol(
    config: EvaluateConfig, sides: dict[str, Side], wanted: tuple[str, ...]
) -> dict[str, Any]:
    drawing = {
        "psi": config.psi,
        "noise": config.noise,
        "classes": "uniform",
        "quantisation": "uint8, x * 127.5 + 128 truncated",
    }
    reading = {"resize_filter": config.filter, "background": config.background, "mirrored": False}
    kernel = {
        "kernel": "(x . y / D + 1)^3, unbiased",
        "kernel_subsets": SUBSETS,
        "kernel_subset_size_at_most": SUBSET_SIZE,
        "kernel_subset_seed": SUBSET_SEED,
    }
    kinds = {type(side) for side in sides.values()}
    return {
        "seed": config.seed,
        "batch": config.batch,
        **(drawing if SnapshotSide in kinds else {}),
        **(reading if ImagesSide in kinds else {}),
        "covariance_divisor": "N - 1",
        **(kernel if "kid" in wanted else {}),
        "arithmetic": "features float32, moments and distances float64",
        "tf32": False,
        "inception_score_splits": config.splits,
        "inception_score_shuffle_seed": SHUFFLE_SEED,
    }


def _features(network: FeatureNetwork) -> dict[str, Any]:
    return {
        "name": network.name,
        "distance": network.metric_name,
        "dim": network.dim,
        "weights_sha256": network.weights_digest,
    }


def _notes(
    network: FeatureNetwork, counts: dict[str, int], sides: dict[str, Side], wanted: tuple[str, ...]
) -> tuple[str, ...]:
    notes = list(network.notes)
    for name, side in sides.items():
        if "fid" in wanted and counts[name] <= network.dim:
            notes.append(
                f"Rank deficient: side {name} has {counts[name]:,} images for {network.dim:,} "
                "features. The distance is computed exactly but is biased upwards: compare it "
                "only with others of the same numbers of images."
            )
        if isinstance(side, ImagesSide) and side.images.skipped:
            left_out = len(side.images.skipped)
            notes.append(f"Side {name}: {left_out:,} unreadable files were left out.")
    if "kid" in wanted and min(counts.values()) < 2 * SUBSET_SIZE:
        size = subset_size(*counts.values())
        notes.append(
            f"{kernel_name(network.name)} is taken on {SUBSETS} subsets of {size:,}, which share "
            f"most of a side's {min(counts.values()):,} images: its ± is much too small."
        )
    if "is" in wanted and counts["a"] < _USUAL_IMAGES:
        notes.append(
            f"{score_name(network.name)} of {counts['a']:,} images is biased downwards; "
            f"{_USUAL_IMAGES:,} or more are usual."
        )
    return tuple(notes)


def _open(config: EvaluateConfig, device: torch.device, wanted: tuple[str, ...]) -> dict[str, Side]:
    """Open both sides and check that they have as many images as the metrics need."""
    a, against = open_sides(config, device)
    least_of_a = least_images(wanted, config.splits)
    for path, side, least in ((config.a, a, least_of_a), (config.against, against, 2)):
        if side.count < least:
            raise InputError(
                f"{path} has {side.count} usable images, and {' and '.join(wanted)} "
                f"{'need' if len(wanted) > 1 else 'needs'} at least {least}"
            )
    return {"a": a, "against": against}


def _report(
    config: EvaluateConfig,
    device: torch.device,
    wanted: tuple[str, ...],
    progress: Progress | None,
) -> Report:
    clock = _Clock()

    def stage(name: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(name, done, total) if progress else None

    with clock.stage("open"):
        sides = _open(config, device, wanted)
    with clock.stage("features"):
        fitting = stage("fitting the demo features")
        network = open_network(config.features, config.weights, device, fitting)
    found = {}
    for name, path in (("a", config.a), ("against", config.against)):
        if name == "against" and not compares(wanted):
            continue
        with clock.stage(f"extract {name}"):
            found[name] = _extract(sides[name], network, wanted, name == "a", stage(path))
    with clock.stage("measure"):
        metrics = _measure(wanted, network, found["a"], found.get("against"), config.splits)
    counts = {k: found[k].count if k in found else side.count for k, side in sides.items()}
    return Report(
        metrics=metrics,
        protocol=_protocol(config, sides, wanted),
        features=_features(network),
        sides={k: {**side.facts(), "images": counts[k]} for k, side in sides.items()},
        notes=_notes(network, counts, sides, wanted),
        seconds=clock.seconds,
        environment=environment(device),
        created=now(),
        shown={name: side.shown() for name, side in sides.items()},
    )


def evaluate(config: EvaluateConfig, progress: Progress | None = None) -> Report:
    """Evaluate one side against another.

    Args:
        config: the sides, the metrics, and how they are taken.
        progress: called as extraction goes on.

    Returns:
        The report; :func:`write_report` puts it in a folder.

    Raises:
        InputError: a side or a network cannot be opened, sides differ in size, there are too few
            images, or a metric or network is unknown.
        OSError: a file cannot be read.
    """
    wanted = wanted_metrics(config)
    return _report(config, choose_device(config.device), wanted, progress)
