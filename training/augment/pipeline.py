"""The augmentations of ADA, in their order: what is drawn for a batch, and its execution.

Source: Karras et al. 2020 (ADA), appendix B.

N batch, C channels, H height, W width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.ops import layout_of
from stylegen.training.augment.bands import BandFilter, band_gains, draw_amplifications
from stylegen.training.augment.chance import Chance
from stylegen.training.augment.color import (
    Colors,
    color_matrix,
    colour_channels,
    draw_colors,
    recolor,
)
from stylegen.training.augment.config import PIPES, AugmentConfig
from stylegen.training.augment.corruption import (
    add_noise,
    cut_out,
    draw_cutout,
    draw_noise_std,
)
from stylegen.training.augment.geometry import (
    Motion,
    draw_blit,
    draw_geometry,
    inverse_affine,
    no_motion,
    turn,
)
from stylegen.training.augment.interface import Augment
from stylegen.training.augment.warp import Warp, step_pixels
from stylegen.training.draws import Draws


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done to a batch; None: nothing of the kind.

    Attributes:
        motion: blitting and geometry.
        colors: colours.
        amplifications: (N, 4) of the bands of frequencies.
        noise_std: (N,).
        noise: (N, C, H, W) unit Gaussians.
        cutout: (N, 2, 2): centre and sides.
    """

    motion: Motion | None = None
    colors: Colors | None = None
    amplifications: Tensor | None = None
    noise_std: Tensor | None = None
    noise: Tensor | None = None
    cutout: Tensor | None = None


def _changed(images: Tensor, which: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Change some samples.

    Args:
        images: (N, C, H, W).
        which: (N,) bool.
        change: from images and their indices to what becomes of them.
    """
    if images.device.type != "cpu":  # which they are is not known here without waiting
        every = torch.arange(len(images), device=images.device)
        return torch.where(which[:, None, None, None], change(images, every), images)
    rows = which.nonzero().squeeze(1)
    return images.index_copy(0, rows, change(images[rows], rows)) if len(rows) else images


def _left_out(groups: tuple[str, ...], channels: int, square: bool) -> tuple[str, ...]:
    words = []
    if "blit" in groups and not square:
        words.append("quarter turns (the images are not square; half turns are done)")
    if "color" in groups:
        if colour_channels(channels) == 1:
            words.append("hue and saturation (the images are grey)")
        if channels in (2, 4):
            words.append("colour changes of the alpha channel")
    return tuple(words)


class Pipeline(Augment):
    """ADA's operations on images of one shape.

    Args:
        config: which, and how far.
        channels: C, 1 to 4.
        height: H.
        width: W.
    """

    def __init__(self, config: AugmentConfig, channels: int, height: int, width: int) -> None:
        self.groups = PIPES[config.pipe]
        self.magnitudes = config.magnitudes
        self.shape = (channels, height, width)
        self.left_out = _left_out(self.groups, channels, height == width)
        furthest = config.magnitudes.xint_max if "blit" in self.groups else 0
        self._warp = Warp(height, width, (round(width * furthest), round(height * furthest)))
        self._filter = BandFilter(height, width) if "filter" in self.groups else None

    def __call__(self, images: Tensor, p: float | Tensor, draws: Draws) -> Tensor:
        """Return the images, changed; see :class:`Augment`.

        Raises:
            InputError: the images have another shape or type, or p is no probability.
        """
        if images.shape[1:] != self.shape or images.dtype not in (torch.float32, torch.float64):
            raise InputError(
                f"augmentation was built for float32 images (N, {', '.join(map(str, self.shape))})"
                f"; these are {images.dtype} {tuple(images.shape)}"
            )
        if not isinstance(p, Tensor):
            if not 0 <= p <= 1:
                raise InputError(f"p is {p!r}; wanted a probability from 0 to 1")
            if p == 0:
                return images
            p = torch.full([], p, device=images.device)
        return self.apply(images, self.draw(len(images), p, draws))

    def draw(self, samples: int, p: Tensor, draws: Draws) -> Plan:
        """Draw what is done to a batch.

        Args:
            samples: N.
            p: scalar tensor, probability of each operation.
            draws: the source of random numbers.
        """
        chance, m, groups = Chance(draws, samples, p), self.magnitudes, self.groups
        size = self.shape[1:]
        motion = None
        if "blit" in groups or "geom" in groups:
            motion = no_motion(samples, draws.device)
        if motion and "blit" in groups:
            motion = draw_blit(motion, size, m, chance)
        if motion and "geom" in groups:
            motion = draw_geometry(motion, size, m, chance)
        return Plan(
            motion=motion,
            colors=draw_colors(m, chance) if "color" in groups else None,
            amplifications=draw_amplifications(m, chance) if "filter" in groups else None,
            noise_std=draw_noise_std(m, chance) if "noise" in groups else None,
            noise=draws.normal(samples, *self.shape) if "noise" in groups else None,
            cutout=draw_cutout(m, chance) if "cutout" in groups else None,
        )

    def apply(self, images: Tensor, plan: Plan) -> Tensor:
        """Carry out a plan on images (N, C, H, W)."""
        layout = layout_of(images)
        if plan.motion is not None:
            images = self._move(images, plan.motion)
        if plan.colors is not None:
            colours = colour_channels(images.shape[1])
            images = recolor(images, color_matrix(plan.colors, colours))
        if plan.amplifications is not None:
            images = self._amplify(images, plan.amplifications)
        if plan.noise_std is not None and plan.noise is not None:
            images = add_noise(images, plan.noise, plan.noise_std)
        if plan.cutout is not None:
            images = cut_out(images, plan.cutout)
        return images.contiguous(memory_format=layout)

    def _move(self, images: Tensor, motion: Motion) -> Tensor:
        if "blit" in self.groups:
            images = turn(images, motion)
        if "geom" not in self.groups:
            return step_pixels(images, motion.steps)
        inverse = inverse_affine(motion)
        still = torch.eye(2, 3, device=inverse.device)
        moves = (inverse != still).flatten(1).any(1)
        return _changed(images, moves, lambda x, rows: self._warp(x, inverse[rows]))

    def _amplify(self, images: Tensor, amplifications: Tensor) -> Tensor:
        assert self._filter is not None
        run, gains = self._filter, band_gains(amplifications)
        changes = (amplifications != 1).any(1)
        return _changed(images, changes, lambda x, rows: run(x, gains[rows]))
