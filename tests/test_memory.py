"""Freed memory is kept where that is asked for, and given back where it is undone."""

import json
import platform
import subprocess
import sys

import pytest

from stylegen import memory

on_glibc = pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="glibc's allocator"
)

# page faults of filling 64 MiB, three times over, in each state
PROCESS = """
import ctypes, json, resource
from stylegen import memory

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
SIZE = 64 * 2**20

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        block = libc.malloc(SIZE)
        ctypes.memset(block, 1, SIZE)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

seen = [faults()]
told = [memory.keep_freed_memory()]
faults()  # the first block comes from the system
seen.append(faults())
told.append(memory.release_freed_memory())
seen.append(faults())
told.append(memory.keep_freed_memory())
faults()
seen.append(faults())
print(json.dumps([seen, told, resource.getpagesize()]))
"""


@on_glibc
def test_memory_is_kept_until_it_is_released():
    command = [sys.executable, "-c", PROCESS]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (before, kept, released, again), told, _ = json.loads(output)
    assert told == [True, True, True]
    # huge pages make it fewer faults than pages, but never none
    assert before > 10 * max(kept, 1)
    assert released > 10 * max(again, 1)


def test_other_allocators_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: pytest.fail("the allocator was asked"))
    memory.keep_freed_memory.cache_clear()
    try:
        assert memory.keep_freed_memory() is False
        assert memory.release_freed_memory() is False
    finally:
        memory.keep_freed_memory.cache_clear()


@pytest.mark.parametrize("answers", [[1, 1], [0, 1], [1, 0], [0, 0]])
def test_it_holds_only_if_the_allocator_took_all_options(monkeypatch, answers):
    given = iter(answers)

    class Library:
        @staticmethod
        def mallopt(name, value):
            return next(given)

    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: Library)
    memory.keep_freed_memory.cache_clear()
    try:
        assert memory.keep_freed_memory() is all(answers)
        assert memory.keep_freed_memory() is all(answers)  # the allocator is asked once
    finally:
        memory.keep_freed_memory.cache_clear()
    assert next(given, "all asked") == "all asked"
