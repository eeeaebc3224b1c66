"""What training needs to go on: networks, average, optimisers, counters, random state.

One safetensors file beside the snapshots, replaced atomically at each of them.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stylegen.checkpoints import read_header, read_tensors, write_tensors
from stylegen.checkpoints.official import load_strictly
from stylegen.errors import InputError
from stylegen.training.step import Trainer

KIND = "stylegen training state"
VERSION = 1
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


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["random.cuda"] = torch.cuda.get_rng_state(device)
    return state


def save_state(path: Path, trainer: Trainer, header: dict[str, Any]) -> None:
    """Write the state, atomically.

    Args:
        path: the file.
        trainer: what to save.
        header: further plain values to keep.

    Raises:
        OSError: the file cannot be written.
    """
    tensors = {"pl_mean": trainer.pl_mean, **_random_state(trainer.device)}
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


def images_shown(path: Path) -> int:
    """Return how many images a run had shown when its state was written.

    Raises:
        InputError: the file is missing, damaged, or of another kind.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing: the run stopped before its first save; begin anew")
    shown = read_header(path, KIND).get("images_shown")
    if not isinstance(shown, int):
        raise InputError(f"{path} is not a whole training state")
    return shown


@torch.no_grad()
def load_state(path: Path, trainer: Trainer) -> dict[str, Any]:
    """Read a state into a trainer of the same configuration, and set the random state.

    Returns:
        The header.

    Raises:
        InputError: the file is missing, damaged, of another kind, or of other networks.
    """
    header = read_header(path, KIND)
    if header.get("version") != VERSION:
        raise InputError(f"{path} has format version {header.get('version')!r}, not {VERSION}")
    tensors = read_tensors(path)
    if not {"pl_mean", "random.cpu", "steps", "images_shown"} <= {*tensors, *header}:
        raise InputError(f"{path} is not a whole training state")
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
    trainer.steps, trainer.images_shown = header["steps"], header["images_shown"]
    torch.set_rng_state(tensors["random.cpu"])
    if trainer.device.type == "cuda" and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"], trainer.device)
    return header
