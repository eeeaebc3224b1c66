"""What training needs to go on: networks, average, optimisers, counters, random state.

One safetensors file beside the snapshots, replaced atomically at each of them.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stylegen.checkpoints import read_header, read_tensors, write_tensors
from stylegen.checkpoints.checksums import verify_checksum
from stylegen.checkpoints.official import load_strictly
from stylegen.errors import InputError
from stylegen.training.draws import random_state, set_random_state
from stylegen.training.folder import EARLIER_STATE_NAME, STATE_NAME
from stylegen.training.step import Trainer

KIND = "stylegen training state"
VERSION = 2
_ADAM = ("step", "exp_avg", "exp_avg_sq")


def _modules(trainer: Trainer) -> dict[str, nn.Module]:
    return {
        "G": trainer.generator,
        "D": trainer.discriminator,
        "G_ema": trainer.average.network,
    }


def _optimizers(trainer: Trainer) -> dict[str, tuple[torch.optim.Adam, nn.Module]]:
    return {
        "adam_G": (trainer.generator_optimizer, trainer.generator),
        "adam_D": (trainer.discriminator_optimizer, trainer.discriminator),
    }


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A saved state, its tensors not read yet.

    Attributes:
        path: the file.
        header: plain values: counters, and what the run kept with them.
    """

    path: Path
    header: dict[str, Any]

    @property
    def images_shown(self) -> int:
        """Real images that the run had shown."""
        return int(self.header["images_shown"])

    @property
    def resolution(self) -> int:
        """Nominal resolution of the networks."""
        return int(self.header["resolution"])

    @property
    def fading(self) -> bool:
        """Whether their newest block was still fading in."""
        return bool(self.header["fading"])


_HEADER = {
    "steps": int,
    "images_shown": int,
    "resolution": int,
    "fading": bool,
    "view": dict,
    "data_digest": str,
}


def _way_out(path: Path, otherwise: str) -> str:
    """Say what to do without a state."""
    earlier = path.with_name(EARLIER_STATE_NAME)
    if path.name == STATE_NAME and earlier.is_file():
        return f"go on from the one saved before it, with --resume {earlier}"
    return otherwise


@contextlib.contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    """Say of a state that cannot be read what to do."""
    try:
        yield
    except InputError as error:
        way = _way_out(path, "begin a run from the newest snapshot, with --transfer")
        raise InputError(
            f"the training state {path} is damaged, or not a whole one; {way}"
        ) from error


def read_saved(path: Path) -> Saved:
    """Read what a saved state says of itself.

    Raises:
        InputError: the file is missing, damaged, or of another kind or version.
    """
    if not path.is_file():
        way = _way_out(path, "the run stopped before its first save; begin anew")
        raise InputError(f"{path} is missing: {way}")
    with _undamaged(path):
        header = read_header(path, KIND)
    if header.get("version") != VERSION:
        raise InputError(f"{path} has format version {header.get('version')!r}, not {VERSION}")
    if wrong := [name for name, kind in _HEADER.items() if type(header.get(name)) is not kind]:
        raise InputError(f"{path} is not a whole training state: it lacks {', '.join(wrong)}")
    return Saved(path=path, header=header)


def save_state(path: Path, trainer: Trainer, header: dict[str, Any]) -> None:
    """Write the state, atomically.

    Args:
        path: the file.
        trainer: what to save.
        header: further plain values to keep.

    Raises:
        OSError: the file cannot be written.
    """
    tensors = {"pl_mean": trainer.pl_mean, "skipped": trainer.skipped}
    tensors |= {f"random.{k}": v for k, v in random_state(trainer.device).items()}
    for prefix, module in _modules(trainer).items():
        tensors |= {f"{prefix}.{k}": v for k, v in module.state_dict().items()}
    for prefix, (optimizer, module) in _optimizers(trainer).items():
        for name, p in module.named_parameters():
            for key in _ADAM:
                if p in optimizer.state:
                    tensors[f"{prefix}.{key}.{name}"] = optimizer.state[p][key]
    counters = {"steps": trainer.steps, "images_shown": trainer.images_shown}
    write_tensors(path, tensors, {"kind": KIND, "version": VERSION, **counters, **header})


def _load_adam(
    optimizer: torch.optim.Adam, module: nn.Module, tensors: dict[str, Tensor], prefix: str
) -> None:
    for name, p in module.named_parameters():
        if all(f"{prefix}.{key}.{name}" in tensors for key in _ADAM):
            step, first, second = (tensors[f"{prefix}.{key}.{name}"] for key in _ADAM)
            optimizer.state[p] = {
                "step": step.to(p.device),
                "exp_avg": torch.empty_like(p).copy_(first),
                "exp_avg_sq": torch.empty_like(p).copy_(second),
            }


@torch.no_grad()
def load_state(saved: Saved, trainer: Trainer) -> None:
    """Read a state into a trainer of the same networks, and set the random state.

    Raises:
        InputError: the file is damaged, or of other networks.
    """
    with _undamaged(saved.path):
        verify_checksum(saved.path)
    path, tensors = saved.path, read_tensors(saved.path)
    if lacking := sorted({"pl_mean", "skipped", "random.cpu"} - set(tensors)):
        raise InputError(f"{path} is not a whole training state: it lacks {', '.join(lacking)}")
    for prefix, module in _modules(trainer).items():
        own = {
            k.removeprefix(f"{prefix}."): v
            for k, v in tensors.items()
            if k.startswith(f"{prefix}.")
        }
        load_strictly(module, own, f"{path} ({prefix})")
    for prefix, (optimizer, module) in _optimizers(trainer).items():
        _load_adam(optimizer, module, tensors, prefix)
    trainer.pl_mean.copy_(tensors["pl_mean"])
    trainer.skipped.copy_(tensors["skipped"])
    trainer.steps, trainer.images_shown = saved.header["steps"], saved.images_shown
    prefix = "random."
    state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    set_random_state(state, trainer.device)
