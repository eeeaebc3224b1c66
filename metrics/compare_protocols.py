"""Whether the numbers of two reports can be compared at all, and why not. Free of torch.

Works on what report.json holds: fields that stand in one report only, or differ, keep the metrics
that depend on them from being compared. So does an unknown digest of the images compared with; how
these were read may be unknown, which is noted.
"""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from stylegen.configs import from_dict, to_dict
from stylegen.errors import InputError
from stylegen.metrics.protocols import Protocol, differences
from stylegen.perceptual.names import resize_of

# Draws, counts and backgrounds are looked at apart; held-out images concern the audit alone.
_NEUTRAL = {"name", "seed", "batch", "samples", "digest", "background", "held_out_sha256"}
_OF_REALS = ("reals", "mirror", "mirrored", "seed_against")
_BY_SIDE = {"psi", "noise", "labels", "classes", "quantisation"}
_AS_READ = {  # fields of a side
    "resolution_px": "size in pixels",
    "resize": "resize",
    "channels": "number of channels",
    "background": "background behind transparent pixels",
}
_MAY_BE_UNKNOWN = ("resize", "background")  # to be noted: sizes show in the judged side
_FIELDS = {f.name for f in dataclasses.fields(Protocol)}
_ONE_SIDED = ("is", "ppl")
_BIASED = ("fid", "fd", "is", "precision", "recall", "density", "coverage")
_UNBIASED = ("fid_infinity", "fd_infinity")
_OF_FEATURES = ("fid", "fd", "kid", "is", "precision", "recall", "density", "coverage")
_OWN_FIELDS = {  # beginnings of fields that matter to metrics of these beginnings only
    "divisor": ("fid", "fd"), "covariance": ("fid", "fd"), "kernel": ("kid",),
    "inception_score": ("is",), "network": _OF_FEATURES, "resize": _OF_FEATURES,
    "arithmetic": _OF_FEATURES, "lpips": ("ppl", "lpips"), "path_": ("ppl",), "crop": ("ppl",),
}  # fmt: skip

_ALWAYS_TOLD = ("lpips", "path_", "crop")  # fields without which their metrics mean little

_SHORT = {
    "sides.against.sha256": "compared images", "features.name": "feature network",
    "features.weights_sha256": "network's weights", "protocol.lpips": "LPIPS network",
    "protocol.lpips_weights_sha256": "LPIPS weights",
}  # fmt: skip


class Obstacle(NamedTuple):
    """Why two reports' numbers cannot be compared.

    Attributes:
        field: that differs, as report.json names it: "protocol.psi".
        why: one sentence.
        metrics: beginnings of the keys of the metrics that it concerns; (): all of them.
        one_sided: it concerns metrics of one side's images, too.
        known: it differs; False: whether it does is not known.
    """

    field: str
    why: str
    metrics: tuple[str, ...] = ()
    one_sided: bool = True
    known: bool = True

    @property
    def short(self) -> str:
        """What differs, in few words; what may differ ends with "unknown"."""
        if self.field.startswith("metrics."):
            return "number of images"
        name = self.field.split(".", 2 if self.field.startswith("sides.") else 1)[-1]
        words = _SHORT.get(self.field, name.replace("_", " "))
        return words if self.known else f"{words} unknown"

    def concerns(self, key: str) -> bool:
        """Tell whether a metric depends on the field."""
        if not self.one_sided and key.startswith(_ONE_SIDED):
            return False
        return not self.metrics or key.startswith(self.metrics)


