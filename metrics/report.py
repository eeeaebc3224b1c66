"""A report: what was measured, on what, how, and with which programs; plain values and pictures."""

import importlib.metadata
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch

from stylegen.metrics.sides import Shown

SCHEMA_VERSION = 1
_PROGRAMS = ("stylegen", "torch", "torchvision", "torch-fidelity", "numpy", "pillow", "safetensors")


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number and what it means.

    Attributes:
        name: for people: "FID", "FD (demo)", "IS".
        value: finite.
        unit: of the value.
        better: "lower" or "higher".
        images: number of images used, by side.
        std: standard deviation, and over_what it is taken.
        std_over: what the deviation is taken over.
    """

    name: str
    value: float
    unit: str
    better: str
    images: dict[str, int]
    std: float | None = None
    std_over: str | None = None


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

    def to_dict(self) -> dict[str, Any]:
        """Return the report without pictures as plain values for JSON."""
        metrics = {
            key: {k: v for k, v in vars(metric).items() if v is not None}
            for key, metric in self.metrics.items()
        }
        return {
            "schema_version": SCHEMA_VERSION,
            "created": self.created,
            "metrics": metrics,
            "protocol": self.protocol,
            "features": self.features,
            "sides": self.sides,
            "notes": list(self.notes),
            "wall_time_sec": self.seconds,
            "environment": self.environment,
        }


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
