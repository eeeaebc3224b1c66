"""What is evaluated, and how. Free of torch: the command line takes its defaults from here."""

from dataclasses import dataclass
from typing import Literal

from stylegen.data.config import DataConfig, Filter
from stylegen.data.sizes import Resolution, size_of
from stylegen.errors import InputError
from stylegen.perceptual.names import NETWORKS, network_facts

METRICS = {
    "fid": "Frechet distance between the Gaussian fits of two sets' features",
    "kid": "kernel distance: the unbiased squared MMD of two sets' features, over subsets",
    "is": "Inception Score: how sure and how varied a classifier finds one set's images",
}


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """An evaluation of one side against another.

    Each side is a snapshot (.safetensors), a folder of images, or a zip of them.

    Attributes:
        a: the side that is judged; one-sided metrics are taken on it.
        against: the side that it is compared with.
        metrics: "fid", "kid", "is"; None: "fid", and "is" where the feature network classifies.
        samples: images to draw from a snapshot.
        max_images: of a folder or zip take at most this many, chosen by the seed; None: all.
        features: name of the feature network.
        weights: its weights file; None: the network's own cache.
        seed: of latents, classes, layer noise, and of the choice of images.
        psi: truncation of a snapshot's samples; 1 is none.
        noise: a snapshot's layer noise, drawn anew or the stored one.
        batch: images at a time.
        device: "auto" takes a GPU when there is one.
        resolution: size in pixels that folders and zips are read at, a square's side or (width,
            height); None: a snapshot's, or their own when both agree.
        filter: resampling filter for resizing folders and zips.
        background: colour behind transparency.
        splits: parts over which the Inception Score is averaged.
    """

    a: str
    against: str
    metrics: tuple[str, ...] | None = None
    samples: int = 5000
    max_images: int | None = None
    features: str = "inception"
    weights: str | None = None
    seed: int = 0
    psi: float = 1.0
    noise: Literal["random", "const"] = "random"
    batch: int = 32
    device: str = "auto"
    resolution: Resolution | None = None
    filter: Filter = DataConfig.filter
    background: str = "white"
    splits: int = 10


@dataclass(frozen=True, kw_only=True)
class TrainingMetricConfig:
    """Metrics of a generator while it trains, against the images that it is trained on.

    Attributes:
        data: the images, as the run reads them. They count as they are, not mirrored.
        metrics: "fid", "kid", "is"; the first one decides which snapshot is the best.
        samples: images to draw each time, at psi 1.
        max_images: take at most this many of the real ones, chosen by the seed; None: all.
        features: name of the feature network.
        weights: its weights file; None: the network's own cache.
        seed: of latents, classes, layer noise, and of the choice of images: the same each time.
        noise: layer noise, drawn anew for each image or the stored one.
        batch: images at a time, of each process.
        splits: parts over which the Inception Score is averaged.
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


Config = EvaluateConfig | TrainingMetricConfig
_OFFICIAL_SAMPLES = 50_000


def metric_key(metric: str, features: str) -> str:
    """Return what a metric is called in files: as it is with Inception's features only."""
    if features == "inception":
        return metric
    return f"{'fd' if metric == 'fid' else metric}_{features}"


def kernel_name(features: str) -> str:
    """Name the kernel distance in a network's features, for people."""
    return "KID" if features == "inception" else f"KID ({features})"


def training_key(config: TrainingMetricConfig, metric: str) -> str:
    """Return what a metric is called in a run's statistics.

    Of 50,000 images it has the official tools' name: fid50k_full against all real images.
    """
    if config.features != "inception":
        # A plain is_demo would read as a flag among a run's statistics.
        return metric_key("inception_score" if metric == "is" else metric, config.features)
    if config.samples != _OFFICIAL_SAMPLES:
        return metric
    return f"{metric}50k" + ("_full" if metric != "is" and config.max_images is None else "")


def _check_numbers(config: Config) -> None:
    limits = {"samples": 2, "max_images": 2, "batch": 1, "splits": 1}
    for name, least in limits.items():
        value = getattr(config, name)
        if value is not None and value < least:
            raise InputError(f"{name} is {value}; wanted at least {least}")
    if not 0 <= config.seed < 2**32:
        raise InputError(f"seed is {config.seed}; wanted 0 to {2**32 - 1}")
    if config.noise not in ("random", "const"):
        raise InputError(f"noise is {config.noise!r}; wanted random or const")


def _check_names(metrics: tuple[str, ...], features: str) -> None:
    if not metrics:
        raise InputError(f"no metric is named; known: {', '.join(METRICS)}")
    if unknown := [m for m in metrics if m not in METRICS]:
        raise InputError(f"no metric is called {unknown[0]!r}; known: {', '.join(METRICS)}")
    if "is" in metrics and not network_facts(features).classifies:
        able = ", ".join(name for name, f in NETWORKS.items() if f.classifies)
        raise InputError(
            f"the metric is needs class logits, and {features} gives none; "
            f"leave it out, or use the features of {able}"
        )


def wanted_metrics(config: Config) -> tuple[str, ...]:
    """Check a configuration and return the metrics to take, each once.

    Raises:
        InputError: a metric or network is unknown, the network does not allow the metric, or a
            number is out of range.
    """
    _check_numbers(config)
    if isinstance(config, EvaluateConfig) and config.resolution is not None:
        size_of(config.resolution)
    facts = network_facts(config.features)
    if config.metrics is None:
        return ("fid", "is") if facts.classifies else ("fid",)
    _check_names(config.metrics, config.features)
    return tuple(dict.fromkeys(config.metrics))


def compares(metrics: tuple[str, ...]) -> bool:
    """Tell whether any of the metrics needs a second side."""
    return any(metric != "is" for metric in metrics)


def least_images(metrics: tuple[str, ...], splits: int) -> int:
    """Return how many images of the judged side the metrics need."""
    return max(2, splits) if "is" in metrics else 2
