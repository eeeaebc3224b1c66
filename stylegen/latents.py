"""Latents from seeds, classes from names, and which layers are coarse, middle and fine.

Seeds give the latents of the official tools: z of seed s is the first draw of numpy's legacy
generator. Layer ranges follow Karras et al. 2019 (StyleGAN), section 3.1: coarse styles 4-8 px,
middle 16-32 px, fine above. These are nominal resolutions: the blocks' names, whatever the base
grid of networks for other shapes.

N batch, Z width of z, C number of classes, L number of layers that take a w.
"""

import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from stylegen.errors import InputError

_MAX_SEED = 2**32 - 1
_ANY = 1 << 30  # px, above all networks
FINE_PX = 64  # from where layers are called fine
_BANDS = {"coarse": (4, 8), "middle": (16, 32), "fine": (FINE_PX, _ANY), "all": (4, _ANY)}
_FORMS = "layer numbers such as 0-3,7 or 8-, coarse, middle, fine, all, or RES:16-32"


def parse_numbers(text: str, what: str = "numbers") -> list[int]:
    """Read "0-3,8" as [0, 1, 2, 3, 8].

    Args:
        text: comma-separated whole numbers and ranges, both ends included.
        what: how to call them in the error message.

    Raises:
        InputError: the text has another form, or a range runs backwards.
    """
    numbers: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        if match is None:
            raise InputError(f"{what}: {text!r} is not a list such as 0-3,8")
        first = int(match[1])
        last = first if match[2] is None else int(match[2])
        if last < first or last - first > 10_000_000:
            raise InputError(f"{what}: the range {part.strip()} should run from small to large")
        numbers += range(first, last + 1)
    return numbers


def parse_seeds(text: str) -> list[int]:
    """Read "0-31,40" as seeds.

    Raises:
        InputError: the text has another form, or a seed is above 2**32 - 1.
    """
    seeds = parse_numbers(text, "seeds")
    if max(seeds) > _MAX_SEED:
        raise InputError(f"seeds: {max(seeds)} is above the largest, {_MAX_SEED}")
    return seeds


def seeds_to_z(seeds: Sequence[int], z_dim: int) -> Tensor:
    """Return the latents that users of the official tools expect of these seeds.

    Args:
        seeds: N whole numbers from 0 to 2**32 - 1.
        z_dim: Z.

    Returns:
        (N, Z) float32 on the CPU; row s is ``numpy.random.RandomState(s).randn(1, Z)``.

    Raises:
        InputError: a seed is out of range.
    """
    if wrong := [seed for seed in seeds if not 0 <= seed <= _MAX_SEED]:
        raise InputError(f"seeds: {wrong[0]} is not from 0 to {_MAX_SEED}")
    rows = [np.random.RandomState(seed).randn(1, z_dim) for seed in seeds]
    return torch.from_numpy(np.concatenate(rows).astype(np.float32))


def one_hot(classes: Sequence[int] | Tensor, c_dim: int) -> Tensor | None:
    """Return (N, C) float32 one-hot rows; None for an unconditional network (C = 0)."""
    if c_dim == 0:
        return None
    return torch.nn.functional.one_hot(torch.as_tensor(classes), c_dim).to(torch.float32)


def class_index(name: str | int | None, c_dim: int, class_names: Sequence[str]) -> int | None:
    """Find a class by its name or number.

    Args:
        name: a class name, its number, or None.
        c_dim: number of classes; 0 is unconditional.
        class_names: names in the order of their numbers, possibly empty.

    Returns:
        The number, or None for None.

    Raises:
        InputError: there is no such class (the classes are listed), or the network has none.
    """
    if name is None:
        return None
    if c_dim == 0:
        raise InputError("a class was asked for, but this network was trained without classes")
    if str(name) in class_names:
        return list(class_names).index(str(name))
    if str(name).isdecimal() and int(name) < c_dim:
        return int(name)
    known = ", ".join(class_names) if class_names else f"0 to {c_dim - 1}"
    raise InputError(f"there is no class {name!r}; the classes are: {known}")


def layer_resolutions(num_ws: int) -> list[int]:
    """Return the nominal resolution of each layer's styles: [4, 8, 8, 16, 16, ...].

    The last w feeds only the last toRGB, which belongs to the last resolution.
    """
    return [4 * 2 ** ((i + 1) // 2) for i in range(num_ws - 1)] + [4 * 2 ** ((num_ws - 2) // 2)]


def _in_band(low: int, high: int, num_ws: int, name: str) -> list[int]:
    """Return the layers of a range of nominal resolutions."""
    resolutions = layer_resolutions(num_ws)
    band = [i for i, r in enumerate(resolutions) if low <= r <= high]
    if not band:
        raise InputError(
            f"layers: this network has no {name} layers: wanted {_px(low, high)}, and it has "
            f"{_px(4, resolutions[-1])}"
        )
    return band


def _px(low: int, high: int) -> str:
    if high >= _ANY:
        return f"{low} px and above"
    return f"{low} px" if low == high else f"{low} to {high} px"


def _read_part(word: str, num_ws: int) -> list[int]:
    """Read one of the comma-separated parts of a list of layers."""
    if word in _BANDS:
        return _in_band(*_BANDS[word], num_ws, word)
    open_end = re.fullmatch(r"(\d+)\s*-", word)
    if open_end:
        return list(range(int(open_end[1]), max(num_ws, int(open_end[1]) + 1)))
    match = re.fullmatch(r"RES\s*:\s*(\d+)(?:\s*(-)\s*(\d*))?", word, re.IGNORECASE)
    if match is None:
        return parse_numbers(word, f"layers ({_FORMS})")
    low = int(match[1])
    high = int(match[3]) if match[3] else _ANY if match[2] else low
    if high < low:
        raise InputError(f"layers: the range {word} should run from small to large")
    return _in_band(low, high, num_ws, word)


def parse_layers(text: str, num_ws: int) -> list[int]:
    """Read which layers a style acts on.

    Args:
        text: layer numbers such as "0-3,7" or "8-" (from layer 8 on); coarse (4-8 px), middle
            (16-32 px), fine (64 px and above), all; "RES:16-32", all layers of these nominal
            resolutions, "RES:16" or "RES:16-"; or several of these, separated by commas.
        num_ws: L of the network.

    Returns:
        Layer numbers, ascending, each once.

    Raises:
        InputError: the text has another form, names a layer that the network lacks, or a range
            in which it has no layer.
    """
    layers = {i for part in text.split(",") for i in _read_part(part.strip(), num_ws)}
    if max(layers) >= num_ws:
        raise InputError(
            f"layers: layer {max(layers)} was asked for, but the network has layers 0 to "
            f"{num_ws - 1}"
        )
    return sorted(layers)


def parse_weights(text: str) -> list[float]:
    """Read "1,1,0.5,0" as numbers, one for each layer.

    Raises:
        InputError: a part is no number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(
            f"weights: {text!r} is not a list of numbers such as 1,1,0.5,0, one for each layer"
        ) from error
