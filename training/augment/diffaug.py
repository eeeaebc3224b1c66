"""DiffAug: colour, translation and cutout, applied to every image.

    colour       x + u - 1/2;  then saturation: mean_c + 2 u (x - mean_c);  then contrast:
                 mean + (u + 1/2) (x - mean),  u uniform in [0, 1) anew each time
    translation  by up to 1/8 of the height and width, whole pixels, zeros come in
    cutout       a rectangle of half the height and width, anywhere, becomes 0

Source: Zhao et al. 2020 (DiffAug), section 3.2 and appendix; their released numbers.

N batch, C channels, H height, W width.
"""

import torch
from torch import Tensor

from stylegen.ops import layout_of
from stylegen.training.augment.borders import along, source_places, take
from stylegen.training.augment.color import colour_channels
from stylegen.training.augment.interface import Augment
from stylegen.training.draws import Draws

_SHIFT = 1 / 8
_CUT = 1 / 2
_NUMBERS = (3, 2, 2)  # random numbers of each operation


def _wide(u: Tensor) -> Tensor:
    return u[:, None, None, None]


def change_color(images: Tensor, u: Tensor) -> Tensor:
    """Change brightness, saturation and contrast.

    Args:
        images: (N, C, H, W); alpha, the second or fourth channel, is left alone.
        u: (N, 3), [0, 1).

    Returns:
        (N, C, H, W).
    """
    brightness, saturation, contrast = (_wide(column) for column in u.unbind(1))
    colours = colour_channels(images.shape[1])
    x, alpha = images[:, :colours] + (brightness - 0.5), images[:, colours:]
    grey = x.mean(1, keepdim=True)
    x = grey + (2 * saturation) * (x - grey)
    mean = x.mean([1, 2, 3], keepdim=True)
    x = mean + (contrast + 0.5) * (x - mean)
    return torch.cat([x, alpha], dim=1) if alpha.shape[1] else x


def translate(images: Tensor, u: Tensor) -> Tensor:
    """Move images by whole pixels; zeros come in.

    Args:
        images: (N, C, H, W).
        u: (N, 2) for x and y, [0, 1).

    Returns:
        (N, C, H, W).
    """
    for axis, share in ((3, u[:, 0]), (2, u[:, 1])):
        size = images.shape[axis]
        furthest = int(size * _SHIFT + 0.5)
        steps = (share * (2 * furthest + 1)).floor() - furthest
        at = source_places(images, axis, steps)
        outside = along(axis, (at < 0) | (at >= size))
        images = take(images, axis, at.clamp(0, size - 1)).masked_fill(outside, 0)
    return images


def _cut_lines(size: int, share: Tensor) -> Tensor:
    """Tell which rows or columns are cut, (N, size)."""
    cut = int(size * _CUT + 0.5)
    middle = (share * (size + 1 - cut % 2)).floor()[:, None]
    at = torch.arange(size, device=share.device) - (middle - cut // 2)
    return (at >= 0) & (at < cut)


def cut(images: Tensor, u: Tensor) -> Tensor:
    """Set a rectangle to 0.

    Args:
        images: (N, C, H, W).
        u: (N, 2), where its middle lies in x and y, [0, 1).

    Returns:
        (N, C, H, W).
    """
    height, width = images.shape[2:]
    columns, rows = along(3, _cut_lines(width, u[:, 0])), along(2, _cut_lines(height, u[:, 1]))
    return images.masked_fill(columns & rows, 0)


class DiffAugment(Augment):
    """Applies a policy.

    Args:
        policy: some of "color", "translation", "cutout".
        channels: C of the images.
    """

    def __init__(self, policy: tuple[str, ...], channels: int) -> None:
        self.policy = policy
        words = []
        if "color" in policy and colour_channels(channels) == 1:
            words.append("saturation (the images are grey)")
        if "color" in policy and channels in (2, 4):
            words.append("colour changes of the alpha channel")
        self.left_out = tuple(words)

    def __call__(self, images: Tensor, p: float | Tensor, draws: Draws) -> Tensor:
        """Return the images, changed, whatever p is; see :class:`Augment`."""
        layout, count = layout_of(images), len(images)
        color, shift, place = (draws.uniform(count, numbers) for numbers in _NUMBERS)
        if "color" in self.policy:
            images = change_color(images, color)
        if "translation" in self.policy:
            images = translate(images, shift)
        if "cutout" in self.policy:
            images = cut(images, place)
        return images.contiguous(memory_format=layout)
