"""How long the kernels take to build, from a cache that holds nothing."""

import time
from pathlib import Path

from benchmarks.results import Results
from benchmarks.suites import Settings
from stylegen.errors import InputError
from stylegen.ops.build import build
from stylegen.ops.recipe import Kind


def run_build(settings: Settings, cache: Path) -> Results:
    """Build the kernels of the device, timed.

    Args:
        settings: the device.
        cache: an empty folder, or one to be made; the build stays there.

    Raises:
        InputError: the folder holds something, or the kernels cannot be built.
    """
    if cache.is_dir() and any(cache.iterdir()):
        raise InputError(f"{cache} is not empty; wanted a clean folder to build in")
    kind: Kind = "cuda" if settings.device.type == "cuda" else "cpu"
    results = settings.results("build")
    begin = time.perf_counter()
    try:
        size = build(kind, folder=cache).stat().st_size
    except (RuntimeError, OSError) as error:
        results.add("build", {"kernels": kind, "error": str(error)})
        raise InputError(f"the kernels were not built: {error}") from error
    seconds = round(time.perf_counter() - begin, 1)
    results.add("build", {"kernels": kind, "seconds": seconds, "MiB": round(size / 2**20, 2)})
    results.finish()
    return results
