"""The CPU's freed memory: kept on the fast path, given back on the plain one, as each would alone.

The library keeps what it frees (:mod:`stylegen.memory`), for the whole process; a plain program
leaves that to the C library. Where the two take turns, the setting changes between them. What the
change itself costs is paid before the clock starts, by a call of the function that is not timed, so
that each is timed as it runs on its own.
"""

import ctypes
import platform
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch

from benchmarks.variants import PLAIN
from stylegen.memory import keep_freed_memory, release_freed_memory

Key = TypeVar("Key")

_kept: bool | None = None  # None: nothing was set yet
_changes = 0
_SETTLING = 2  # calls until times no longer fall; seen in the standard configuration


def _give_back() -> None:
    release_freed_memory()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def keep(wanted: bool, device: torch.device) -> bool:
    """Keep freed memory of the CPU from now on, or give it back; tell whether that is a change."""
    global _kept, _changes
    if device.type != "cpu" or _kept == wanted:
        return False
    _kept = wanted
    _changes += 1
    if wanted:
        keep_freed_memory()
    else:
        _give_back()
    return True


def switching(
    functions: Mapping[Key, Callable[[], object]],
    variant_of: Callable[[Key], str],
    device: torch.device,
) -> Callable[[Key], None]:
    """Return what to call before a function is timed.

    After a change, all functions of a variant run a few times, so that they find the memory that
    they would have in the long run.

    Args:
        functions: what is timed in turns.
        variant_of: the name of the variant that a function belongs to.
        device: where they run.
    """
    seen: dict[str, int] = {}

    def before(key: Key) -> None:
        variant = variant_of(key)
        keep(variant != PLAIN.name, device)
        if seen.get(variant) != _changes:
            seen[variant] = _changes
            mine = [run for other, run in functions.items() if variant_of(other) == variant]
            for run in mine * _SETTLING:
                run()

    return before
