"""What is evaluated, and how. Free of torch: the command line takes its defaults from here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from stylegen.data.config import DataConfig, Filter
from stylegen.data.sizes import Resolution, size_of
from stylegen.errors import InputError
from stylegen.metrics.catalogue import (
    ALL,
    MANIFOLD,
    METRICS,
    metric_key,
    require_known,
)
from stylegen.perceptual.names import NETWORKS, Arithmetic, check_arithmetic, network_facts

Draw = Callable[[int, int], Any]
"""Given the number of the first image and how many, returns them as uint8 (n, C, H, W)."""

NEIGHBOURS = 6  # images that precision, recall, density and coverage need on each side
AUDITED = 20  # images that a memorisation audit needs on each side
HALVES = 20  # images that the distance of two halves of a set needs
FITTED = 30  # images that a line of distances against 1 / N is fitted to


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """An evaluation of one side against another.

    A side is a snapshot (.safetensors), a run's folder (all its snapshots; the judged side only),
    a folder of images, a zip of them, a file of reference statistics (.npz; the other side only),
    or, from Python, a function that draws images.

    Attributes:
        a: the side that is judged; one-sided metrics are taken on it.
        against: the side that it is compared with.
        metrics: names of :data:`~stylegen.metrics.catalogue.METRICS`, or "all": whatever can be
            taken; None: "fid", and "is" where the feature network classifies.
        protocols: names of protocols, the first for the headline; (): as ``features``,
            ``samples``, ``psi`` and the other numbers here say.
        samples: images to draw from a snapshot or a function; None: the protocol's, else 5000.
        max_images: of a folder or zip take at most this many, chosen by the seed; None: the
            protocol's, else all.
        features: name of the feature network; None: the protocol's, else "inception".
        weights: its weights file; None: where it is looked for.
        lpips: network of the perceptual distance: "vgg" for path lengths as published, "alex" or
            "squeeze".
        lpips_weights: that network's weights file; None: where it is looked for.
        lpips_heads: the file of the distance's own weights; None: where it is looked for.
        seed: of latents, classes, layer noise, and of the choice of images; None: the
            protocol's, else 0.
        psi: truncation of a snapshot's samples, 1 is none; None: the protocol's, else 1.
        noise: a snapshot's layer noise, drawn anew or the stored one.
        batch: images at a time.
        device: "auto" takes a GPU when there is one.
        resolution: size in pixels that folders and zips are read at, a square's side or (width,
            height); None: a snapshot's, or their own when both agree.
        filter: resampling filter for resizing folders and zips; None: as in the training of the
            snapshot on the other side, else images of another size than its are refused.
        background: colour behind transparency.
        splits: parts over which the Inception Score is averaged.
        arithmetic: of the feature network: "fp32", "fast", or "bf16" where values may move; None:
            "fp32".
        held_out: folder or zip of real images that the network was not trained on, with which a
            memorisation audit is calibrated.
        mirror: a memorisation audit also looks at mirrored images; None: where the snapshot was
            trained on them.
        path_samples: pairs of latents of a perceptual path length.
        crop: a perceptual path length looks at the middle of the images, as it does for faces.
        sweep: truncations of the sweep.
        sweep_samples: images at each of them, at most.
        cache: keep what was found of the other side for the next evaluation.
    """

    a: str | Draw
    against: str | Draw
    metrics: tuple[str, ...] | None = None
    protocols: tuple[str, ...] = ()
    samples: int | None = None
    max_images: int | None = None
    features: str | None = None
    weights: str | None = None
    lpips: Literal["vgg", "alex", "squeeze"] = "vgg"
    lpips_weights: str | None = None
    lpips_heads: str | None = None
    seed: int | None = None
    psi: float | None = None
    noise: Literal["random", "const"] | None = None
    batch: int = 32
    device: str = "auto"
    resolution: Resolution | None = None
    filter: Filter | None = None
    background: str = "white"
    splits: int = 10
    arithmetic: Arithmetic | None = None
    held_out: str | None = None
    mirror: bool | None = None
    path_samples: int = 1000
    crop: bool = False
    sweep: tuple[float, ...] = (0.3, 0.5, 0.7, 0.85, 1.0)
    sweep_samples: int = 1000
    cache: bool = True


@dataclass(frozen=True, kw_only=True)
class TrainingMetricConfig:
    """Metrics of a generator while it trains, against the images that it is trained on.

    Attributes:
        data: the images, as the run reads them. They count as they are, not mirrored.
        metrics: those of :data:`~stylegen.metrics.catalogue.METRICS` that a run can take; the
            first one decides which snapshot is the best.
        samples: images to draw each time, at psi 1.
        max_images: take at most this many of the real ones, chosen by the seed; None: all.
        features: name of the feature network.
        weights: its weights file; None: the network's own cache.
        seed: of latents, classes, layer noise, and of the choice of images: the same each time.
        noise: layer noise, drawn anew for each image or the stored one.
        batch: images at a time, of each process.
        splits: parts over which the Inception Score is averaged.
        minutes: give a measurement up after this time; None: never.
    """

    data: DataConfig
    metrics: tuple[str, ...] = ("fid",)
    samples: int = 10_000
    max_images: int | None = None
    features: str = "inception"
    weights: str | None = None
    seed: int = 0
    noise: Literal["random", "const"] = "random"
    batch: int = 32
    splits: int = 10
    minutes: float | None = None


Config = EvaluateConfig | TrainingMetricConfig
_OFFICIAL_SAMPLES = 50_000
_OFFICIAL = ("fid", "kid", "is")


def training_key(config: TrainingMetricConfig, metric: str) -> str:
    """Return what a metric is called in a run's statistics.

    Of 50,000 images FID, KID and IS have the official tools' names: fid50k_full against all real
    images.
    """
    if config.features != "inception" or metric not in _OFFICIAL:
        if metric == "is":  # a plain is_demo would read as a flag among a run's statistics
            return f"inception_score_{config.features}"
        return metric_key(metric, config.features)
    if config.samples != _OFFICIAL_SAMPLES:
        return metric
    return f"{metric}50k" + ("_full" if metric != "is" and config.max_images is None else "")


_LEAST = {
    "samples": 2, "max_images": 2, "batch": 1, "splits": 1, "path_samples": 2, "sweep_samples": 2
}  # fmt: skip


def _check_numbers(config: Config) -> None:
    for name, least in _LEAST.items():
        value = getattr(config, name, None)
        if value is not None and value < least:
            raise InputError(f"{name} is {value}; wanted at least {least}")
    if config.seed is not None and not 0 <= config.seed < 2**32:
        raise InputError(f"seed is {config.seed}; wanted 0 to {2**32 - 1}")
    if config.noise not in (None, "random", "const"):
        raise InputError(f"noise is {config.noise!r}; wanted random or const")
    if isinstance(config, TrainingMetricConfig):
        if config.minutes is not None and not config.minutes > 0:
            raise InputError(f"minutes is {config.minutes}; wanted more than 0")
        return
    if config.resolution is not None:
        size_of(config.resolution)
    if config.arithmetic is not None:
        check_arithmetic(config.arithmetic)


def _check_logits(metrics: tuple[str, ...], features: str) -> None:
    if "is" in metrics and not network_facts(features).classifies:
        able = ", ".join(name for name, f in NETWORKS.items() if f.classifies)
        raise InputError(
            f"the metric is needs class logits, and {features} gives none; "
            f"leave it out, or use the features of {able}"
        )


def named_metrics(config: Config, features: str) -> tuple[str, ...]:
    """Check a configuration and return the metrics that it names, each once; "all" stays.

    Raises:
        InputError: a metric or network is unknown, the network does not allow the metric, or a
            number is out of range.
    """
    _check_numbers(config)
    facts = network_facts(features)
    if config.metrics is None:
        return ("fid", "is") if facts.classifies else ("fid",)
    if not config.metrics:
        raise InputError(f"no metric is named; known: {', '.join((*METRICS, ALL))}")
    named = [name if name == ALL else require_known(name) for name in config.metrics]
    _check_logits(tuple(named), features)
    return tuple(dict.fromkeys(named))


def wanted_metrics(config: TrainingMetricConfig) -> tuple[str, ...]:
    """Check what is wanted while training and return the metrics to take, each once.

    Raises:
        InputError: as of :func:`named_metrics`, or a metric cannot be taken while training.
    """
    able = tuple(name for name, facts in METRICS.items() if facts.while_training)
    named = named_metrics(config, config.features)
    if ALL in named:
        classifies = network_facts(config.features).classifies
        everything = tuple(m for m in able if m != "is" or classifies)
        named = tuple(dict.fromkeys(m for n in named for m in (everything if n == ALL else (n,))))
    if rest := [name for name in named if name not in able]:
        raise InputError(f"the metric {rest[0]} is not taken while training; {', '.join(able)} are")
    return named


def compares(metrics: tuple[str, ...]) -> bool:
    """Tell whether any of the metrics needs a second side."""
    return any("reals" in METRICS[metric].needs for metric in metrics)


def keeps_features(metrics: tuple[str, ...]) -> bool:
    """Tell whether any of the metrics needs each image's features, not only their moments."""
    return any(METRICS[m].of_features and m not in ("fid", "is") for m in metrics)


def least_images(metrics: tuple[str, ...], splits: int, *, judged: bool = True) -> int:
    """Return how many images a side must have for the metrics."""
    least = {"memorisation": AUDITED, "floor": HALVES, "kid_full": 3}
    least |= dict.fromkeys(MANIFOLD, NEIGHBOURS)
    if judged:
        least |= {"is": max(2, splits), "fid_infinity": FITTED, "floor": 2}
    return max(2, *(least.get(metric, 2) for metric in metrics))
