"""Build the compiled kernels of this package (filled in by the CUDA sources)."""

from typing import Any


def cuda_kernels() -> Any:
    """Return the module of compiled CUDA kernels, building it on first use."""
    raise RuntimeError("no CUDA kernels yet")
