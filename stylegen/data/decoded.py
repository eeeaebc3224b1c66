"""Decoded sets, kept between runs: one file of bytes, mapped into memory, and a small JSON.

The key is the set's content and everything that changes pixels. A set is decoded into memory first;
if that took its time and the disk allows, the bytes are written and the file is mapped instead, so
that several processes on a machine share one copy. Whatever is wrong with the cache costs a line in
the log and the time to decode, nothing else.

N images, C channels, H rows, W columns.
"""

import contextlib
import hashlib
import json
import logging
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL
import torch
from torch import Tensor

from stylegen.data.cachefolder import WORTH_SEC, data_cache, limit_bytes, make_room, mark_used
from stylegen.data.imageset import ImageSet
from stylegen.data.threads import Progress
from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.images import parse_color
from stylegen.ops.locking import alone

_log = logging.getLogger(__name__)

MEMORY_BYTES = 4 * 2**30  # sets up to this size are decoded once
_VERSION = 1
_LOCKED_FROM = 256  # images: smaller sets are decoded by every process for itself
_PIECE = 1 << 26


def _key(images: ImageSet) -> str:
    config = images.config
    background = parse_color(config.background) if config.channels in (1, 3) else None
    facts = [
        _VERSION, images.digest, images.width, images.height, config.channels, background,
        config.filter, PIL.__version__,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _checksum(pixels: Tensor) -> int:
    flat, value = pixels.flatten(), 0
    for at in range(0, len(flat), _PIECE):
        value = zlib.crc32(flat[at : at + _PIECE].numpy().data, value)
    return value


def _mapped(path: Path, shape: list[int]) -> Tensor:
    count = torch.Size(shape).numel()
    if path.stat().st_size != count:
        raise ValueError(f"has {path.stat().st_size} bytes, not {count}")
    flat: Tensor = torch.from_file(str(path), shared=False, size=count, dtype=torch.uint8)
    return flat.view(shape)


def _facts(images: ImageSet, pixels: Tensor) -> dict[str, Any]:
    skipped = images.skipped
    return {
        "version": _VERSION,
        "set": images.name,
        "shape": list(pixels.shape),
        "crc32": _checksum(pixels),
        "skipped": [list(entry) for entry in skipped],
        "stamp": images.source.stamp() if skipped else None,
    }


def _open(images: ImageSet, path: Path) -> Tensor | None:
    """Map the kept pixels, and drop the files known to be broken; None if they will not do.

    Broken entries of a zip may be mended without a change in its directory, by copying it again:
    a set with broken files must not have been touched.
    """
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    skipped: dict[str, str] = dict(facts["skipped"])
    if skipped and (facts["stamp"] is None or facts["stamp"] != images.source.stamp()):
        return None
    kept = sum(name not in skipped for name in images.names)
    wanted = [kept, images.channels, images.height, images.width]
    if facts["shape"] != wanted:
        raise ValueError(f"holds {facts['shape']}, not {wanted}")
    pixels = _mapped(path, wanted)
    if _checksum(pixels) != facts["crc32"]:
        raise ValueError("its checksum does not hold")
    for name, reason in skipped.items():
        images.skip(name, reason)
    images.drop_broken()
    mark_used(path.with_suffix(".json"))
    mark_used(path)
    return pixels


def _find(images: ImageSet, path: Path) -> Tensor | None:
    """Return the kept pixels; None if there are none, or damaged ones."""
    try:
        return _open(images, path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        _log.warning("decoding anew: what is kept of %s is damaged (%s)", images.name, error)
        return None


def _keep(images: ImageSet, pixels: Tensor, path: Path) -> Tensor:
    """Write the pixels and map them; the same pixels in memory where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not make_room(path.parent, pixels.nbytes):
            _log.info("%s is too large for the cache's limit", images.name)
            return pixels
        with atomic_path(path, durable=False) as temporary, temporary.open("wb") as file:
            file.write(pixels.flatten().numpy().data)
        with atomic_path(path.with_suffix(".json"), durable=False) as temporary:
            temporary.write_text(json.dumps(_facts(images, pixels)), encoding="utf-8")
        return _mapped(path, list(pixels.shape))
    except (OSError, InputError, ValueError, RuntimeError) as error:
        _log.warning("%s is not kept decoded in %s: %s", images.name, path.parent, error)
        return pixels


@contextlib.contextmanager
def _one_at_a_time(images: ImageSet, path: Path) -> Iterator[None]:
    """Let one process decode while others wait for what it keeps; where locks fail, all do."""
    lock = path.with_suffix(".lock")
    with contextlib.ExitStack() as stack:
        if len(images) >= _LOCKED_FROM:
            try:
                lock.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(alone(lock))
                stack.callback(lock.unlink, missing_ok=True)
            except OSError as error:
                _log.info("no lock on %s: %s", lock, error)
        yield


def load_decoded(images: ImageSet, progress: Progress | None = None) -> tuple[Tensor, Tensor]:
    """Return all images of a set, decoded now or in an earlier run; broken ones are dropped.

    Args:
        images: the set; at most :data:`MEMORY_BYTES` large, for the sake of memory.
        progress: called with (files done, files in all) while files are decoded.

    Returns:
        images uint8 (N, C, H, W), in memory or mapped from the cache (a private copy either way),
        and labels int64 (N,).

    Raises:
        InputError: no file can be used, or the cache's limit cannot be read.
    """
    if limit_bytes() == 0:
        return images.load_all(progress)
    path = data_cache() / f"{_key(images)}.u8"
    if (found := _find(images, path)) is not None:
        return found, images.labels
    with _one_at_a_time(images, path):
        if (found := _find(images, path)) is not None:
            return found, images.labels
        begin = time.perf_counter()
        pixels, labels = images.load_all(progress)
        if time.perf_counter() - begin >= WORTH_SEC:
            pixels = _keep(images, pixels, path)
    return pixels, labels
