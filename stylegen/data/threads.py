"""Work through many files in threads (Pillow decodes without the interpreter's lock), in order."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[int, int], None]
CHUNK = 32


def in_chunks(
    job: Callable[[range], T], count: int, progress: Progress | None = None
) -> Iterator[T]:
    """Yield job(indices) for consecutive ranges of 0..count-1, in order, computed in threads.

    Only a few chunks are computed ahead of the one that is taken, so memory stays bounded.

    Args:
        job: works on a range of at most CHUNK indices.
        count: number of indices in all.
        progress: called with (indices done, count) after each chunk.
    """
    workers = min(16, os.cpu_count() or 1)
    ranges = iter([range(a, min(a + CHUNK, count)) for a in range(0, count, CHUNK)])
    waiting: deque[tuple[range, Future[T]]] = deque()
    pool = ThreadPoolExecutor(workers)

    def submit() -> None:
        if (indices := next(ranges, None)) is not None:
            waiting.append((indices, pool.submit(job, indices)))

    try:
        for _ in range(2 * workers):
            submit()
        while waiting:
            indices, future = waiting.popleft()
            result = future.result()
            submit()
            yield result
            if progress is not None:
                progress(indices.stop, count)
    finally:
        pool.shutdown(cancel_futures=True)
