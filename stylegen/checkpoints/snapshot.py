"""Snapshots: the networks of a training run at one moment, to draw from and to share.

A snapshot holds the averaged generator and the discriminator with their configurations; what only
training needs (optimisers, counters) lies in the run's own state file.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from stylegen import configs
from stylegen.checkpoints.files import read_header, read_tensors, write_tensors
from stylegen.checkpoints.official import load_strictly
from stylegen.errors import InputError
from stylegen.networks import (
    Discriminator,
    DiscriminatorConfig,
    Generator,
    GeneratorConfig,
    freeze,
    lay_out,
)

KIND = "stylegen snapshot"
VERSION = 1
LATENTS_OF = "latents_of"  # in provenance: the network whose latents it draws, if not its own


@dataclass(frozen=True, kw_only=True)
class SnapshotInfo:
    """What a snapshot says of itself.

    Attributes:
        generator: its generator.
        discriminator: its discriminator.
        kimg: thousands of real images that training had shown by then.
        class_names: names of the classes, in the order of their numbers.
        provenance: data, settings and versions it was made with; plain values.
    """

    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    kimg: float = 0.0
    class_names: tuple[str, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)


def save_snapshot(
    path: str | Path, generator: Generator, discriminator: Discriminator, info: SnapshotInfo
) -> None:
    """Write a snapshot, atomically.

    Args:
        path: the file, ending in .safetensors.
        generator: the averaged generator.
        discriminator: the discriminator.
        info: what to say of them.

    Raises:
        OSError: the file cannot be written.
    """
    tensors = {f"G_ema.{k}": v for k, v in generator.state_dict().items()}
    tensors |= {f"D.{k}": v for k, v in discriminator.state_dict().items()}
    write_tensors(path, tensors, {"kind": KIND, "version": VERSION, **configs.to_dict(info)})


def read_info(path: str | Path) -> SnapshotInfo:
    """Read what a snapshot says of itself, without its tensors.

    Raises:
        InputError: the file is missing, damaged, or no snapshot of this program and version.
    """
    header = read_header(path, KIND)
    version = header.pop("version", None)
    if version != VERSION:
        raise InputError(f"{path} has format version {version!r}; this stylegen reads {VERSION}")
    header.pop("kind")
    return configs.from_dict(SnapshotInfo, header, f"{path}: header")


def load(path: str | Path, device: str | torch.device = "cpu") -> Generator:
    """Load the generator of a snapshot, ready to draw.

    Args:
        path: a snapshot (.safetensors).
        device: where to put it.

    Returns:
        The averaged generator in evaluation mode, without gradients. Its attribute
        ``class_names`` holds the names of its classes.

    Raises:
        InputError: the file is missing, damaged, or no snapshot.
    """
    info = read_info(path)
    with torch.device("meta"):
        generator = Generator(info.generator)
    generator = generator.to_empty(device="cpu")
    load_strictly(generator, read_tensors(path, "G_ema."), str(path))
    generator.class_names = info.class_names
    setattr(generator, LATENTS_OF, str(info.provenance.get(LATENTS_OF, "")))
    return freeze(lay_out(generator.to(device)))


def load_discriminator(path: str | Path, device: str | torch.device = "cpu") -> Discriminator:
    """Load the discriminator of a snapshot, in evaluation mode, without gradients.

    Raises:
        InputError: the file is missing, damaged, or no snapshot.
    """
    info = read_info(path)
    with torch.device("meta"):
        discriminator = Discriminator(info.discriminator)
    discriminator = discriminator.to_empty(device="cpu")
    load_strictly(discriminator, read_tensors(path, "D."), str(path))
    return discriminator.eval().requires_grad_(False).to(device)
