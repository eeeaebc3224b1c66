"""Whether the numbers of two reports can be compared at all, and why not. Free of torch.

Works on what report.json holds: fields that stand in one report only, or differ, keep the metrics
that depend on them from being compared.
"""

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from stylegen.configs import from_dict, to_dict
from stylegen.errors import InputError
from stylegen.metrics.protocols import Protocol, differences
from stylegen.perceptual.names import resize_of

_NEUTRAL = {"name", "seed", "batch", "samples", "digest"}  # draws and counts are looked at apart
_BY_SIDE = {"psi", "noise", "labels", "classes", "quantisation", "background"}
_FIELDS = {f.name for f in dataclasses.fields(Protocol)}
_ONE_SIDED = ("is", "ppl")
_BIASED = ("fid", "fd", "is", "precision", "recall", "density", "coverage")
_UNBIASED = ("fid_infinity", "fd_infinity")
_OF_FEATURES = ("fid", "fd", "kid", "is", "precision", "recall", "density", "coverage")
_OWN_FIELDS = {  # beginnings of fields that matter to metrics of these beginnings only
    "divisor": ("fid", "fd"), "covariance": ("fid", "fd"), "kernel": ("kid",),
    "inception_score": ("is",), "network": _OF_FEATURES, "resize": _OF_FEATURES,
    "arithmetic": _OF_FEATURES,
}  # fmt: skip

_SHORT = {
    "sides.against.sha256": "compared images", "features.name": "feature network",
    "features.weights_sha256": "network's weights",
}  # fmt: skip


class Obstacle(NamedTuple):
    """Why two reports' numbers cannot be compared.

    Attributes:
        field: that differs, as report.json names it: "protocol.psi".
        why: one sentence.
        metrics: beginnings of the keys of the metrics that it concerns; (): all of them.
        one_sided: it concerns metrics of one side's images, too.
    """

    field: str
    why: str
    metrics: tuple[str, ...] = ()
    one_sided: bool = True

    @property
    def short(self) -> str:
        """What differs, in few words."""
        if self.field.startswith("metrics."):
            return "number of images"
        return _SHORT.get(self.field, self.field.split(".", 1)[1].replace("_", " "))

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
        not_taken = bool(_own(field)) and (field not in first or field not in second)
        if field not in passed and here != there and not not_taken:
            one_sided = field not in ("reals", "mirror", "mirrored")
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


def _reference_obstacles(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Obstacle]:
    first, second = (_part(report, "sides", "against") for report in (a, b))
    if first.get("sha256") == second.get("sha256"):
        return []
    why = (
        f"They are compared with different images ({_said(first.get('path'))} here, "
        f"{_said(second.get('path'))} there)."
    )
    return [Obstacle("sides.against.sha256", why, one_sided=False)]


def obstacles(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Obstacle]:
    """Return why numbers of two reports cannot be compared, the weightiest reasons first.

    Args:
        a: a report as report.json holds it, called "here".
        b: another, called "there".
    """
    return [
        *_feature_obstacles(a, b),
        *_reference_obstacles(a, b),
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
