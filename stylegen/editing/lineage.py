"""Where networks come from: what a network made of others says of its parents.

A network's lineage is a set of texts: its own digest, those of its ancestors, and one of its stored
noise, which is drawn when a network begins and never trained: it stays the same through training,
further training on other images, and adaptation. Two networks that share a text have a common
ancestor (or were begun from the same seed), and their blocks may go together.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from stylegen.checkpoints import SUFFIX, SnapshotInfo, load, read_info, save_snapshot
from stylegen.checkpoints.checksums import checksum
from stylegen.checkpoints.snapshot import LATENTS_OF, load_discriminator
from stylegen.editing.latents import latents_digest, network_digest
from stylegen.editing.projection.delta import apply_delta
from stylegen.errors import InputError
from stylegen.files import refuse_replacing
from stylegen.networks import Generator
from stylegen.version import __version__


def _noise_digest(generator: Generator) -> str:
    state = generator.synthesis.state_dict()
    noise = {name: value for name, value in state.items() if name.endswith("noise_const")}
    return "noise " + checksum(noise, noise.__getitem__, "")


@dataclass(frozen=True)
class Parent:
    """A snapshot of which another network is made.

    Attributes:
        path: the snapshot.
        generator: its generator, tuned if there is a delta.
        delta: what tuning changed in it, if anything.
    """

    path: Path
    generator: Generator
    delta: Path | None = None

    @staticmethod
    def load(
        path: str | os.PathLike[str],
        device: str | torch.device = "cpu",
        delta: Path | None = None,
    ) -> "Parent":
        """Load a snapshot's generator.

        Raises:
            InputError: a file is missing, damaged, or no snapshot; or the delta is of another one.
        """
        generator = load(Path(path), device)
        if delta is not None:
            generator = apply_delta(generator, delta)
        return Parent(Path(path), generator, delta)

    @cached_property
    def info(self) -> SnapshotInfo:
        """What the snapshot says of itself."""
        return read_info(self.path)

    @cached_property
    def digest(self) -> str:
        """The generator's digest."""
        return network_digest(self.generator)

    @property
    def lineage(self) -> tuple[str, ...]:
        """Texts of which networks with a common ancestor share one, sorted."""
        known = self.info.provenance.get("lineage", ())
        ancestors = [str(text) for text in known] if isinstance(known, list | tuple) else []
        own = {self.digest, latents_digest(self.generator), _noise_digest(self.generator)}
        return tuple(sorted({*own, *ancestors}))

    def said(self) -> dict[str, Any]:
        """Return what a child says of it."""
        tuned = {} if self.delta is None else {"delta": self.delta.name}
        return {
            "file": self.path.name,
            **tuned,
            "digest": self.digest,
            "kimg": self.info.kimg,
            "provenance": self.info.provenance,
        }


def check_snapshot_name(path: str | os.PathLike[str]) -> None:
    """Refuse a name that is no snapshot's, before any work.

    Raises:
        InputError: it has another suffix.
    """
    if Path(path).suffix != SUFFIX:
        raise InputError(f"A snapshot's name should end in {SUFFIX}, not {path}.")


def save_child(
    path: str | os.PathLike[str],
    generator: Generator,
    parents: Sequence[Parent],
    made_by: str,
    said: Mapping[str, Any],
) -> None:
    """Write the snapshot of a network that was made of others.

    Args:
        path: ends in .safetensors; replaced if it exists.
        generator: the network, of the first parent's configuration and mapping network.
        parents: the first gives the discriminator, the class names and the count of images.
        made_by: the command.
        said: what else to say of how it was made: plain values.

    Raises:
        InputError: another suffix, or the file of a parent.
        OSError: the file cannot be written.
    """
    check_snapshot_name(path)
    refuse_replacing([Path(path)], {parent.path: "one of the parents" for parent in parents})
    first = parents[0]
    provenance = {
        "made_by": made_by,
        **said,
        "parents": [parent.said() for parent in parents],
        LATENTS_OF: latents_digest(first.generator),
        "lineage": sorted({text for parent in parents for text in parent.lineage}),
        "stylegen": __version__,
        "torch": torch.__version__,
    }
    info = replace(first.info, provenance=provenance)
    save_snapshot(Path(path), generator, load_discriminator(first.path), info)
