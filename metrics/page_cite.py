"""The sentence to cite: the numbers, and what a reader needs to compare them with others."""

import math
from collections.abc import Callable
from typing import Any

from stylegen.configs import to_dict
from stylegen.metrics.page_numbers import estimate, in_words
from stylegen.metrics.page_parts import plain
from stylegen.metrics.protocols import PROTOCOLS
from stylegen.metrics.report import Metric, Report
from stylegen.perceptual.names import resize_of

_MOST = 4  # metrics of a sentence
_FULL = "fid50k"  # protocols of this name take so many images of folders, too
_DRAWN = ("samples", "psi", "noise", "labels", "seed", "quantisation")
_DEVIATION: dict[str, Callable[[Any], str]] = {  # by field of a protocol
    "samples": lambda v: f"{v:,} samples",
    "network": lambda v: f"features {v}",
    "resize": lambda v: f"resize {'its own' if v is None else v}",
    "reals": lambda v: "all reals" if v is None else f"{v:,} reals",
    "mirror": lambda v: f"reals {'' if v else 'not '}mirrored",
    "psi": lambda v: f"psi {plain(v)}",
    "noise": lambda v: f"noise {v}",
    "labels": lambda v: f"classes {'as in the data' if v == 'data' else v}",
    "seed": lambda v: f"seed {plain(v)}",
    "quantisation": lambda v: f"quantisation {v}",
    "divisor": lambda v: f"covariance divisor {v}",
    "arithmetic": lambda v: f"arithmetic {v}",
}


def images_words(metric: Metric) -> str:
    """Return how many images of each side a metric is of."""
    return " against ".join(f"{n:,}" for n in metric.images.values())


def value_words(key: str, metric: Metric) -> str:
    """Return words in place of an infinite value; empty: it has none."""
    of_pairs = key.startswith("psnr") and any(metric.images.values())
    return "all pairs are equal" if of_pairs and not math.isfinite(metric.value) else ""


def _cited(key: str, metric: Metric) -> str:
    """Write a value; ± is a standard error here, and other deviations are named."""
    if words := value_words(key, metric):
        return f"{metric.name}: {words}"
    if metric.error is not None or metric.std is None:
        return f"{metric.name} {in_words(metric.value, metric.error)}"
    value, spread = estimate(metric.value, metric.std)
    over = f" over {metric.std_over}" if metric.std_over else ""
    return f"{metric.name} {value}" + (f" (standard deviation{over} {spread})" if spread else "")


def _deviations(report: Report, name: str) -> list[str]:
    """Return what is not as the protocol of a name has it."""
    wanted, taken = to_dict(PROTOCOLS[name]), report.protocol
    if taken.get("network", wanted["network"]) != wanted["network"]:
        wanted["resize"] = resize_of(taken["network"])  # goes with the network
    drawn = "samples" in taken
    fields = [f for f in _DEVIATION if f in taken and (drawn or f not in _DRAWN)]
    found = [_DEVIATION[f](taken[f]) for f in fields if taken[f] != wanted[f]]
    counts = [m.images["a"] for m in report.metrics.values() if "a" in m.images]
    if not drawn and name.startswith(_FULL) and counts and counts[0] != wanted["samples"]:
        found.insert(0, f"{counts[0]:,} images")
    return found


def _settings(report: Report) -> list[str]:
    name = report.protocol.get("name") or report.protocol.get("protocol")
    deviations = _deviations(report, name) if name in PROTOCOLS else []
    but = f" but {', '.join(deviations)}" if deviations else ""
    settings = [f"protocol {plain(name)}{but}"] if name is not None else []
    known = {
        "psi": report.protocol.get("psi"),
        "seed": report.protocol.get("seed"),
        "features": report.features.get("name"),
    }
    said = [f"{key} {plain(value)}" for key, value in known.items() if value is not None]
    return settings + [words for words in said if words not in deviations]


def citation(report: Report) -> str:
    """Return one sentence that says what a reader needs to compare the numbers."""
    cited = list(report.metrics.items())[:_MOST]
    metrics = ", ".join(_cited(key, metric) for key, metric in cited)
    counts = [f"{images_words(metric)} images" for _, metric in cited[:1]]
    digests = [
        f"{words} {str(facts['sha256'])[:12]}"
        for words, facts in zip(("of", "against"), report.sides.values(), strict=False)
        if facts.get("sha256")
    ]
    program = f"stylegen {report.environment.get('stylegen')}"
    return f"{metrics} ({'; '.join([*counts, *_settings(report), *digests, program])})."
