"""What this machine has and what stylegen makes of it: nothing is built, fetched or changed.

The findings are plain values, ready for JSON.
"""

import contextlib
import importlib
import os
import platform
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

import torch

from stylegen.devices import bfloat16_units, choose_precision, precision_name
from stylegen.files import cache_folder
from stylegen.ops import build
from stylegen.ops.cache import build_folder, cached_builds
from stylegen.ops.compile import LOG, find_ninja, last_error
from stylegen.ops.dispatch import VARIABLE, Impl
from stylegen.ops.host_compiler import find_host_compiler
from stylegen.ops.recipe import Kind
from stylegen.ops.toolkit import find_toolkit
from stylegen.perceptual.locating import weights_words
from stylegen.perceptual.names import NETWORKS
from stylegen.version import __version__

OPERATORS: dict[str, tuple[Kind, ...]] = {  # with kernels of these kinds
    "bias_act": ("cpu", "cuda"),
    "upfirdn2d": ("cpu", "cuda"),
    "epilogue": ("cpu", "cuda"),
    "conv2d": ("cpu",),
    "weights": ("cpu",),
}
_PACKAGES = ("torchvision", "torch_fidelity")
Findings = dict[str, Any]


def _package(name: str) -> str:
    """Return a package's version, and what is wrong with it."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
    with warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a package that does not fit raises
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            return f"{version}, does not load: {reason}"
    return version


def _versions() -> Findings:
    backend: Any = torch.backends.cudnn
    cudnn = backend.version() if backend.is_available() else None
    return {
        "stylegen": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        **{name: _package(name) for name in _PACKAGES},
        "cuda": torch.version.cuda,
        "cudnn": None if cudnn is None else str(cudnn),
        "system": platform.platform(),
    }


def _devices() -> list[torch.device]:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [torch.device("cuda", i) for i in range(count)]
    mps = [torch.device("mps")] if torch.backends.mps.is_available() else []
    return [torch.device("cpu"), *gpus, *mps]


def _about(device: torch.device) -> str:
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        return f"{found.name}, {found.total_memory / 2**30:.0f} GiB"
    if device.type == "cpu":
        name = torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
        return f"{name}, {os.cpu_count()} processors"
    return platform.machine()


def _device(device: torch.device) -> Findings:
    units = bfloat16_units(device)
    return {
        "device": str(device),
        "about": _about(device),
        "precision": precision_name(choose_precision("auto", device)),
        "why": f"it has {units}" if units else "it has no units for bfloat16",
    }


def _without_cuda() -> str | None:
    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return "the installed torch is built without CUDA"
    return "torch finds no CUDA device"


def _kernels(kind: Kind) -> Findings:
    """Tell whether there are kernels of a kind: built, to be built, failed or impossible."""
    try:
        recipe = build.recipe_for(kind)
        find_ninja()
    except RuntimeError as error:
        return {"kind": kind, "state": "impossible", "why": str(error)}
    library = build.library_path(recipe)
    if library.is_file():
        return {"kind": kind, "state": "built", "why": f"lie in {library}"}
    if (log := library.with_name(LOG)).is_file():
        text = last_error(log.read_text(errors="replace"))
        return {"kind": kind, "state": "failed", "why": f"{text} (all of it in {log})"}
    return {"kind": kind, "state": "to build", "why": f"on first use, by {recipe.compilers}"}


_SAID = {
    "built": "compiled kernels, which {why}",
    "to build": "compiled kernels, to be built {why}",
    "failed": "compiled kernels are tried again, but the last build failed: {why}",
    "impossible": "torch operations, since kernels cannot be built: {why}",
}


def _runs(name: str, kernels: Findings | None, forced: str | None) -> str:
    """Tell what an operator runs on a device, and why."""
    if forced == "reference":
        return f"plain torch, forced by {VARIABLE}"
    if kernels is None:
        return "plain torch, since the operators have no code of their own for this device"
    if forced in get_args(Kind) and forced != kernels["kind"]:
        return f"an error, since {VARIABLE} is {forced}"
    if kernels["kind"] not in OPERATORS[name]:
        return "torch operations, since there is no kernel of it for this device"
    return _SAID[kernels["state"]].format(why=kernels["why"])


def _operators(device: str, kernels: Findings | None, forced: str | None) -> list[Findings]:
    return [
        {"operator": name, "device": device, "runs": _runs(name, kernels, forced)}
        for name in OPERATORS
    ]


def _problems(forced: str | None, kernels: dict[str, Findings]) -> list[str]:
    """Return what was forced and cannot work."""
    if forced is not None and forced not in get_args(Impl):
        return [f"{VARIABLE} is {forced!r}; wanted one of {', '.join(get_args(Impl))}"]
    found = kernels.get(forced or "")
    if found and found["state"] in ("failed", "impossible"):
        return [f"{VARIABLE} is {forced}, but its kernels cannot be had: {found['why']}"]
    return []


def _compilers() -> list[Findings]:
    found: list[Findings] = []
    try:
        host = find_host_compiler()
        flags = " ".join(host.flags) or "without -march=native and -fopenmp"
        values = {"path": host.command[0], "version": host.version, "origin": host.origin}
        found.append({"language": "C++", **values, "flags": flags})
    except RuntimeError as error:
        found.append({"language": "C++", "problem": str(error)})
    try:
        cuda = find_toolkit()
        values = {"path": str(cuda.nvcc), "version": cuda.version, "origin": cuda.origin}
        found.append({"language": "CUDA", **values})
    except RuntimeError as error:
        found.append({"language": "CUDA", "problem": str(error)})
    return found


def _is_writable(folder: Path) -> bool:
    """Tell whether a folder can be written, or made, as far as permissions say."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _cache() -> Findings:
    builds = cached_builds()
    return {
        "folder": str(build_folder()),
        "writable": _is_writable(build_folder()),
        "builds": len(builds),
        "size_bytes": sum(found.size_bytes for found in builds),
    }


def _weights() -> list[Findings]:
    demo = sorted(cache_folder().glob("demo-features-*.safetensors"))
    said = {
        "custom": "named by --features-weights FILE",
        "demo": f"found: {demo[-1]}" if demo else f"absent: fitted once, to {cache_folder()}",
    }
    return [
        {"network": name, "weights": said.get(name) or weights_words(name)} for name in NETWORKS
    ]


def _threads() -> Findings:
    return {
        "torch": torch.get_num_threads(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "processors": os.cpu_count(),
    }


def examine() -> Findings:
    """Look at this machine.

    Returns:
        Plain values by topic; "problems" lists what was forced by STYLEGEN_OPS and cannot work.
    """
    forced = os.environ.get(VARIABLE) or None
    kernels = {kind: _kernels(kind) for kind in get_args(Kind)}
    devices = _devices()
    return {
        "versions": _versions(),
        "devices": [_device(device) for device in devices],
        "without_cuda": _without_cuda(),
        "forced": forced,
        "kernels": list(kernels.values()),
        "operators": [
            row
            for device in devices
            for row in _operators(str(device), kernels.get(device.type), forced)
        ],
        "compilers": _compilers(),
        "cache": _cache(),
        "weights": _weights(),
        "threads": _threads(),
        "problems": _problems(forced, kernels),
    }
