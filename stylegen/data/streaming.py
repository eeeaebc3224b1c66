"""Decode images in worker processes, ahead of who takes them; what is broken is reported.

N images of a batch, C channels, H rows, W columns.
"""

import atexit
import logging
import multiprocessing
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from stylegen.data.imageset import ImageSet
from stylegen.errors import InputError

_log = logging.getLogger(__name__)

_MOST_WORKERS = 8
_LOOK_EVERY_SEC = 1.0
_PREFETCH = 4  # batches of each worker


class _Decoded(NamedTuple):
    """What a worker sends: a batch, the files found broken on the way, and why it is no batch."""

    pixels: Tensor
    labels: Tensor
    broken: list[tuple[str, str]]
    error: str


class _Work(Dataset[_Decoded]):
    """Whole batches by their indices."""

    def __init__(self, images: ImageSet) -> None:
        self.images = images

    def __getitem__(self, index: int) -> _Decoded:
        return self.__getitems__([index])

    def __getitems__(self, indices: list[int]) -> _Decoded:
        pixels, labels, broken = [], [], []
        try:
            for index in indices:
                image, label, passed = self.images.take(index)
                pixels.append(image)
                labels.append(label)
                broken += passed
        except InputError as error:
            none = torch.empty(0)
            return _Decoded(none, none, self.images.skipped, str(error))
        return _Decoded(torch.stack(pixels), torch.tensor(labels), broken, "")


def _as_it_is(batch: _Decoded) -> _Decoded:
    return batch


def _die_orphaned() -> None:
    """End this process when the one that wants its work has ended, or the one that forked it.

    They differ where a fork server stands between; it may outlive the first, and any process may
    hold open the pipe by which the first is known to live.
    """
    forked_by, master = os.getppid(), multiprocessing.parent_process()
    while os.getppid() == forked_by and (master is None or master.is_alive()):
        time.sleep(_LOOK_EVERY_SEC)
    os._exit(1)


def _begin_work(_: int) -> None:
    """Leave signals to the parent, and end when it does.

    Ctrl-C and SIGTERM reach the whole group, and the parent may want to finish and save. A worker
    whose parent was killed may hang in a queue that nobody reads: a thread ends it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_die_orphaned, daemon=True).start()


def _close_at_exit(stream: "weakref.ref[Stream]") -> None:
    """End the workers before multiprocessing waits for them, which leave its signal unheard."""
    if (alive := stream()) is not None:
        alive.close()


def worker_count() -> int:
    """Return how many workers decode: this process's share of the cores, from 1 to 8."""
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    text = os.environ.get("LOCAL_WORLD_SIZE", "1")  # processes of a run on this machine
    processes = int(text) if text.isdecimal() else 1
    return max(1, min(_MOST_WORKERS, cores // max(1, processes)))


class Stream:
    """Batches of a set, decoded ahead by worker processes.

    Args:
        images: the set; files found broken are noted in it.
        batches: lists of indices; asked for ahead of time, in this process.
        pinned: put batches into page-locked memory, for quick copies to a GPU.
    """

    def __init__(self, images: ImageSet, batches: Iterable[list[int]], pinned: bool) -> None:
        self.images = images
        loader: DataLoader[_Decoded] = DataLoader(
            _Work(images),
            batch_sampler=batches,
            num_workers=worker_count(),
            collate_fn=_as_it_is,  # type: ignore[arg-type]  # batches come whole
            worker_init_fn=_begin_work,
            generator=torch.Generator(),  # else it would draw from the run's random numbers
            pin_memory=pinned,
            prefetch_factor=_PREFETCH,
        )
        self._batches: Iterator[_Decoded] | None = iter(loader)
        atexit.register(_close_at_exit, weakref.ref(self))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        """Return uint8 (N, C, H, W) and classes (N,) int64.

        Raises:
            InputError: no image can be read any more.
        """
        if self._batches is None:
            raise StopIteration
        batch = next(self._batches)
        for name, reason in batch.broken:
            if self.images.skip(name, reason):
                _log.warning("%s cannot be read (%s): took the next image", name, reason)
        if batch.error:
            self.close()
            raise InputError(batch.error)
        return batch.pixels, batch.labels

    def close(self) -> None:
        """End the workers and wait until they are gone.

        The iterator's destructor would do it, but after Ctrl-C a traceback may still hold it.
        """
        batches, self._batches = self._batches, None
        if (end_workers := getattr(batches, "_shutdown_workers", None)) is not None:
            end_workers()
