"""Pixel blitting and geometry: what is drawn, and the one matrix that it comes to.

A sample is mirrored, turned by quarters, moved by whole pixels (blitting), then scaled, turned,
stretched, turned again, and moved (geometry). Mirroring and quarter turns map the grid of pixels
to itself and are carried out exactly; the rest is one affine map around the image's centre,

    x_out = L (x_in + steps) + shift,    L = R(post) diag(a, 1/a) R(pre) s,

which is executed by its inverse. Coordinates are in pixels, x to the right, y down.

Source: Karras et al. 2020 (ADA), appendix B, figure "Pseudocode", pixel blitting and general
geometric transformations.

N batch, C channels, H height, W width.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stylegen.training.augment.chance import Chance
from stylegen.training.augment.config import Magnitudes


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How each sample is moved.

    Attributes:
        mirrored: (N,) bool, left and right exchanged.
        quarters: (N,) whole numbers 0 to 3, quarter turns counter-clockwise; even for images
            that are not square.
        steps: (N, 2) whole pixels (x, y).
        scale: (N,), s.
        pre: (N,) radians, turn before stretching.
        stretch: (N,), a: width times a, height divided by a.
        post: (N,) radians, turn after stretching.
        shift: (N, 2) pixels (x, y).
    """

    mirrored: Tensor
    quarters: Tensor
    steps: Tensor
    scale: Tensor
    pre: Tensor
    stretch: Tensor
    post: Tensor
    shift: Tensor


def no_motion(samples: int, device: torch.device) -> Motion:
    """Return the motion that leaves N samples where they are."""
    none, one = torch.zeros(samples, 2, device=device), torch.ones(samples, device=device)
    zero = none[:, 0]
    return Motion(
        mirrored=zero > 0, quarters=zero, steps=none, scale=one, pre=zero, stretch=one,
        post=zero, shift=none,
    )  # fmt: skip


def draw_blit(motion: Motion, size: tuple[int, int], m: Magnitudes, chance: Chance) -> Motion:
    """Draw mirroring, quarter turns and whole steps.

    Args:
        motion: what to change.
        size: (H, W).
        m: how far.
        chance: the random numbers.
    """
    height, width = size
    mirrored = chance.occurs() & (chance.one_of(2) > 0)
    turns = chance.one_of(4) if height == width else chance.one_of(2) * 2
    quarters = chance.maybe(turns, 0)
    x, y = (chance.uniform(-m.xint_max, m.xint_max) * side for side in (width, height))
    steps = chance.maybe(torch.stack([x, y], 1).round(), 0)
    return replace(motion, mirrored=mirrored, quarters=quarters, steps=steps)


def draw_geometry(motion: Motion, size: tuple[int, int], m: Magnitudes, chance: Chance) -> Motion:
    """Draw scaling, turning, stretching and shifting.

    Either turn is made with probability 1 - sqrt(1 - p): then one of them is with p.

    Args:
        motion: what to change.
        size: (H, W).
        m: how far.
        chance: the random numbers.
    """
    height, width = size
    p_turn = 1 - (1 - chance.p).clamp(min=0).sqrt()
    furthest = m.rotate_max * math.pi
    scale = chance.maybe(chance.lognormal(m.scale_std), 1)
    pre = chance.maybe(chance.uniform(-furthest, furthest), 0, p_turn)
    stretch = chance.maybe(chance.lognormal(m.aniso_std), 1)
    post = chance.maybe(chance.uniform(-furthest, furthest), 0, p_turn)
    x, y = (chance.normal(m.xfrac_std) * side for side in (width, height))
    shift = chance.maybe(torch.stack([x, y], 1), 0)
    return replace(motion, scale=scale, pre=pre, stretch=stretch, post=post, shift=shift)


def inverse_affine(motion: Motion) -> Tensor:
    """Return the map from output to input of all but mirroring and quarter turns, (N, 2, 3)."""
    cos_pre, sin_pre, cos_post, sin_post = (
        f(angle) for angle in (motion.pre, motion.post) for f in (torch.cos, torch.sin)
    )
    x, y = 1 / (motion.scale * motion.stretch), motion.stretch / motion.scale
    linear = torch.stack(
        [
            cos_pre * x * cos_post - sin_pre * y * sin_post,
            cos_pre * x * sin_post + sin_pre * y * cos_post,
            -sin_pre * x * cos_post - cos_pre * y * sin_post,
            -sin_pre * x * sin_post + cos_pre * y * cos_post,
        ],
        dim=1,
    ).view(-1, 2, 2)
    moved = -(linear * motion.shift[:, None]).sum(2) - motion.steps
    return torch.cat([linear, moved[:, :, None]], dim=2)


def turn(images: Tensor, motion: Motion) -> Tensor:
    """Carry out the mirroring and the quarter turns of (N, C, H, W), exactly."""
    mirrored, quarters = motion.mirrored[:, None, None, None], motion.quarters[:, None, None, None]
    images = torch.where(mirrored, images.flip(3), images)
    images = torch.where(quarters >= 2, images.flip([2, 3]), images)
    if images.shape[2] == images.shape[3]:
        images = torch.where(quarters % 2 > 0, images.rot90(1, [2, 3]), images)
    return images
