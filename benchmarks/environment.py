"""The machine and the programs that a figure belongs to."""

import logging
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch
import torchvision

from stylegen.version import __version__

ROOT = Path(__file__).resolve().parents[1]


class _Choices(logging.Handler):
    """Keeps what the operators say about which implementation runs, each line once."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if line not in self.lines:
            self.lines.append(line)


_choices = _Choices()


def listen() -> None:
    """Begin to note which operators run; they say it once in a process, on their first use."""
    log = logging.getLogger("stylegen.ops.dispatch")
    if _choices not in log.handlers:
        log.addHandler(_choices)
        log.setLevel(logging.INFO)


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cpu() -> dict[str, Any]:
    able = {k: v for k, v in torch.cpu.get_capabilities().items() if v is True}
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "name": _cpu_name(),
        "cores": os.cpu_count(),
        "cores_allowed": len(affinity(0)) if affinity else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "capabilities": sorted(name for name in able if name.startswith(("avx", "amx", "sve"))),
    }


def _gpu(device: torch.device) -> dict[str, Any]:
    facts = torch.cuda.get_device_properties(device)
    return {
        "name": facts.name,
        "compute_capability": f"{facts.major}.{facts.minor}",
        "memory_gib": round(facts.total_memory / 2**30, 1),
        "multiprocessors": facts.multi_processor_count,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
    }


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def commit() -> str | None:
    """Return the commit, with "+" if files differ from it; None outside a git repository."""
    if not (head := _git("rev-parse", "--short=12", "HEAD")):
        return None
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def device_kind(device: torch.device) -> str:
    """Name the kind of device for a file's name: "cpu", or such as "nvidia-h200"."""
    if device.type != "cuda":
        return device.type
    name = torch.cuda.get_device_name(device)
    return "-".join("".join(c if c.isalnum() else " " for c in name).lower().split())


def operators() -> list[str]:
    """Return what was said so far of the operators' implementations."""
    return sorted(_choices.lines)


def environment(device: torch.device) -> dict[str, Any]:
    """Return the machine and the versions, as plain values."""
    return {
        "device": device.type,
        "cpu": _cpu(),
        "gpu": _gpu(device) if device.type == "cuda" else None,
        "system": " ".join([platform.system(), platform.machine(), *platform.libc_ver()]),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "stylegen": __version__,
        "commit": commit(),
        "stylegen_ops": os.environ.get("STYLEGEN_OPS"),
    }
