"""What tuning changed in a generator, as a small file beside its snapshot.

Only tensors that changed are stored, as differences: matrices of low rank where these draw the
images as well, else half precision numbers, each tensor divided by its largest value.

O output features, I everything else of a weight, r rank.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegen.checkpoints import SUFFIX, read_header, read_tensors, write_tensors
from stylegen.editing.latents import (
    SHOWN_DIGITS,
    Latents,
    latents_digest,
    network_digest,
    take_latents_of,
)
from stylegen.editing.sampling import draw
from stylegen.errors import InputError
from stylegen.images.measures import psnr
from stylegen.networks import Generator

KIND = "stylegen delta"
VERSION = 1
RANKS = (1, 2, 4, 8, 16, 32, 64)
_LEFT, _RIGHT, _SCALE = ":left", ":right", ":scale"


@dataclass(frozen=True, kw_only=True)
class DeltaInfo:
    """How a delta was stored.

    Attributes:
        rank: of its matrices; None: all numbers, in half precision.
        lost_db: what storing it so cost the worst of the images, in dB of PSNR.
        bytes: size of its tensors.
    """

    rank: int | None
    lost_db: float
    bytes: int


def _halved(name: str, value: Tensor) -> dict[str, Tensor]:
    scale = value.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
    return {name: (value / scale).half(), f"{name}{_SCALE}": scale}


def _factored(name: str, value: Tensor, rank: int) -> dict[str, Tensor]:
    """Store (O, ...) as (O, r) times (r, I), if that is smaller than all of it."""
    matrix = value.reshape(len(value), -1) if value.ndim > 1 else value.reshape(1, -1)
    if rank * sum(matrix.shape) >= matrix.numel():
        return _halved(name, value)
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    root = s[:rank].sqrt()
    left, right = (u[:, :rank] * root).float(), (root[:, None] * v[:rank]).float()
    return {**_halved(name + _LEFT, left), **_halved(name + _RIGHT, right)}


def _changes(base: Generator, tuned: Generator) -> dict[str, Tensor]:
    before, after = base.state_dict(), tuned.state_dict()
    pairs = {k: (before[k].cpu().float(), after[k].cpu().float()) for k in before}
    return {k: b - a for k, (a, b) in pairs.items() if not torch.equal(a, b)}


def _stored(changes: dict[str, Tensor], rank: int | None) -> dict[str, Tensor]:
    parts = [
        _halved(name, value) if rank is None else _factored(name, value, rank)
        for name, value in changes.items()
    ]
    return {name: value for part in parts for name, value in part.items()}


def _size(tensors: dict[str, Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors.values())


def _whole(tensors: dict[str, Tensor], name: str) -> Tensor:
    return tensors[name].float() * tensors[f"{name}{_SCALE}"]


def _add(base: Generator, tensors: dict[str, Tensor], what: str) -> Generator:
    """Return a copy of a generator with the stored differences added."""
    tuned = copy.deepcopy(base)
    state = tuned.state_dict()
    for name, value in state.items():
        if name in tensors:
            change = _whole(tensors, name)
        elif name + _LEFT in tensors:
            change = _whole(tensors, name + _LEFT) @ _whole(tensors, name + _RIGHT)
        else:
            continue
        if change.numel() != value.numel():
            raise InputError(f"{what}: {name} is of another shape than this network's")
        value += change.reshape(value.shape).to(value.device)
    return tuned


def _candidates(changes: dict[str, Tensor]) -> Iterator[tuple[int | None, dict[str, Tensor]]]:
    """Yield ways to store changes, from the smallest on; the last is whole."""
    whole = _stored(changes, None)
    for rank in RANKS:
        tensors = _stored(changes, rank)
        if _size(tensors) >= _size(whole):
            break
        yield rank, tensors
    yield None, whole


@torch.no_grad()
def save_delta(
    path: str | Path,
    base: Generator,
    tuned: Generator,
    latents: Latents,
    targets: Tensor,
    tolerance_db: float = 0.1,
    about: Mapping[str, Any] | None = None,
) -> DeltaInfo:
    """Write what tuning changed, as small as the images allow.

    Args:
        path: the file, ending in .safetensors; its folder exists.
        base: the generator before.
        tuned: the generator after.
        latents: N codes that it was tuned at.
        targets: (N, C, H, W) uint8, what they shall draw.
        tolerance_db: what storing it may cost any image, in dB of PSNR.
        about: kept in the header, see :func:`is_delta_of`; plain values for JSON.

    Returns:
        How it was stored. Half precision is the last resort, whatever it costs.

    Raises:
        InputError: the name has another suffix.
        OSError: the file cannot be written.
    """
    if Path(path).suffix != SUFFIX:
        raise InputError(f"A delta's name should end in {SUFFIX}, not {path}.")
    changes = _changes(base, tuned)
    ws = latents.w.to(next(base.parameters()).device)
    best = psnr(draw(tuned, ws), targets)
    for rank, tensors in _candidates(changes):
        lost = (best - psnr(draw(_add(base, tensors, str(path)), ws), targets)).nan_to_num(0.0)
        if rank is None or lost.max().item() <= tolerance_db:
            break
    info = DeltaInfo(rank=rank, lost_db=lost.max().item(), bytes=_size(tensors))
    header = {"kind": KIND, "version": VERSION, "network": network_digest(base), "rank": rank}
    write_tensors(path, tensors, header if about is None else {**header, "about": dict(about)})
    return info


def is_delta_of(path: str | Path, base: Generator, about: Mapping[str, Any]) -> bool:
    """Return whether a whole delta of a network is there, saved with the same ``about``."""
    path = Path(path)
    if not (path.exists() and path.with_suffix(".json").exists()):
        return False
    try:
        header = read_header(path, KIND)
    except InputError:
        return False
    wanted = {"version": VERSION, "network": network_digest(base), "about": dict(about)}
    return all(header.get(key) == value for key, value in wanted.items())


@torch.no_grad()
def apply_delta(generator: Generator, path: str | Path) -> Generator:
    """Return a generator as tuning left it.

    Args:
        generator: the one that was tuned; unchanged.
        path: from :func:`save_delta`.

    Returns:
        A tuned copy, on the same device. Its latents are those of the generator.

    Raises:
        InputError: the file is missing, damaged or no delta, or of another network.
    """
    header = read_header(path, KIND)
    if header.get("version") != VERSION:
        raise InputError(
            f"{path} has format version {header.get('version')!r}; this stylegen reads {VERSION}"
        )
    own, wanted = network_digest(generator), str(header.get("network"))
    if wanted != own:
        raise InputError(
            f"{path} is a delta of network {wanted[:SHOWN_DIGITS]}, not of this one, "
            f"{own[:SHOWN_DIGITS]}"
        )
    tensors = {
        name: value.to(next(generator.parameters()).device)
        for name, value in read_tensors(path).items()
    }
    tuned = _add(generator, tensors, str(path))
    take_latents_of(tuned, latents_digest(generator))
    return tuned
