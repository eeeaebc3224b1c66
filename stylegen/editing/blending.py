"""Blending: a network whose coarse blocks are one parent's and whose fine blocks another's.

    theta_l = theta_base + a_l (theta_fine - theta_base),   a_l from 0 to 1, for each layer l

Convolutions are counted from the coarsest: b4.conv1, b8.conv0, b8.conv1, b16.conv0, ... A hard swap
at r takes whole blocks: those below r of the base, those from r on of the fine network. A block is
all that lies under its name: its convolutions with their affines, noise and biases, b4's constant,
its skip convolution, and its toRGB layer. So what the base has summed of the RGB image below r
stays the base's, and is doubled in size by the fine network's blocks as its own would be. In a
smooth blend, what belongs to a block as a whole goes with its last convolution.

The mapping network and the mean of w are the base's: where all blocks are the fine network's, the
images are those that its synthesis network draws of the base's w.

Source: Pinkney & Adler 2020 (resolution dependent GAN interpolation), section 3.

r nominal resolution of a block, R of the images.
"""

import copy
import itertools
import logging
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from stylegen.editing.latents import latents_digest, take_latents_of
from stylegen.editing.restyle_config import BlendConfig
from stylegen.errors import InputError
from stylegen.networks import Generator
from stylegen.networks.layers import block_resolutions

_log = logging.getLogger(__name__)
_SHOWN = 6
_FREE = ("z_dim", "c_dim", "mapping_layers", "mapping_lr_multiplier", "w_avg_beta")


def parse_weights(text: str) -> tuple[tuple[int, float], ...]:
    """Read "4:0,8:0.2,16:1" as weights of resolutions.

    Raises:
        InputError: the text has another form, or names a resolution twice.
    """
    pairs = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*:\s*(\d*\.?\d+)\s*", part)
        if match is None:
            raise InputError(f"weights: {text!r} is not a list such as 4:0,8:0.2,16:1")
        pairs.append((int(match[1]), float(match[2])))
    if len({r for r, _ in pairs}) < len(pairs):
        raise InputError(f"weights: {text!r} names a resolution twice")
    return tuple(pairs)


def _convolutions(resolution: int) -> list[tuple[int, str]]:
    """Return (r, name) of each convolution, from the coarsest."""
    pairs = itertools.product(block_resolutions(resolution), ("conv0", "conv1"))
    return [pair for pair in pairs if pair != (4, "conv0")]


def _check_resolutions(asked: list[int], resolution: int) -> None:
    known = block_resolutions(resolution)
    if wrong := [r for r in asked if r not in known]:
        names = ", ".join(str(r) for r in known)
        raise InputError(f"there is no block at {wrong[0]} px; these networks have {names}")


def layer_weights(config: BlendConfig, resolution: int) -> dict[str, float]:
    """Return the fine network's share of each convolution, {"b4.conv1": 0.0, ...}.

    With a width of n, the n convolutions around the first one of ``at`` get 1 / (n + 1),
    2 / (n + 1), ...: for 1 that one, for 2 the one before it too, for 3 both its neighbours.

    Args:
        config: what was asked for.
        resolution: R.

    Raises:
        InputError: the networks have no such block.
    """
    layers = _convolutions(resolution)
    if config.weights is not None:
        _check_resolutions([r for r, _ in config.weights], resolution)
        named = dict(config.weights)
        return {
            f"b{r}.{name}": next((named[s] for s in sorted(named, reverse=True) if s <= r), 0.0)
            for r, name in layers
        }
    assert config.at is not None
    _check_resolutions([config.at], resolution)
    begin = next(i for i, (r, _) in enumerate(layers) if r == config.at) - config.width // 2
    return {
        f"b{r}.{name}": min(max((i - begin + 1) / (config.width + 1), 0.0), 1.0)
        for i, (r, name) in enumerate(layers)
    }


def _share(name: str, shares: Mapping[str, float]) -> float:
    """Return the share of a synthesis network's tensor; a block's own go with its last layer."""
    block, part = name.split(".")[:2]
    return shares.get(f"{block}.{part}", shares[f"{block}.conv1"])


def _traits(generator: Generator) -> dict[str, Any]:
    """Return what two generators must share to be blended: settings, and shapes by key."""
    settings = [f.name for f in fields(generator.config) if f.name not in _FREE]
    traits = {name: getattr(generator.config, name) for name in settings}
    tensors = generator.synthesis.state_dict(prefix="synthesis.")
    return traits | {name: tuple(value.shape) for name, value in tensors.items()}


def _differences(base: Generator, fine: Generator) -> list[str]:
    """List what keeps two generators from being blended, with both sides."""
    ours, theirs = _traits(base), _traits(fine)
    names = [*ours, *(name for name in theirs if name not in ours)]
    sides = [(name, ours.get(name, "missing"), theirs.get(name, "missing")) for name in names]
    return [f"{name} {a} and {b}" for name, a, b in sides if a != b]


def check_blendable(base: Generator, fine: Generator) -> None:
    """Make sure that two generators have the same synthesis network.

    Raises:
        InputError: they do not; the settings and tensors that differ are named.
    """
    for name, network in (("base", base), ("fine", fine)):
        if network.fade is not None:
            raise InputError(f"the {name} network still fades in its last block: end_fade() first")
    if wrong := _differences(base, fine):
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise InputError(
            "these networks cannot be blended, they differ (base and fine) in "
            + "; ".join(wrong[:_SHOWN])
            + more
        )


def _mean(ours: Tensor, theirs: Tensor, share: float) -> Tensor:
    """Interpolate; both ends are exact."""
    if share in (0, 1):
        return theirs if share else ours
    return torch.lerp(ours, theirs.to(ours.device), share)


@torch.no_grad()
def blend(base: Generator, fine: Generator, config: BlendConfig) -> Generator:
    """Return a generator whose layers lie between those of two others.

    Args:
        base: gives the mapping network, the mean of w, the classes, and the coarse blocks.
        fine: gives the fine blocks; of the same lineage, or the features do not go together.
        config: where, or how much.

    Returns:
        A network of its own, on the device and in the mode of the base, whose latents are its.

    Raises:
        InputError: they do not match (what differs is named), or have no such block.
    """
    check_blendable(base, fine)
    shares = layer_weights(config, base.config.resolution)
    blended = copy.deepcopy(base)
    take_latents_of(blended, latents_digest(base))  # whose mapping network it has
    theirs = fine.synthesis.state_dict()
    for name, value in blended.synthesis.state_dict().items():
        value.copy_(_mean(value, theirs[name], _share(name, shares)))
    return blended


def warn_of_strangers(base: tuple[str, ...], fine: tuple[str, ...]) -> bool:
    """Warn if two networks are not known to have a common ancestor; tell whether they have one.

    Args:
        base: lineage of one, see :func:`~stylegen.editing.lineage.lineage`.
        fine: lineage of the other.
    """
    if set(base) & set(fine):
        return True
    _log.warning(
        "the two networks name no common ancestor: blocks of networks that were trained apart do "
        "not go together, and the blend may draw noise"
    )
    return False
