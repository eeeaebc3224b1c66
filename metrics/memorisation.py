"""Does a generator copy its training images? An audit by nearest neighbours.

Every sample's distance to the nearest training image, mirrored ones included, is compared with the
same distance of images that are certainly no copies: held-out ones, or else each training image's
own to the nearest other one. From m samples and n such distances c follow

    flags      the samples nearer than the r-th smallest c, r = max(1, floor(alpha (n + 1)));
               without copying their number is beta-binomial(m; r, n + 1 - r), whatever the
               distances' distribution, and their share about alpha
    C_T        (U - m n / 2) / (m n (m + n + 1) / 12)^(1/2) with U = #(sample > c), the Mann-Whitney
               statistic: well below 0 where samples as a whole lie too near
    authentic  share of samples x farther from their nearest training image t than t is from the
               nearest other one

Flags find copies, also where few samples are. C_T without flags means that samples keep close to
the training images without copying any: truncation and lack of variety do that, too.

Source: Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675 (C_T; here without cells); Alaa et
al. 2022, arXiv:2102.08921 (authenticity); order statistics of exchangeable distances for the flags,
as in conformal prediction (Vovk, Gammerman and Shafer 2005).

M samples, N training images, L held-out images, D feature width, k neighbours.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from scipy.special import betaln, gammaln, ndtr
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.checks import check_features
from stylegen.metrics.neighbours import Neighbours, nearest

Finding = Literal["copies", "near", "clear"]
ALPHA = 0.01  # share of samples that are flagged without copying
_CERTAIN = 1e-3  # p-value below which chance is ruled out
_EQUAL = 1e-3  # of the median distance: below it, two images are one


class Calibration(NamedTuple):
    """Distances of images that are no copies from the nearest training image.

    Attributes:
        by: "held-out images" or "training images".
        distances: ascending, (L,) or (N,) less the duplicates, float32.
        duplicates: images left out, as a training image equals them but for rounding.
    """

    by: str
    distances: Tensor
    duplicates: int


@dataclass(frozen=True, kw_only=True, eq=False)
class MemorisationAudit:
    """What an audit found.

    Attributes:
        finding: "copies": more samples are flagged than chance allows, or some equal a training
            image that no other training image equals. "near": some equal one that others equal, or
            samples lie nearer to the training images than others do. "clear": neither.
        verdict: the finding in a sentence or two.
        flagged: (M,) bool.
        equal: (M,) bool, whether a sample is a training image, but for rounding.
        share: of the samples, flagged.
        expected: the share that would be flagged without copying.
        detectable: the smallest share flagged that would be called copying.
        p_value: of as many flags by chance.
        c_t: the Mann-Whitney statistic, unit Gaussian without copying; below 0: too near.
        authentic: share of the samples, 0 to 1; elsewhere as AuthPct, in per cent.
        distances: (M, k) float32, to the nearest training images, ascending.
        indices: (M, k) int64, which these are.
        mirrored: (M, k) bool, whether it is their mirror image that is near.
        order: (M,) int64, samples from the most suspicious on: by distance.
        threshold: distance below which samples are flagged.
        calibration: what they were compared with.
        own: (N,) float32, of each training image to the nearest other one.
    """

    finding: Finding
    verdict: str
    flagged: Tensor
    equal: Tensor
    share: float
    expected: float
    detectable: float
    p_value: float
    c_t: float
    authentic: float
    distances: Tensor
    indices: Tensor
    mirrored: Tensor
    order: Tensor
    threshold: float
    calibration: Calibration
    own: Tensor


class _Found(NamedTuple):
    """Neighbours, and whether mirrored; each (M, k)."""

    distances: Tensor
    indices: Tensor
    mirrored: Tensor


def _both(plain: Neighbours, flipped: Neighbours, k: int) -> _Found:
    """Return the k nearest training images of either kind, each image once."""
    distances, order = torch.cat([plain.distances, flipped.distances], dim=1).sort(
        dim=1, stable=True
    )
    indices = torch.cat([plain.indices, flipped.indices], dim=1).gather(1, order)
    again = (indices[:, :, None] == indices[:, None, :]).tril(-1).any(2)
    kept = again.long().sort(dim=1, stable=True).indices[:, :k]  # those named before go last
    return _Found(distances.gather(1, kept), indices.gather(1, kept), order.gather(1, kept) >= k)


def _to_train(
    x: Tensor, train: Tensor, mirrored: Tensor | None, k: int, skip_own: bool = False
) -> _Found:
    plain = nearest(x, train, k, skip_own=skip_own)
    if mirrored is None:
        return _Found(*plain, torch.zeros_like(plain.indices, dtype=torch.bool))
    return _both(plain, nearest(x, mirrored, k, skip_own=skip_own), k)


def _calibration(by: str, distances: Tensor) -> Calibration:
    kept = distances[distances > _EQUAL * distances.median()].sort().values
    if not len(kept):
        raise InputError(
            f"all {by} are duplicates of training images: nothing is left to compare samples with"
        )
    return Calibration(by, kept, len(distances) - len(kept))


def _chance(m: int, rank: int, n: int, flags: int) -> float:
    """Return the chance that ``flags`` or more of m lie below the rank-th smallest of n others."""
    s = np.arange(flags, m + 1)
    ways = gammaln(m + 1) - gammaln(s + 1) - gammaln(m - s + 1)
    a, b = rank, n + 1 - rank
    return min(1.0, float(np.exp(ways + betaln(s + a, m - s + b) - betaln(a, b)).sum()))


def _detectable(m: int, rank: int, n: int) -> float:
    """Return the smallest share of flags that chance does not explain; above 1: none."""
    low, high = 0, m + 1
    while low < high:
        middle = (low + high) // 2
        if middle <= m and _chance(m, rank, n, middle) >= _CERTAIN:
            low = middle + 1
        else:
            high = middle
    return low / m


def mann_whitney(x: Tensor, others: Tensor) -> float:
    """Return the Mann-Whitney statistic of ``x`` over sorted ``others``, as a unit Gaussian.

    Ties count half. Negative where ``x`` is smaller.
    """
    below = torch.searchsorted(others, x) + torch.searchsorted(others, x, right=True)
    m, n = len(x), len(others)
    u = float(below.double().sum()) / 2
    return (u - m * n / 2) / math.sqrt(m * n * (m + n + 1) / 12)


def _verdict(finding: Finding, flagged: Tensor, mirrored: Tensor, told: dict[str, str]) -> str:
    m, flags = len(flagged), int(flagged.sum())
    flips = int((flagged & mirrored).sum())
    mirror = f", {flips} of them to its mirror image" if flips and finding == "copies" else ""
    head = (
        f"{flags} of {m} samples lie nearer to a training image than all but {told['expected']} of "
        f"the {told['by']} (p = {told['p']}){mirror}; {told['equal']} equal one"
    )
    if finding == "copies":
        return f"{head}: the generator copies training images."
    if told["equal"] != "0":
        return (
            f"{head}, but only such as the training set has twice or more: copies, or pictures too "
            "plain to differ; look at them."
        )
    if finding == "near":
        return (
            f"{head}: no copies, but samples as a whole lie nearer to the training images than the "
            f"{told['by']} do (C_T = {told['c_t']}), as truncation or little variety cause, too."
        )
    return (
        f"{head}: no sign of copying. Copies among fewer than {told['detectable']} of the samples "
        "could have gone unseen."
    )


def _judged(
    found: _Found, own: Tensor, calibration: Calibration, alpha: float
) -> MemorisationAudit:
    closest, n = found.distances[:, 0].contiguous(), len(calibration.distances)
    m, rank = len(closest), max(1, int(alpha * (n + 1)))
    threshold = calibration.distances[rank - 1]
    flagged = closest < threshold
    p_value = _chance(m, rank, n, int(flagged.sum()))
    c_t = mann_whitney(closest, calibration.distances)
    tiny = _EQUAL * calibration.distances.median()
    equal = closest <= tiny
    single = own[found.indices[:, 0]] > tiny  # no other training image equals the nearest one
    finding: Finding = "clear"
    if p_value < _CERTAIN or bool((equal & single).any()):
        finding = "copies"
    elif bool(equal.any()) or ndtr(c_t) < _CERTAIN:
        finding = "near"
    detectable, expected = _detectable(m, rank, n), rank / (n + 1)
    told = {
        "by": calibration.by, "expected": f"{expected:.2%}", "p": f"{p_value:.2g}",
        "c_t": f"{c_t:.1f}", "detectable": f"{min(detectable, 1):.1%}",
        "equal": str(int(equal.sum())),
    }  # fmt: skip
    return MemorisationAudit(
        finding=finding, verdict=_verdict(finding, flagged, found.mirrored[:, 0], told),
        flagged=flagged, equal=equal, share=float(flagged.double().mean()), expected=expected,
        detectable=detectable, p_value=p_value, c_t=c_t,
        authentic=float((closest > own[found.indices[:, 0]]).double().mean()),
        distances=found.distances, indices=found.indices, mirrored=found.mirrored,
        order=closest.argsort(stable=True), threshold=float(threshold), calibration=calibration,
        own=own,
    )  # fmt: skip


def _check(fake: Tensor, train: Tensor, mirrored: Tensor | None, k: int, alpha: float) -> None:
    if mirrored is not None and mirrored.shape != train.shape:
        raise InputError(
            f"features of the mirrored training images are {tuple(mirrored.shape)}; wanted those "
            f"of the training images, {tuple(train.shape)}"
        )
    if not 0 < alpha < 1:
        raise InputError(f"alpha is {alpha}; wanted a share above 0 and below 1, such as {ALPHA}")
    check_features(fake, train)
    check_features(train, train, max(k, 2))


@torch.no_grad()
def audit(
    fake: Tensor,
    train: Tensor,
    *,
    mirrored: Tensor | None = None,
    held_out: Tensor | None = None,
    k: int = 5,
    alpha: float = ALPHA,
) -> MemorisationAudit:
    """Compare samples' distances from the training images with those of images that are no copies.

    Args:
        fake: (M, D) features of samples.
        train: (N, D) features of the training images, on the same device.
        mirrored: (N, D) features of their mirror images, in the same order; None: mirrored copies
            are not looked for.
        held_out: (L, D) features of images like the training images, but not among them; None:
            training images are compared with each other.
        k: nearest training images to name of each sample.
        alpha: share of the samples flagged without copying, about.

    Raises:
        InputError: shapes do not agree, alpha is out of range, or images are too few.
    """
    _check(fake, train, mirrored, k, alpha)
    found = _to_train(fake, train, mirrored, k)
    own = _to_train(train, train, mirrored, 1, skip_own=True).distances[:, 0]
    if held_out is None:
        calibration = _calibration("training images", own)
    else:
        others = _to_train(held_out, train, mirrored, 1).distances[:, 0]
        calibration = _calibration("held-out images", others)
    return _judged(found, own, calibration, alpha)
