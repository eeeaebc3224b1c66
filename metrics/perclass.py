"""The Frechet distance of each class from its own reals.

A class mostly has fewer images than the features have dimensions. Its covariance then has low
rank: with Y1 and Y2 the centred features over (n - 1)^(1/2),

    Tr (S1 S2)^(1/2) = |Y1 Y2^T|_*    (nuclear norm: the sum of singular values)

which is exact and cheap, an n1 x n2 problem. What stays is the bias: from few images the distance
comes out too large, by about as much for two generators with as many images a class. So values are
to be compared between like numbers only, which is why they stand beside each value.

Source: Heusel et al. 2017, equation 6; the trace: Uhlmann 1976, as the fidelity of S1 and S2.

M and N images of two sets, D feature width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.frechet import distance_of_features

FEW = 500  # images on either side of a class


@dataclass(frozen=True, kw_only=True)
class ClassDistance:
    """A class's Frechet distance.

    Attributes:
        label: number of the class.
        name: its name, or its number.
        value: the distance; None where a side has fewer than two images.
        count_a: images of the first set in it.
        count_b: images of the second.
        few: whether a side has fewer than 500: the bias may outweigh what is measured.
    """

    label: int
    name: str
    value: float | None
    count_a: int
    count_b: int
    few: bool


def _check(features: Tensor, labels: Tensor, which: str, classes: int) -> None:
    if features.ndim != 2 or labels.shape != features.shape[:1] or labels.is_floating_point():
        raise InputError(
            f"the {which} set has features {tuple(features.shape)} and labels "
            f"{tuple(labels.shape)} of {labels.dtype}; wanted (N, D) and N whole numbers"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise InputError(
            f"the {which} set has labels {int(labels.min())} to {int(labels.max())}, but "
            f"{classes} classes are named: wanted 0 to {classes - 1}"
        )
    if not bool(torch.isfinite(features).all()):
        raise InputError(f"the features of the {which} set are not finite numbers")


@torch.no_grad()
def per_class_frechet(
    features_a: Tensor,
    labels_a: Tensor,
    features_b: Tensor,
    labels_b: Tensor,
    names: Sequence[str],
) -> list[ClassDistance]:
    """Return the Frechet distance of every class, in the order of their numbers.

    Args:
        features_a: (M, D) of one set.
        labels_a: (M,) whole numbers, the class of each image.
        features_b: (N, D) of the other.
        labels_b: (N,) likewise.
        names: K, of the classes 0 to K - 1.

    Raises:
        InputError: shapes do not agree, a label has no name, or a number is not finite.
    """
    _check(features_a, labels_a, "first", len(names))
    _check(features_b, labels_b, "second", len(names))
    found = []
    for label, name in enumerate(names):
        a, b = features_a[labels_a == label], features_b[labels_b == label]
        least = min(len(a), len(b))
        found.append(
            ClassDistance(
                label=label, name=name, value=distance_of_features(a, b) if least > 1 else None,
                count_a=len(a), count_b=len(b), few=least < FEW,
            )
        )  # fmt: skip
    return found
