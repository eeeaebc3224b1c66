"""Sections of a report on what the numbers rest on: the files of both sides, and their origin."""

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegen.data.checking import CheckReport, check
from stylegen.data.sources import METADATA
from stylegen.metrics.report_sections import BrokenFile, Floor, Provenance, Sanity, SideSanity
from stylegen.metrics.sides import ImagesSide, Side
from stylegen.metrics.sides_drawn import SnapshotSide

_GREY_LEVELS = 3  # of 255: how far a grey picture's channels may lie apart in a small picture
_GIT_SEC = 5.0


def _filter(found: CheckReport) -> str | None:
    """Return by which filter a set says that it was made."""
    try:
        told = json.loads(found.source.extra(METADATA) or b"null")
    except ValueError:
        return None
    made = told.get("provenance") if isinstance(told, dict) else None
    if not isinstance(made, dict) or not isinstance(made.get("filter"), str):
        return None
    return f"{made['filter']}, as the set's {METADATA} says"


def _grey_share(found: CheckReport) -> float | None:
    usable = found.examination.usable
    if not len(usable):
        return None
    small = found.examination.small[usable].astype(np.int16)
    return float((np.ptp(small, axis=3).max((1, 2)) <= _GREY_LEVELS).mean())


def side_sanity(side: ImagesSide, told: Callable[[int, int], None] | None = None) -> SideSanity:
    """Look at every file of a set."""
    read = side.images.config
    found = check(read.path, read.resolution, read.background, progress=told)
    exact = sum(len(f.names) - 1 for f in found.of_kind("exact duplicates"))
    near = sum(len(f.names) - 1 for f in found.of_kind("near duplicates"))
    broken = [BrokenFile(name=f.names[0], reason=f.detail) for f in found.of_kind("broken")]
    return SideSanity(
        files=found.count,
        duplicates=exact,
        near_duplicates=near,
        sizes={f"{w}x{h}": n for (w, h), n in found.sizes.items()},
        codecs=found.formats,
        modes=found.kinds,
        grey_share=_grey_share(found),
        broken=tuple(broken),
        resize_filter=_filter(found),
    )


def _named(told: Callable[[str, int, int], None], stage: str) -> Callable[[int, int], None]:
    return lambda done, total: told(stage, done, total)


def sanity(
    sides: Mapping[str, Side], floor: Floor | None, told: Callable[[str, int, int], None],
    look: bool,
) -> Sanity | None:  # fmt: skip
    """Return what the files of both sides are, and the distance's floor; None: neither is known.

    Args:
        sides: by "a" and "against".
        floor: the distance of two halves of the real images, if it was taken.
        told: progress, by stage.
        look: look at the files.
    """
    found, known = dict[str, SideSanity](), dict[str, SideSanity]()
    for name, side in sides.items():
        if look and isinstance(side, ImagesSide):
            path = side.images.config.path
            if path not in known:
                known[path] = side_sanity(side, _named(told, f"files of {name}"))
            found[name] = known[path]
    if not found and floor is None:
        return None
    return Sanity(sides=found, floor=floor)


@functools.cache
def _git(*arguments: str) -> str | None:
    """Ask git about the program's own folder; None: it is no clone, or there is no git."""
    folder = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True,
            timeout=_GIT_SEC, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _peak_memory() -> int | None:
    try:
        import resource  # there is none on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _tracked() -> bool:
    """Tell whether the program's files are those of a clone, rather than lie beside one."""
    return bool(_git("ls-files", "--error-unmatch", str(Path(__file__).resolve())))


def provenance(
    sides: Mapping[str, Side], facts: Mapping[str, dict[str, Any]], device: torch.device,
    reference_sha256: str | None = None,
) -> Provenance:  # fmt: skip
    """Return where the numbers come from.

    Args:
        sides: by "a" and "against".
        facts: what is told of each.
        device: what was computed on.
        reference_sha256: of the file of reference statistics, if there is one.
    """
    judged = sides["a"]
    is_snapshot = isinstance(judged, SnapshotSide)
    commit = _git("rev-parse", "HEAD") if _tracked() else None
    on_gpu = device.type == "cuda"
    return Provenance(
        command=" ".join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv[0] else None,
        checkpoint_sha256=facts["a"].get("sha256") if is_snapshot else None,
        kimg=facts["a"].get("kimg") if is_snapshot else None,
        ema="the snapshot's averaged generator" if is_snapshot else None,
        dataset_sha256=facts.get("against", {}).get("sha256"),
        reference_sha256=reference_sha256,
        git_commit=commit,
        git_dirty=None if commit is None else bool(_git("status", "--porcelain", "-uno")),
        peak_memory_bytes=_peak_memory(),
        peak_gpu_memory_bytes=torch.cuda.max_memory_allocated(device) if on_gpu else None,
    )
