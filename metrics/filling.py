"""Sections of a report that come of both sides' features: curves, classes, best and worst."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.catalogue import metric_key, metric_title
from stylegen.metrics.measuring import Pair
from stylegen.metrics.perclass import FEW, per_class_frechet
from stylegen.metrics.prdc import PRECISION_NEIGHBOURS, manifolds
from stylegen.metrics.report_sections import (
    BestWorst,
    Classes,
    ClassRow,
    FidAgainstN,
    Ranked,
)
from stylegen.metrics.sides import Side

RANKED = 16  # images of a gallery


def against_n(pair: Pair) -> FidAgainstN:
    """Return the distance against the number of samples."""
    fit = pair.infinity
    return FidAgainstN(
        metric=metric_key("fid", pair.features),
        counts=fit.counts,
        values=fit.values,
        slope=fit.slope,
        intercept=fit.intercept,
        error=fit.error,
        seed=pair.seed,
    )


def _ranked(side: Side, order: Sequence[int], scores: Tensor, about: str) -> Ranked:
    names = side.names()
    return Ranked(
        images=side.picked(order),
        labels=tuple(names[i] for i in order),
        scores=tuple(float(scores[i]) for i in order),
        about=about,
    )


def best_worst(pair: Pair, side: Side) -> BestWorst:
    """Return the samples with the highest and the lowest realism."""
    realism = pair.manifolds.realism.cpu()
    order = realism.argsort(descending=True, stable=True).tolist()
    most = min(RANKED, len(order) // 2) or 1
    where = f"of {len(order):,} samples, in {pair.features} features"
    return BestWorst(
        best=_ranked(side, order[:most], realism, f"The {most} most realistic {where}."),
        worst=_ranked(
            side, order[: -most - 1 : -1], realism, f"The {most} least realistic {where}."
        ),
    )


def missed(pair: Pair, side: Side) -> Ranked:
    """Return the real images that the samples cover least."""
    distances = pair.manifolds.coverage_distance.cpu()
    order = distances.argsort(descending=True, stable=True).tolist()[:RANKED]
    about = (
        f"The {len(order)} of {len(distances):,} images farthest from every sample, in "
        f"{pair.features} features; the score is the distance of the nearest sample over that of "
        "the fifth nearest real image, and up to 1 is covered."
    )
    return _ranked(side, order, distances, about)


def _class_manifold(fake: Tensor, real: Tensor) -> tuple[float | None, float | None]:
    if min(len(fake), len(real)) <= PRECISION_NEIGHBOURS:
        return None, None
    found = manifolds(real, fake, PRECISION_NEIGHBOURS, PRECISION_NEIGHBOURS).precision_recall
    return found.precision, found.recall


def classes(pair: Pair, labels: Tensor, other: Tensor, names: Sequence[str]) -> Classes:
    """Return each class by itself.

    Args:
        pair: both sides' features.
        labels: (N,) classes of the judged side.
        other: (M,) classes of the other side.
        names: of the classes.

    Raises:
        InputError: there are no features, or labels that have no name.
    """
    fake, real = pair.rows("per_class")
    labels, other = labels.to(fake.device), other.to(real.device)
    if len(labels) != len(fake) or len(other) != len(real):
        raise InputError("a set's files have changed while it was read; evaluate it again")
    rows = []
    for found in per_class_frechet(fake, labels, real, other, names):
        precision, recall = _class_manifold(fake[labels == found.label], real[other == found.label])
        rows.append(
            ClassRow(
                name=found.name,
                images={"a": found.count_a, "against": found.count_b},
                distance=found.value,
                precision=precision,
                recall=recall,
                small=found.few,
            )
        )
    about = (
        f"Exact at any number of images, but biased upwards where they are few (fewer than {FEW} "
        "on a side are marked): compare a class with itself at the same numbers, not with others."
    )
    return Classes(metric=metric_title("fid", pair.features), rows=tuple(rows), about=about)


def halves(features: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Split a set's features into two random halves."""
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    middle = len(features) // 2
    return features[order[:middle]], features[order[middle : 2 * middle]]
