"""Keep the CPU memory that tensors free, instead of giving it back to the system each time.

The allocator of glibc maps every block of more than 32 MiB anew from the system, which clears it
page by page: for a large tensor that takes longer than computing it. Training and sampling ask for
the same sizes again and again, so the process keeps them.
"""

import ctypes
import functools
import logging
import platform

_log = logging.getLogger(__name__)

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # mallopt's names for them
_NEVER = 2**31 - 1  # bytes at the top of the heap from which it would shrink
_USUAL = ((_MMAP_MAX, 65536), (_MMAP_THRESHOLD, 32 * 2**20), (_TRIM_THRESHOLD, 64 * 2**20))
_KEEPING = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER))


def _set(options: tuple[tuple[int, int], ...]) -> bool:
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    results = [mallopt(name, value) for name, value in options]
    return all(result == 1 for result in results)


@functools.cache
def keep_freed_memory() -> bool:
    """Let the process keep freed memory from now on; in effect on Linux with glibc.

    Returns:
        Whether it is so.
    """
    kept = _set(_KEEPING)
    _log.info("freed memory is %s", "kept for reuse" if kept else "left to the system's allocator")
    return kept


def release_freed_memory() -> bool:
    """Undo :func:`keep_freed_memory`: behave as glibc does once large blocks have been freed."""
    keep_freed_memory.cache_clear()
    return _set(_USUAL)
