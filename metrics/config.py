"""What is evaluated, and how. Free of torch: the command line takes its defaults from here."""

from dataclasses import dataclass
from typing import Literal

from stylegen.data.config import DataConfig, Filter
from stylegen.errors import InputError
from stylegen.perceptual.names import NETWORKS, network_facts

METRICS = {
    "fid": "Frechet distance between the Gaussian fits of two sets' features",
    "is": "Inception Score: how sure and how varied a classifier finds one set's images",
}


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """An evaluation of one side against another.

    Each side is a snapshot (.safetensors), a folder of images, or a zip of them.

    Attributes:
        a: the side that is judged; one-sided metrics are taken on it.
        against: the side that it is compared with.
        metrics: "fid", "is"; None: all that the feature network allows.
        samples: images to draw from a snapshot.
        max_images: of a folder or zip take at most this many, chosen by the seed; None: all.
        features: name of the feature network.
        weights: its weights file; None: the network's own cache.
        seed: of latents, classes, layer noise, and of the choice of images.
        psi: truncation of a snapshot's samples; 1 is none.
        noise: a snapshot's layer noise, drawn anew or the stored one.
        batch: images at a time.
        device: "auto" takes a GPU when there is one.
        resolution: size in pixels that folders and zips are read at; None: a snapshot's, or
            their own when both agree.
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
    resolution: int | None = None
    filter: Filter = DataConfig.filter
    background: str = "white"
    splits: int = 10


def _check_numbers(config: EvaluateConfig) -> None:
    limits = {"samples": 2, "max_images": 2, "batch": 1, "resolution": 1, "splits": 1}
    for name, least in limits.items():
        value = getattr(config, name)
        if value is not None and value < least:
            raise InputError(f"{name} is {value}; wanted at least {least}")
    if not 0 <= config.seed < 2**32:
        raise InputError(f"seed is {config.seed}; wanted 0 to {2**32 - 1}")
    if config.noise not in ("random", "const"):
        raise InputError(f"noise is {config.noise!r}; wanted random or const")


def wanted_metrics(config: EvaluateConfig) -> tuple[str, ...]:
    """Check a configuration and return the metrics to take.

    Raises:
        InputError: a metric or network is unknown, the network does not allow the metric, or a
            number is out of range.
    """
    _check_numbers(config)
    facts = network_facts(config.features)
    if config.metrics is None:
        return tuple(METRICS) if facts.classifies else ("fid",)
    if not config.metrics:
        raise InputError(f"no metric is named; known: {', '.join(METRICS)}")
    if unknown := [m for m in config.metrics if m not in METRICS]:
        raise InputError(f"no metric is called {unknown[0]!r}; known: {', '.join(METRICS)}")
    if "is" in config.metrics and not facts.classifies:
        able = ", ".join(name for name, f in NETWORKS.items() if f.classifies)
        raise InputError(
            f"the metric is needs class logits, and {config.features} gives none; "
            f"leave it out, or use the features of {able}"
        )
    return tuple(dict.fromkeys(config.metrics))
