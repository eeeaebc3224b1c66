"""A report: what was measured, on what, how, and with which programs; plain values and pictures."""

import importlib.metadata
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import torch

from stylegen.metrics.report_plain import plain_of
from stylegen.metrics.report_sections import SECTIONS, Sections
from stylegen.metrics.sides import Shown

SCHEMA_VERSION = 2
_PROGRAMS = ("stylegen", "torch", "torchvision", "torch-fidelity", "numpy", "pillow", "safetensors")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number and what it means.

    Attributes:
        name: for people: "FID", "FD (demo)", "IS".
        value: the headline number; one that is not finite is written as null.
        unit: of the value.
        better: "lower" or "higher".
        images: number of images used, by side.
        std: standard deviation, and over_what it is taken.
        std_over: what the deviation is taken over.
        error: standard error: how far the value would move with other images; of which side, says
            error_kind.
        error_kind: how it was found: "block jackknife over 10 blocks of samples".
        corrected: the value less its estimated bias. Never the headline.
        interval: of 95 %, low and high: around ``corrected`` if there is one, else ``value``.
        pseudo_values: of the jackknife, one of each block of samples, in order; two reports of the
            same draws are compared by them.
        protocol: name of the protocol that it was taken by; None: the report's.
        reason: why the value is not finite, in words.
    """

    name: str
    value: float
    unit: str
    better: str
    images: dict[str, int]
    std: float | None = None
    std_over: str | None = None
    error: float | None = None
    error_kind: str | None = None
    corrected: float | None = None
    interval: tuple[float, float] | None = None
    pseudo_values: tuple[float, ...] | None = None
    protocol: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that an evaluation found, to be written by :func:`write_report`.

    Attributes:
        metrics: by key: "fid", "fd_demo", "is", ...
        protocol: how the numbers were taken; plain values.
        features: the feature network; plain values.
        sides: "a" and "against": where the images come from; plain values.
        notes: what a reader should know before citing a number.
        seconds: wall time by stage.
        environment: programs and machine.
        created: time, UTC, ISO 8601.
        shown: pictures of "a" and "against".
        draws: which random draws the images of "a" come from, as a digest of seed, count, classes
            and noise: reports with the same one can be compared sample by sample. None: they are
            not drawn.
        sections: everything else that was found, and why the rest was not.
    """

    metrics: dict[str, Metric]
    protocol: dict[str, Any]
    features: dict[str, Any]
    sides: dict[str, dict[str, Any]]
    notes: tuple[str, ...]
    seconds: dict[str, float]
    environment: dict[str, Any]
    created: str
    shown: dict[str, Shown]
    draws: str | None = None
    sections: Sections = field(default_factory=Sections)

    def to_dict(self) -> dict[str, Any]:
        """Return the report without pictures as plain values for JSON.

        Every key is always there: what was not taken is null, and so is every number that is not
        finite; "undefined" lists where the latter stand, and why. docs/report.md says what each
        key means.
        """
        values = {
            "schema_version": SCHEMA_VERSION,
            "created": self.created,
            "metrics": self.metrics,
            "draws": self.draws,
            "protocol": self.protocol,
            "features": self.features,
            "sides": self.sides,
            "notes": self.notes,
            "sections": {name: getattr(self.sections, name) for name in SECTIONS},
            "not_taken": self.sections.not_taken,
            "wall_time_sec": self.seconds,
            "environment": self.environment,
        }
        plain, undefined = plain_of(values)
        reasons = {f"metrics.{key}.value": m.reason for key, m in self.metrics.items() if m.reason}
        listed = [{"where": w, "reason": reasons.get(w, why)} for w, why in undefined]
        return {**plain, "undefined": listed}


def _version(program: str) -> str | None:
    try:
        return importlib.metadata.version(program)
    except importlib.metadata.PackageNotFoundError:
        return None


def environment(device: torch.device) -> dict[str, Any]:
    """Return versions of programs and what the numbers were computed on."""
    cuda = device.type == "cuda"
    return {
        **{program: _version(program) for program in _PROGRAMS},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if cuda else str(device),
        "threads": torch.get_num_threads(),
    }


def now() -> str:
    """Return the time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
