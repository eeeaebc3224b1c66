"""Latents: intermediate latents w with where they come from and which network they belong to.

A latent file is a .npz with the key ``w`` of shape (1, L, D), as the official tools write and read
it, so that files go both ways. Ours also say their source and the network's digest, which others
ignore; a file of several latents has (N, L, D).

N latents, L number of layers that take a w, D width of w.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegen import configs
from stylegen.checkpoints.checksums import checksum
from stylegen.checkpoints.snapshot import LATENTS_OF
from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.networks import Generator

SUFFIX = ".npz"
SHOWN_DIGITS = 12  # of a digest, that people see
_BROKEN = (  # what numpy raises on damaged, foreign or encrypted files
    ValueError, TypeError, AttributeError, EOFError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def network_digest(generator: Generator) -> str:
    """Return the SHA-256 of a generator's configuration and tensors, hexadecimal.

    Args:
        generator: on any device, in any precision: neither changes the digest.
    """
    state = generator.state_dict()
    return checksum(state, state.__getitem__, json.dumps(configs.to_dict(generator.config)))


def take_latents_of(generator: Generator, digest: str) -> None:
    """Note that a generator draws the latents of another network, having its mapping network."""
    setattr(generator, LATENTS_OF, digest)


def latents_digest(generator: Generator) -> str:
    """Return the digest of the network that a generator's latents belong to.

    It is the generator's own; of one that was tuned, adapted or blended, that of the network
    before (the base), whose mapping network it has: both draw the same latents, each in its way.
    """
    return str(getattr(generator, LATENTS_OF, "")) or network_digest(generator)


@dataclass(frozen=True, kw_only=True, eq=False)
class Latents:
    """Some latents of one network.

    Attributes:
        w: (N, L, D), turned into float32 on the CPU without gradients.
        sources: N texts for people: a seed, a file's name.
        network: digest of the network they belong to; empty for files of other programs.

    Raises:
        InputError: w has another rank, or there are not N sources.
    """

    w: Tensor
    sources: tuple[str, ...]
    network: str = ""

    def __post_init__(self) -> None:
        if self.w.ndim != 3 or len(self.w) != len(self.sources):
            raise InputError(
                f"latents should have shape (N, L, D) and N sources, not {tuple(self.w.shape)} "
                f"and {len(self.sources)}"
            )
        object.__setattr__(self, "w", self.w.detach().to("cpu", torch.float32))

    def __len__(self) -> int:
        return len(self.w)

    def __iter__(self) -> Iterator["Latents"]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int | slice) -> "Latents":
        if not isinstance(index, slice) and not -len(self) <= index < len(self):
            raise IndexError(f"there is no latent {index} among {len(self)}")
        some = index if isinstance(index, slice) else slice(index, index + 1 or None)
        return Latents(w=self.w[some], sources=self.sources[some], network=self.network)

    def check(self, generator: Generator, digest: str | None = None) -> None:
        """Make sure that a generator can draw these latents.

        Args:
            generator: the network.
            digest: its digest, if the latents must be its own and not only of its shape.

        Raises:
            InputError: they have another number of layers or width, or are another network's.
        """
        config, names = generator.config, ", ".join(self.sources[:3])
        if self.w.shape[1:] != (config.num_ws, config.w_dim):
            raise InputError(
                f"{names}: latents of {self.w.shape[1]} layers and width {self.w.shape[2]}, but "
                f"this network takes {config.num_ws} layers and width {config.w_dim}"
            )
        if digest and self.network and self.network != digest:
            raise InputError(
                f"{names}: latents of network {self.network[:SHOWN_DIGITS]}, not of this one, "
                f"{digest[:SHOWN_DIGITS]}"
            )

    def save(self, path: str | os.PathLike[str], notes: Mapping[str, Any] | None = None) -> None:
        """Write a latent file, atomically.

        Args:
            path: ends in .npz; replaced if it exists.
            notes: more to say of them, plain values; :func:`read_notes` gives them back.

        Raises:
            InputError: another suffix, or a folder that cannot be written to.
            OSError: the disk refuses.
        """
        if Path(path).suffix != SUFFIX:
            raise InputError(f"A latent file's name should end in {SUFFIX}, not {path}.")
        about = {"sources": self.sources, "network": self.network, "notes": dict(notes or {})}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, w=self.w.numpy(), stylegen=np.array(json.dumps(about)))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "Latents":
        """Read a latent file: of this program, or of any that writes the key ``w``.

        Raises:
            InputError: it is missing, no .npz, or has no latents.
        """
        values = _read(Path(path))
        rows = _rows(values.get("w"))
        if rows is None:
            raise InputError(f"{path} holds no latents: wanted finite numbers 'w' of (N, L, D)")
        about = _about(values.get("stylegen"))
        named = about.get("sources")
        sources = tuple(map(str, named)) if isinstance(named, list) else ()
        if len(sources) != len(rows):
            sources = file_sources(Path(path), len(rows))
        return Latents(w=rows, sources=sources, network=str(about.get("network", "")))

    @staticmethod
    def join(parts: Sequence["Latents"]) -> "Latents":
        """Put latents of one network behind each other.

        Raises:
            InputError: there are none, or they are of different shapes or networks.
        """
        if not parts:
            raise InputError("no latents were given; wanted at least one")
        shapes = {part.w.shape[1:] for part in parts}
        networks = {part.network for part in parts} - {""}
        if len(shapes) > 1 or len(networks) > 1:
            raise InputError("latents of different networks cannot be put together")
        return Latents(
            w=torch.cat([part.w for part in parts]),
            sources=tuple(source for part in parts for source in part.sources),
            network=next(iter(networks), ""),
        )


def file_sources(path: Path, count: int) -> tuple[str, ...]:
    """Name the latents of a file by the file: w.npz, or w.npz:0, w.npz:1 and so on."""
    return (path.name,) if count == 1 else tuple(f"{path.name}:{i}" for i in range(count))


def read_notes(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the notes of a latent file; none in files of other programs.

    Raises:
        InputError: the file is missing or no .npz.
    """
    notes = _about(_read(Path(path)).get("stylegen")).get("notes")
    return notes if isinstance(notes, dict) else {}


def _rows(w: np.ndarray | None) -> Tensor | None:
    """Return (N, L, D) or (L, D) as (N, L, D) float32; None for what are no latents."""
    if w is None or w.ndim not in (2, 3) or w.dtype.kind != "f" or not w.size:
        return None
    with np.errstate(over="ignore"):
        rows = torch.from_numpy(w.astype(np.float32)).reshape(-1, *w.shape[-2:])
    return rows if rows.isfinite().all() else None


def read_arrays(path: Path, known: Collection[str], key: str, what: str) -> dict[str, np.ndarray]:
    """Read the arrays of a .npz that we know; nothing is unpickled.

    Args:
        path: the file.
        known: their names.
        key: the one that such a file must have, for the message.
        what: how to call such a file.

    Raises:
        InputError: it is missing, a folder, or no .npz.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if name in known}
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; wanted a {what} file (*{SUFFIX})") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder and is no {what} file (*{SUFFIX})") from error
    except _BROKEN as error:
        raise InputError(f"{path} is no {what} file ({SUFFIX} with the key {key!r})") from error


def _read(path: Path) -> dict[str, np.ndarray]:
    return read_arrays(path, ("w", "stylegen"), "w", "latent")


def _about(text: np.ndarray | None) -> dict[str, Any]:
    """Read what our own files say of themselves; files of other programs say nothing."""
    try:
        value = json.loads(str(text))
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
