"""What was computed of images, kept by what it was computed from: an old number is never given.

The key is a digest of four: what is kept, the images' content, the protocol, the weights. A set
that changes under its name has another digest, and so another key. The file says again what it was
computed from, and has a checksum; one that is damaged, cut off or renamed is computed anew.

Files lie with the decoded sets in the user's cache, under one limit (STYLEGEN_DATA_CACHE_GB): the
longest unused goes first.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from stylegen.checkpoints.checksums import CHECKSUM, checksum
from stylegen.data.cachefolder import data_cache, make_room, mark_used
from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.metrics.moments import Moments

_log = logging.getLogger(__name__)

_VERSION = 1  # of what the numbers mean: raised whenever the same inputs give others
_HEADER = "stylegen"

Tensors = Mapping[str, Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """What tensors were computed from.

    Attributes:
        kind: what they are, such as "moments" or "features".
        data: digest of the images, and of how they were read or drawn.
        protocol: digest of the protocol, or of its part that counts.
        weights: digest of the feature network's weights.
    """

    kind: str
    data: str
    protocol: str
    weights: str

    def __post_init__(self) -> None:
        if empty := [name for name, value in vars(self).items() if not value]:
            raise ValueError(f"the digest of {empty[0]} is empty: nothing can be kept by it")

    @property
    def header(self) -> str:
        """All of it as text."""
        return json.dumps({"version": _VERSION, **vars(self)}, sort_keys=True)

    @property
    def key(self) -> str:
        """Its sha256, hexadecimal."""
        return hashlib.sha256(self.header.encode()).hexdigest()


def digest_of(*parts: object) -> str:
    """Return the sha256 of plain values: what a set's digest is joined with how it was read."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _path(origin: Origin) -> Path:
    return data_cache() / f"{origin.kind}-{origin.key[:40]}.safetensors"


def _read(path: Path, origin: Origin) -> dict[str, Tensor] | None:
    """Return what is kept; None: nothing, or it is not what it should be."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            found = {name: file.get_tensor(name) for name in names}
    except (OSError, SafetensorError) as error:
        if path.exists():
            _log.warning("%s cannot be read and is computed anew: %s", path, error)
        return None
    header = metadata.get(_HEADER, "")
    whole = metadata.get(CHECKSUM) == checksum(found, found.__getitem__, header)
    if header != origin.header or not whole:
        _log.warning("%s is damaged or of something else, and is computed anew", path)
        return None
    mark_used(path)
    return found


def _keep(tensors: dict[str, Tensor], path: Path, origin: Origin) -> None:
    metadata = {
        _HEADER: origin.header,
        CHECKSUM: checksum(tensors, tensors.__getitem__, origin.header),
    }
    size = sum(t.numel() * t.element_size() for t in tensors.values())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not make_room(path.parent, size):
            _log.info("%s is not kept: it would not fit under the cache's limit", path.name)
            return
        with atomic_path(path, durable=False) as temporary:
            save_file(tensors, temporary, metadata=metadata)
    except (OSError, SafetensorError, InputError) as error:
        _log.warning("%s is not kept: %s", path.name, error)


def cached(
    kind: str,
    data_digest: str,
    protocol_digest: str,
    weights_digest: str,
    compute: Callable[[], Tensors],
) -> dict[str, Tensor]:
    """Return tensors from the cache, or compute and keep them.

    Args:
        kind: what they are, such as "moments" or "features".
        data_digest: of the images' content, and of how they were read or drawn: see
            :func:`digest_of`.
        protocol_digest: of what else they depend on, such as
            :func:`~stylegen.metrics.protocols.feature_digest`.
        weights_digest: of the feature network's weights.
        compute: called where nothing is kept; what it raises is raised, and nothing is kept.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        ValueError: a digest is empty.
    """
    origin = Origin(kind=kind, data=data_digest, protocol=protocol_digest, weights=weights_digest)
    path = _path(origin)
    found = _read(path, origin)
    if found is None:
        found = {k: v.detach().cpu().contiguous() for k, v in compute().items()}
        _keep(found, path, origin)
    return found


def moments_to_tensors(moments: Moments) -> dict[str, Tensor]:
    """Return moments as tensors, to be kept."""
    count = torch.tensor(moments.count, dtype=torch.int64)
    return {"count": count, "total": moments.total, "outer": moments.outer}


def moments_of_tensors(tensors: Tensors) -> Moments:
    """Return moments that were kept."""
    return Moments(int(tensors["count"]), tensors["total"], tensors["outer"])
