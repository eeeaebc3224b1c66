"""The metrics there are, and what each is called. Free of torch: the command line lists them."""

from dataclasses import dataclass
from typing import Literal

from stylegen.errors import InputError

Need = Literal["reals", "images", "logits", "labels", "drawn", "lpips", "pairs", "training"]
"""What a metric is taken on, besides the judged side's images:

reals: a second side. images: that side's images, not its stored moments alone. logits: class
logits. labels: classes on both sides. drawn: a snapshot's generator. lpips: the perceptual
distance's weights. pairs: files of the same names on both sides. training: the judged side may
have been trained on the other.
"""


@dataclass(frozen=True, kw_only=True)
class MetricFacts:
    """What is known of a metric before it is taken.

    Attributes:
        about: one line for people.
        needs: what it is taken on.
        while_training: a run can take it as it goes.
        in_all: it belongs to "all".
        of_features: its value depends on the feature network, whose name goes into its own.
    """

    about: str
    needs: tuple[Need, ...] = ("reals", "images")
    while_training: bool = False
    in_all: bool = True
    of_features: bool = True


def _ppl(about: str, in_all: bool = False) -> MetricFacts:
    return MetricFacts(about=about, needs=("drawn", "lpips"), in_all=in_all, of_features=False)


def _paired(about: str, *needs: Need) -> MetricFacts:
    wanted: tuple[Need, ...] = ("reals", "images", "pairs", *needs)
    return MetricFacts(about=about, needs=wanted, in_all=False, of_features=False)


METRICS = {
    "fid": MetricFacts(
        about="Frechet distance between the Gaussian fits of two sets' features",
        needs=("reals",),
        while_training=True,
    ),
    "kid": MetricFacts(
        about="kernel distance: the unbiased squared MMD of two sets' features, over subsets",
        while_training=True,
    ),
    "is": MetricFacts(
        about="Inception Score: how sure and how varied a classifier finds one set's images",
        needs=("logits",),
        while_training=True,
    ),
    "precision": MetricFacts(
        about="share of the samples among the real images' neighbours", while_training=True
    ),
    "recall": MetricFacts(
        about="share of the real images among the samples' neighbours", while_training=True
    ),
    "density": MetricFacts(
        about="precision that outliers among the real images do not raise", while_training=True
    ),
    "coverage": MetricFacts(
        about="share of the real images with a sample in their neighbourhood", while_training=True
    ),
    "kid_full": MetricFacts(
        about="the kernel distance over all pairs, with its standard error", while_training=True
    ),
    "fid_infinity": MetricFacts(about="the Frechet distance extrapolated to infinite samples"),
    "per_class": MetricFacts(
        about="the Frechet distance of each class", needs=("reals", "images", "labels")
    ),
    "memorisation": MetricFacts(
        about="whether samples copy the images they are compared with",
        needs=("reals", "images", "training"),
    ),
    "ppl2_wend": _ppl("perceptual path length in w, at the path's ends", in_all=True),
    "ppl_wfull": _ppl("perceptual path length in w, along the path"),
    "ppl_zend": _ppl("perceptual path length in z, at the path's ends"),
    "ppl_zfull": _ppl("perceptual path length in z, along the path"),
    "psi_sweep": MetricFacts(
        about="quality against truncation", needs=("reals", "images", "drawn"), of_features=False
    ),
    "floor": MetricFacts(about="the distance of two halves of the real images"),
    "spectrum": MetricFacts(
        about="radial power spectra of both sides", needs=("reals", "images"), of_features=False
    ),
    "colour": MetricFacts(
        about="colours and brightness of both sides", needs=("reals", "images"), of_features=False
    ),
    "files": MetricFacts(
        about="what the files of both sides are: sizes, codecs, duplicates",
        needs=("reals", "images"),
        of_features=False,
    ),
    "psnr": _paired("peak signal-to-noise ratio of images of the same names"),
    "ssim": _paired("structural similarity of images of the same names"),
    "lpips": _paired("learned perceptual distance of images of the same names", "lpips"),
}
ALL = "all"
ALIASES = {"ppl": "ppl2_wend", "pr": "precision", "isc": "is", "inception_score": "is"}
MANIFOLD = ("precision", "recall", "density", "coverage")
PATH_LENGTHS = ("ppl2_wend", "ppl_wfull", "ppl_zend", "ppl_zfull")
PAIRED = ("psnr", "ssim", "lpips")
SECTIONS = {
    "fid_infinity": "fid_against_n", "per_class": "classes", "memorisation": "neighbours",
    "psi_sweep": "psi_sweep", "spectrum": "spectrum", "colour": "colour", "files": "sanity",
    "ppl2_wend": "path_length", "precision": "best_worst", "coverage": "missed",
}  # fmt: skip
"""The section of a report that comes with a metric."""

_TITLES = {
    "fid": "FID", "kid": "KID", "kid_full": "KID (all pairs)", "is": "IS", "psnr": "PSNR",
    "ssim": "SSIM", "lpips": "LPIPS", "ppl2_wend": "PPL (w, end)", "ppl_wfull": "PPL (w, full)",
    "ppl_zend": "PPL (z, end)", "ppl_zfull": "PPL (z, full)", "fid_infinity": "FID-infinity",
}  # fmt: skip


def require_known(name: str) -> str:
    """Return a metric's own name.

    Raises:
        InputError: no metric is called so; the known ones are listed.
    """
    own = ALIASES.get(name, name)
    if own not in METRICS:
        raise InputError(f"no metric is called {name!r}; known: {', '.join((*METRICS, ALL))}")
    return own


def metric_key(metric: str, features: str) -> str:
    """Return what a metric is called in files: a Frechet distance is FID with Inception only.

    Precision and its like are shares, and keep their names.
    """
    plain = metric in MANIFOLD or not METRICS[metric].of_features
    if features == "inception" or plain:
        return metric
    return f"{metric.replace('fid', 'fd')}_{features}"


def metric_title(metric: str, features: str) -> str:
    """Name a metric for people, with the features where these are not what it is published in."""
    title = _TITLES.get(metric, metric.replace("_", " ").capitalize())
    published = "vgg16" if metric in MANIFOLD else "inception"
    if features == published or not METRICS[metric].of_features:
        return title
    return f"{title.replace('FID', 'FD')} ({features})"
