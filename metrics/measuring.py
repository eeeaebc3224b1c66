"""Headline metrics of two sides' features, each a number with its unit and its error.

N images of the judged side, M of the other, D feature width.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.catalogue import MANIFOLD, metric_key, metric_title
from stylegen.metrics.extraction import Extracted
from stylegen.metrics.frechet import Gaussian, gaussian_distance
from stylegen.metrics.infinity import InfinityFit, frechet_infinity
from stylegen.metrics.jackknife import FrechetEstimate, frechet_jackknife
from stylegen.metrics.kernel import SUBSETS, kernel_distance, subset_distance, subset_size
from stylegen.metrics.prdc import Manifolds, manifolds
from stylegen.metrics.report import Metric
from stylegen.metrics.score import inception_score

_SQUARED = "squared distance in feature space"
_KERNEL = "squared distance in the kernel's space; a little below 0 is 0"


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """What is known of two sides in one network's features.

    Attributes:
        features: name of the network.
        a: the judged side.
        against: the other; None: nothing, or its moments only.
        reference: the other's Gaussian fit; None: there is no other.
        by_n: covariances are divided by N, not N - 1; the reference's is already.
        splits: parts over which the Inception Score is averaged.
        seed: of subsets in the extrapolation.
    """

    features: str
    a: Extracted
    against: Extracted | None = None
    reference: Gaussian | None = None
    by_n: bool = False
    splits: int = 10
    seed: int = 0

    @property
    def device(self) -> torch.device:
        """Where the features were computed, and distances are."""
        return self.a.moments.total.device

    @property
    def images(self) -> dict[str, int]:
        """Number of images of each side, as far as it is known."""
        other = self.reference.count if self.against is None and self.reference else None
        count = self.against.count if self.against is not None else other
        return {"a": self.a.count} | ({} if count is None else {"against": count})

    @property
    def has_rows(self) -> bool:
        """Whether both sides' features are at hand, not their moments alone."""
        against = self.against
        return self.a.features is not None and against is not None and against.features is not None

    def rows(self, what: str) -> tuple[Tensor, Tensor]:
        """Return the features of both sides, on the device.

        Raises:
            InputError: a side has none.
        """
        if self.against is None or self.a.features is None or self.against.features is None:
            title = metric_title(what, self.features)
            raise InputError(f"{title} needs the features of both sides' images, not moments alone")
        return self.a.features.to(self.device), self.against.features.to(self.device)

    def required_reference(self) -> Gaussian:
        """Return the other side's Gaussian fit.

        Raises:
            InputError: there is no other side.
        """
        if self.reference is None:
            raise InputError("a Frechet distance needs a second side")
        return self.reference

    @cached_property
    def estimate(self) -> FrechetEstimate | None:
        """The Frechet distance with its error; None: too few images for that."""
        blocks = self.a.blocks
        if blocks is None or int(blocks.counts.min()) < 2:
            return None
        return frechet_jackknife(blocks, self.required_reference())

    @cached_property
    def distance(self) -> float:
        """The Frechet distance."""
        features = self.a.features
        few = self.a.count <= self.a.moments.total.shape[0]
        exact = features is not None and few
        if self.estimate is not None and not (exact or self.by_n):
            return self.estimate.value
        fitted = (
            Gaussian.of_features(features.to(self.device))
            if features is not None and few
            else Gaussian.fitted(self.a.moments)
        )
        judged = fitted.over_n() if self.by_n else fitted
        return gaussian_distance(judged, self.required_reference())

    @cached_property
    def manifolds(self) -> Manifolds:
        """Precision, recall, density and coverage, and what each image adds."""
        fake, real = self.rows("precision")
        return manifolds(real, fake)

    @cached_property
    def infinity(self) -> InfinityFit:
        """The line of distances against 1 / N."""
        fake, _ = self.rows("fid_infinity")
        error = None if self.estimate is None else self.estimate.error
        return frechet_infinity(
            fake, self.required_reference(), seed=self.seed, error=error, by_n=self.by_n
        )


