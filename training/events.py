"""TensorBoard's events file, written in step with training.

torch's SummaryWriter writes from a thread of its own, which a full disk ends with a traceback that
no caller can catch; here records are written where they are added, and an OSError comes to the
caller.

Source of the format: TensorBoard's event.proto (records of Event, each with two checksums).
"""

import io
import os
import socket
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_BINS = 64


def append(path: Path, data: bytes) -> None:
    """Append to a file; when that fails half-way, what was written is taken back.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
        except OSError:
            file.truncate(before)
            raise


class EventsFile:
    """An events file; it is made with the first record.

    Args:
        folder: where TensorBoard looks for it.
        purge_from: hide what older files in the folder hold from this step on; None: nothing.

    Raises:
        ImportError: tensorboard is not installed.
    """

    def __init__(self, folder: Path, purge_from: int | None = None) -> None:
        from tensorboard.compat.proto import event_pb2  # type: ignore[import-untyped]
        from tensorboard.summary.writer.record_writer import (  # type: ignore[import-untyped]
            RecordWriter,
        )
        from torch.utils.tensorboard import summary

        self._proto: Any = event_pb2
        self._summary: Any = summary
        self._writer: Any = RecordWriter
        # readers take files in the order of their names, so seconds alone would not do
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self._path = folder / name
        self._purge_from = purge_from
        self._begun = False

    def _record(self, **values: Any) -> bytes:
        memory = io.BytesIO()
        event = self._proto.Event(wall_time=time.time(), **values)
        self._writer(memory).write(event.SerializeToString())
        return memory.getvalue()

    def _begin(self) -> bytes:
        """Return the first records: the version, and from where on older files are void."""
        records = self._record(file_version="brain.Event:2")
        if self._purge_from is not None:
            log = self._proto.SessionLog
            records += self._record(step=self._purge_from, session_log=log(status=log.START))
        return records

    def add(self, summaries: list[Any], step: int) -> None:
        """Append summaries, all of them or none.

        Raises:
            OSError: the file cannot be written.
        """
        records = b"" if self._begun else self._begin()
        records += b"".join(self._record(step=step, summary=s) for s in summaries)
        append(self._path, records)
        self._begun = True

    def scalar(self, name: str, value: float) -> Any:
        """Return the summary of a number."""
        return self._summary.scalar(name, value)

    def image(self, name: str, pixels: Tensor) -> Any:
        """Return the summary of an image, uint8 (C, H, W) with C 1, 3 or 4."""
        return self._summary.image(name, pixels, dataformats="CHW")

    def histogram(self, name: str, values: Tensor) -> Any:
        """Return the summary of finite numbers, at least one, in bins of equal width."""
        numbers = values.detach().reshape(-1).to("cpu", torch.float32).numpy()
        return self._summary.histogram(name, numbers, _BINS)
