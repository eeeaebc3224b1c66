"""The CPU's freed memory: kept on the fast path, given back on the plain one, as each would alone.

The library keeps what it frees (:mod:`stylegen.memory`), for the whole process; a plain program
leaves that to the C library. Where the two take turns, the setting changes between them, and what
the change itself costs is paid before the clock starts: the plain path finds memory given back,
the fast one finds it kept.
"""

import ctypes
import platform
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch

from stylegen.memory import keep_freed_memory, release_freed_memory

Key = TypeVar("Key")

_kept: bool | None = None  # None: nothing was set yet


def _give_back() -> None:
    release_freed_memory()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def keep(wanted: bool, device: torch.device) -> bool:
    """Keep freed memory of the CPU from now on, or give it back; tell whether that is a change."""
    global _kept
    if device.type != "cpu" or _kept == wanted:
        return False
    _kept = wanted
    if wanted:
        keep_freed_memory()
    else:
        _give_back()
    return True


def switching(
    functions: Mapping[Key, Callable[[], object]],
    is_plain: Callable[[Key], bool],
    device: torch.device,
) -> Callable[[Key], None]:
    """Return what to call before a function is timed.

    Args:
        functions: what is timed in turns.
        is_plain: whether a function is of the plain path.
        device: where they run.
    """

    def before(key: Key) -> None:
        if keep(not is_plain(key), device) and not is_plain(key):
            functions[key]()  # takes the memory that it will find kept

    return before