def _frechet(pair: Pair) -> Metric:
    found, blocks = pair.estimate, pair.a.blocks
    plain = Metric(
        name=metric_title("fid", pair.features), value=pair.distance, unit=_SQUARED,
        better="lower", images=pair.images,
    )  # fmt: skip
    if found is None or blocks is None:
        return plain
    moved = pair.distance - found.value  # by another divisor than N - 1
    return replace(
        plain,
        error=found.error,
        error_kind=f"block jackknife over {len(blocks.counts)} blocks of samples",
        corrected=None if found.few else found.corrected + moved,
        interval=None if found.few else (found.low + moved, found.high + moved),
        pseudo_values=found.pseudo_values,
    )


def _subsets(pair: Pair) -> Metric:
    fake, real = pair.rows("kid")
    found = subset_distance(fake, real, device=pair.device)
    return Metric(
        name=metric_title("kid", pair.features), value=found.mean, unit=_KERNEL, better="lower",
        images=pair.images, std=found.std,
        std_over=f"{SUBSETS} subsets of {subset_size(len(fake), len(real)):,}",
    )  # fmt: skip


def _kernel(pair: Pair) -> Metric:
    found = kernel_distance(*pair.rows("kid_full"))
    return Metric(
        name=metric_title("kid_full", pair.features), value=found.value, unit=_KERNEL,
        better="lower", images=pair.images, error=found.error, error_kind="jackknife over images",
    )  # fmt: skip


def _score(pair: Pair) -> Metric:
    title = metric_title("is", pair.features)
    if pair.a.logits is None:
        raise InputError(f"no images of the first side to take {title} on")
    mean, std = inception_score(pair.a.logits, pair.splits)
    return Metric(
        name=title, value=mean, better="higher", images={"a": pair.a.count}, std=std,
        unit=f"effective number of classes, 1 to {pair.a.logits.shape[1]}",
        std_over=f"{pair.splits} splits",
    )  # fmt: skip


_SHARES = {
    "precision": ("share of the samples, 0 to 1", "binomial, over samples"),
    "recall": ("share of the real images, 0 to 1", "binomial, over real images"),
    "density": ("mean number of real images' balls around a sample, over 5", "over samples"),
    "coverage": ("share of the real images, 0 to 1", "binomial, over real images"),
}


def _manifold(metric: str) -> Callable[[Pair], Metric]:
    def measure(pair: Pair) -> Metric:
        both = pair.manifolds.precision_recall._asdict() | pair.manifolds.density_coverage._asdict()
        unit, kind = _SHARES[metric]
        return Metric(
            name=metric_title(metric, pair.features), value=both[metric], unit=unit,
            better="higher", images=pair.images, error=both[f"{metric}_error"], error_kind=kind,
        )  # fmt: skip

    return measure


def _infinity(pair: Pair) -> Metric:
    error = pair.infinity.error
    kind = "of the fitted line's intercept: chance alone, not that the curve bends"
    return Metric(
        name=metric_title("fid_infinity", pair.features), value=pair.infinity.intercept,
        unit=_SQUARED, better="lower", images=pair.images, error=error,
        error_kind=None if error is None else kind,
    )  # fmt: skip


MEASURES: dict[str, Callable[[Pair], Metric]] = {
    "fid": _frechet,
    "kid": _subsets,
    "kid_full": _kernel,
    "is": _score,
    "fid_infinity": _infinity,
    **{metric: _manifold(metric) for metric in MANIFOLD},
}
"""How the metrics that come of features alone are taken."""


@torch.no_grad()
def measure(pair: Pair, wanted: tuple[str, ...]) -> dict[str, Metric]:
    """Take the wanted metrics that come of features alone, by their keys, in order.

    Raises:
        InputError: there are too few images, or features that are not finite.
    """
    return {
        metric_key(metric, pair.features): MEASURES[metric](pair)
        for metric in wanted
        if metric in MEASURES
    }