def _part(report: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        report = report.get(name) or {}
    return report


def _with(field: str, value: Any) -> Protocol:
    """Return a protocol of which one field is given.

    Raises:
        InputError: this version does not know the value.
    """
    changes = {field: value}
    if field == "network":
        changes["resize"] = resize_of(str(value))
    return from_dict(Protocol, {**to_dict(Protocol()), **changes}, "protocol")


def _reason(field: str, here: Any, there: Any) -> str:
    """Say what the difference of a field means; where that is not known, how it differs."""
    name = "divisor" if field == "covariance_divisor" else field
    with contextlib.suppress(InputError):
        if name in _FIELDS and (found := differences(_with(name, here), _with(name, there))):
            return found[0]
    return f"{field} is {_said(here)} here and {_said(there)} there."


def _said(value: Any) -> str:
    return "not given" if value is None else str(value)


def _own(field: str) -> tuple[str, ...]:
    return next((m for start, m in _OWN_FIELDS.items() if field.startswith(start)), ())


def _protocol_obstacles(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Obstacle]:
    first, second = _part(a, "protocol"), _part(b, "protocol")
    kinds = [_part(report, "sides", "a").get("kind") for report in (a, b)]
    passed = _NEUTRAL | (_BY_SIDE if kinds[0] != kinds[1] else set())
    found = []
    for field in dict.fromkeys((*first, *second)):
        here, there = first.get(field), second.get(field)
        in_one = field not in first or field not in second
        not_taken = bool(_own(field)) and in_one and not field.startswith(_ALWAYS_TOLD)
        if field not in passed and here != there and not not_taken:
            one_sided = field not in _OF_REALS
            why = _reason(field, here, there)
            found.append(Obstacle(f"protocol.{field}", why, _own(field), one_sided))
    return found


def _feature_obstacles(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Obstacle]:
    first, second = _part(a, "features"), _part(b, "features")
    found = []
    for field, words in (
        ("name", "feature networks"),
        ("weights_sha256", "feature network's weights"),
    ):
        if first.get(field) != second.get(field):
            why = (
                f"The {words} differ ({_said(first.get(field))[:16]} here, "
                f"{_said(second.get(field))[:16]} there): these are different quantities."
            )
            found.append(Obstacle(f"features.{field}", why, _OF_FEATURES))
    return found[:1]


def _images_digest(facts: Mapping[str, Any]) -> str | None:
    """Return the digest of a side's images; of statistics that of what they were taken of."""
    own = None if facts.get("kind") == "reference" else facts.get("sha256")
    return facts.get("data_sha256") or own


def _same_file(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return first.get("sha256") is not None and first.get("sha256") == second.get("sha256")


def _same_images(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool | None:
    """Tell whether two sides are the same images; None: it is not known."""
    if _same_file(first, second):
        return True
    digests = [_images_digest(facts) for facts in (first, second)]
    return None if None in digests else digests[0] == digests[1]


def _reference_obstacles(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Obstacle]:
    first, second = (_part(report, "sides", "against") for report in (a, b))
    same = _same_images(first, second)
    if same:
        return []
    paths = f"({_said(first.get('path'))} here, {_said(second.get('path'))} there)"
    why = f"They are compared with different images {paths}."
    if same is None:
        why = f"Whether they are compared with the same images is not known {paths}."
    return [Obstacle("sides.against.sha256", why, one_sided=False, known=same is not None)]


def _as_read(report: Mapping[str, Any], side: str) -> dict[str, Any]:
    """Return how a side's images were read, as far as that is known."""
    facts = _part(report, "sides", side)
    told = {field: facts.get(field) for field in _AS_READ}
    if told["background"] is None and facts.get("kind") == "images":
        told["background"] = _part(report, "protocol").get("background")
    return told


def _never_resized(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Tell whether one of two sides needed no resize, and the other is the same at that size."""
    alike = _same_file(a, b) and a.get("resolution_px") == b.get("resolution_px")
    return alike and any(str(facts.get("resize")).startswith("none") for facts in (a, b))


def _side_obstacles(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Obstacle]:
    """Return what differs in how images were read; what one side does not tell is passed over."""
    found: dict[str, Obstacle] = {}
    for side, whose in (("a", "evaluated images"), ("against", "images compared with")):
        first, second = _as_read(a, side), _as_read(b, side)
        for field, words in _AS_READ.items():
            here, there = first[field], second[field]
            alike = field == "resize" and _never_resized(
                _part(a, "sides", side), _part(b, "sides", side)
            )
            if field not in found and None not in (here, there) and here != there and not alike:
                why = (
                    f'The {words} of the {whose} is "{here}" here and "{there}" there: that '
                    "alone moves distances, by as much as a better network does."
                )
                found[field] = Obstacle(f"sides.{side}.{field}", why, one_sided=side == "a")
    return list(found.values())


def unknowns(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Say what is not known of the images that two reports compare with, though they are the same.

    Args:
        a: a report as report.json holds it.
        b: another.
    """
    first, second = (_part(report, "sides", "against") for report in (a, b))
    kinds = first.get("kind") == second.get("kind")
    if not _same_images(first, second) or (_same_file(first, second) and kinds):
        return []
    told = [_as_read(report, "against") for report in (a, b)]
    return [
        f"The {_AS_READ[field]} of the images compared with is known of "
        f"{'neither report' if told[0][field] == told[1][field] else 'one report only'}: if it "
        "differs, so do the numbers."
        for field in _MAY_BE_UNKNOWN
        if None in (told[0][field], told[1][field])
    ]


def obstacles(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Obstacle]:
    """Return why numbers of two reports cannot be compared, the weightiest reasons first.

    Args:
        a: a report as report.json holds it, called "here".
        b: another, called "there".
    """
    return [
        *_feature_obstacles(a, b),
        *_reference_obstacles(a, b),
        *_side_obstacles(a, b),
        *_protocol_obstacles(a, b),
    ]


def count_obstacle(key: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Obstacle | None:
    """Return why a metric of different numbers of images cannot be compared, if it cannot.

    Args:
        key: of the metric.
        a: the metric as one report.json holds it.
        b: as another does.
    """
    if a.get("images") == b.get("images"):
        return None
    if key.startswith(_UNBIASED) or not key.startswith(_BIASED):
        return None
    counts = [" against ".join(f"{n:,}" for n in m.get("images", {}).values()) for m in (a, b)]
    other = ", or compare the bias-corrected values" if key.startswith(("fid", "fd")) else ""
    why = (
        f"{a.get('name', key)} is of {counts[0]} images here and of {counts[1]} there, and its "
        f"value moves with their number: take it on as many{other}."
    )
    return Obstacle(f"metrics.{key}.images", why, (key,))
