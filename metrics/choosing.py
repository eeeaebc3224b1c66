"""Which metrics can be taken of two sides, and why the others cannot.

Of "all", what cannot be taken is left out, with the reason; what was asked for by name is refused.
"""

from collections.abc import Callable
from typing import NamedTuple

from stylegen.errors import InputError
from stylegen.metrics.catalogue import ALL, METRICS, PATH_LENGTHS, Need
from stylegen.metrics.config import least_images
from stylegen.metrics.infinity import IMAGES_PER_DIMENSION, is_enough
from stylegen.metrics.path_length import compared_px
from stylegen.metrics.sides import ImagesSide, Side
from stylegen.metrics.sides_drawn import SnapshotSide
from stylegen.perceptual.names import NETWORKS, network_facts

_PAIRS = 2  # of images that a mean over pairs is taken of


class Situation(NamedTuple):
    """What there is to take metrics on.

    Attributes:
        names: of the sides, by "a" and "against".
        a: the judged side.
        against: the other; None: a file of reference statistics.
        reals: images that the reference was made of; None: not known.
        features: name of the feature network.
        splits: parts over which the Inception Score is averaged.
        lpips: returns why the perceptual distance cannot be had; None: it can.
        least_px: shortest side of images that the perceptual distance takes.
        crop: path lengths are of the images' middle.
    """

    names: dict[str, str]
    a: Side
    against: Side | None
    reals: int | None
    features: str
    splits: int
    lpips: Callable[[], str | None]
    least_px: int = 1
    crop: bool = False


def _images(s: Situation) -> str | None:
    if s.against is None:
        return f"needs images on the other side, and {s.names['against']} holds statistics alone"
    return None


def _logits(s: Situation) -> str | None:
    if network_facts(s.features).classifies:
        return None
    able = ", ".join(name for name, facts in NETWORKS.items() if facts.classifies)
    return (
        f"needs class logits, and {s.features} gives none; leave it out, or use the features "
        f"of {able}"
    )


def _labels(s: Situation) -> str | None:
    for key, side in (("a", s.a), ("against", s.against)):
        if side is not None and not side.class_names:
            return f"needs classes on both sides, and {s.names[key]} has none"
    if s.against is not None and len(s.a.class_names) != len(s.against.class_names):
        return (
            f"needs the same classes on both sides, not the {len(s.a.class_names)} of "
            f"{s.names['a']} and the {len(s.against.class_names)} of {s.names['against']}"
        )
    return None


def _drawn(s: Situation) -> str | None:
    if isinstance(s.a, SnapshotSide):
        return None
    return f"needs a snapshot to draw from, and {s.names['a']} is none"


def _lpips(s: Situation) -> str | None:
    reason = s.lpips()
    return None if reason is None else f"needs the weights of LPIPS: {reason}"


def _pairs(s: Situation) -> str | None:
    if not (isinstance(s.a, ImagesSide) and isinstance(s.against, ImagesSide)):
        return "needs files on both sides, paired by their names"
    both = set(s.a.chosen) & set(s.against.chosen)
    if len(both) >= _PAIRS:
        return None
    return (
        f"needs at least {_PAIRS} files of the same names on both sides, and {s.names['a']} and "
        f"{s.names['against']} have {len(both)}"
    )


_TESTS: dict[Need, Callable[[Situation], str | None]] = {
    "reals": lambda _: None,
    "images": _images,
    "logits": _logits,
    "labels": _labels,
    "drawn": _drawn,
    "lpips": _lpips,
    "pairs": _pairs,
    "training": lambda _: None,
}


def _too_few(metric: str, s: Situation) -> str | None:
    counts = {"a": s.a.count, "against": s.reals if s.against is None else s.against.count}
    for key, count in counts.items():
        if key == "against" and "reals" not in METRICS[metric].needs:
            continue
        least = least_images((metric,), s.splits, judged=key == "a")
        if count is not None and count < least:
            return (
                f"needs at least {least} images, and {s.names[key]} has {count} usable images: "
                "nothing can be said of fewer"
            )
    return None


def _too_small(metric: str, s: Situation) -> str | None:
    if "lpips" not in METRICS[metric].needs:
        return None
    crops = s.crop and metric in PATH_LENGTHS
    side = compared_px(s.a.size, crops) if metric in PATH_LENGTHS else min(s.a.size)
    if side >= s.least_px:
        return None
    middle = ", as the middle that --crop leaves of them," if crops else ""
    return (
        f"needs images of at least {s.least_px} px for LPIPS, and those of {s.names['a']}{middle} "
        f"have {side}: another --lpips may take less"
    )


def _unsound(metric: str, s: Situation) -> str | None:
    """Return why a metric would mislead, where it is not asked for by name."""
    dim = network_facts(s.features).dim
    if metric != "fid_infinity" or dim is None or is_enough(s.a.count, dim):
        return None
    return (
        f"needs at least {IMAGES_PER_DIMENSION * dim:,} images, {IMAGES_PER_DIMENSION} for each of "
        f"the {dim:,} features, and {s.names['a']} has {s.a.count:,}: with fewer it may be far off"
    )


def why_not(metric: str, s: Situation) -> str | None:
    """Return why a metric cannot be taken, as the end of a sentence; None: it can."""
    for need in METRICS[metric].needs:
        if need != "lpips" and (reason := _TESTS[need](s)) is not None:
            return reason
    reason = _too_few(metric, s) or _too_small(metric, s)
    return _lpips(s) if reason is None and "lpips" in METRICS[metric].needs else reason


def chosen_metrics(named: tuple[str, ...], s: Situation) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the metrics to take, and why others of "all" are not taken.

    Raises:
        InputError: a metric that is asked for by name cannot be taken, or nothing can be.
    """
    left_out: dict[str, str] = {}
    everything = [m for m, facts in METRICS.items() if facts.in_all] if ALL in named else []
    for metric in everything:
        if metric not in named and (reason := why_not(metric, s) or _unsound(metric, s)):
            left_out[metric] = f"{metric} {reason}"
    for metric in named:
        if metric != ALL and (reason := why_not(metric, s)) is not None:
            raise InputError(f"the metric {metric} {reason}")
    asked = [m for n in named for m in (everything if n == ALL else (n,)) if m not in left_out]
    if not asked:
        raise InputError(f"no metric can be taken: {'; '.join(left_out.values())}")
    return tuple(dict.fromkeys(asked)), left_out
