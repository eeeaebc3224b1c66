"""Growing: a network of twice the resolution that goes on from where a smaller one is.

The grown network is a standard one, with the smaller one's blocks taken over under the same names,
one new block, and a fade (:mod:`stylegen.networks.fading`) that lets the new block in by alpha.
At alpha 0 a generator draws ``upsample2d`` of the smaller one's image, and a discriminator judges
``downsample_images`` of an image as the smaller one does; at alpha 1 both are standard networks.
For the resnet and orig architectures the fade keeps the smaller network's toRGB or fromRGB layer,
whose parameters lie under the prefix ``fade.`` and are trained until the fade ends.

Source: Karras et al. 2018 (progressive GAN), section 2.

R nominal resolution of the smaller network.
"""

import copy
from dataclasses import replace
from typing import TypeVar

import torch
from torch import nn

from stylegen.errors import InputError
from stylegen.networks.blocks import BlockNetwork
from stylegen.networks.discriminator import Discriminator
from stylegen.networks.fading import DiscriminatorFade, GeneratorFade
from stylegen.networks.generator import Generator
from stylegen.networks.layers import Conv2d, lay_out
from stylegen.ops import layout_of

Network = TypeVar("Network", Generator, Discriminator)
Pair = tuple[nn.Parameter, nn.Parameter]


def _blocks(network: Generator | Discriminator) -> BlockNetwork:
    return network.synthesis if isinstance(network, Generator) else network


def _image_layer(network: Generator | Discriminator) -> tuple[str, nn.Module]:
    """Return the layer between the top block and the image, and its full name."""
    name, prefix = ("torgb", "synthesis.") if isinstance(network, Generator) else ("fromrgb", "")
    path = f"b{_blocks(network).resolution}.{name}"
    return prefix + path, _blocks(network).get_submodule(path)


def _is_laid_out(network: Generator | Discriminator) -> bool:
    weights = [p for p in network.parameters() if p.ndim == 4]
    return layout_of(*weights) == torch.channels_last


@torch.no_grad()
def _take_over(source: nn.Module, target: nn.Module) -> None:
    """Copy what both have under the same name; parameters stay frozen where they were."""
    given = source.state_dict()
    for name, value in target.state_dict().items():
        if name in given:
            value.copy_(given[name])
    frozen = {name for name, p in source.named_parameters() if not p.requires_grad}
    for name, p in target.named_parameters():
        p.requires_grad_(p.requires_grad and name not in frozen)


def _fade(old: Generator | Discriminator) -> GeneratorFade | DiscriminatorFade:
    kept = None
    if old.config.architecture != "skip":
        kept = copy.deepcopy(_image_layer(old)[1])
    if isinstance(old, Generator):
        return GeneratorFade(kept)
    assert kept is None or isinstance(kept, Conv2d)
    return DiscriminatorFade(kept)


def _refuse_fading(network: Generator | Discriminator) -> None:
    if network.fade is not None:
        raise InputError(
            f"this {type(network).__name__.lower()} still fades in its last block: end_fade() "
            "before it grows again"
        )


def grow(old: Network, like: Network | None = None) -> Network:
    """Return a network of twice the resolution that goes on from ``old``, at alpha 0.

    Everything that both have is copied: blocks, mapping, running mean of w, stored noise. It lies
    on the same device in the same layout, computes in the same precision and is in the same mode;
    what was frozen stays so. The new block's weights are drawn from torch's CPU generator.

    A fading network is restored from a saved state by growing any network of the smaller
    configuration and loading the state into it.

    Args:
        old: a generator or discriminator in which nothing fades.
        like: the same network grown before, for its moving average: the new block is copied from
            it instead of drawn. None: drawn.

    Raises:
        InputError: the last block still fades in, or the configuration has no channels left.
    """
    _refuse_fading(old)
    config = replace(old.config, resolution=2 * old.config.resolution)
    new = type(old)(config).to(next(old.parameters()).device)
    if isinstance(old, Generator) and isinstance(new, Generator):
        new.class_names = old.class_names
    if like is not None:
        _take_over(like, new)
    new.requires_grad_(any(p.requires_grad for p in old.parameters()))
    _take_over(old, new)
    if _is_laid_out(old):
        lay_out(new)
    new.set_precision(*_blocks(old).precision)
    _blocks(new).fade = _fade(old)
    return new.train(old.training)


def map_parameters(old: Network, new: Network) -> list[Pair]:
    """Pair the parameters that go on: by name, and an image layer with the one that a fade kept.

    For optimisers' running means, which belong to them.

    Args:
        old: before it grew.
        new: grown from it; its new block is in no pair.

    Returns:
        (old parameter, new parameter), in the order of the new network.
    """
    given = dict(old.named_parameters())
    layer = _image_layer(old)[0]
    fade = "synthesis.fade.torgb" if isinstance(old, Generator) else "fade.fromrgb"
    names = {name: name.replace(fade, layer, 1) for name, _ in new.named_parameters()}
    return [(given[names[n]], p) for n, p in new.named_parameters() if names[n] in given]


@torch.no_grad()
def faded(network: Network) -> Network:
    """Return a standard network that gives what a fading one gives now, for snapshots.

    For the skip architecture the results are the same: alpha is folded into the new toRGB layer
    of a generator, and into the last layer of a discriminator's new block, which is linear in it.
    Where ``conv_clamp`` clips that layer, the fading network clips at alpha times the clamp and
    the standard one at the clamp. For resnet and orig no standard network gives the same; what
    comes back is the network at alpha 1.

    Args:
        network: left as it is.

    Returns:
        A copy without a fade; the network itself if nothing fades in it.
    """
    if network.fade is None:
        return network
    alpha, standard = network.fade.alpha, copy.deepcopy(network)
    if network.config.architecture == "skip":
        layer = _image_layer(standard)[1]
        if isinstance(standard, Discriminator):
            layer = standard.get_submodule(f"b{standard.resolution}.conv1")
        for p in layer.parameters(recurse=False):
            p.mul_(alpha)
    standard.end_fade()
    return standard
