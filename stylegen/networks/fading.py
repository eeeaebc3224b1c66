"""Fading in: while a network has just grown, its newest block counts by alpha from 0 to 1.

    generator:      image <- (1 - alpha) upsample(image') + alpha image
    discriminator:  x     <- (1 - alpha) x'               + alpha x

image is what the grown network draws, image' what it would draw without its newest block: for the
skip architecture the RGB image summed so far, so that alpha scales the newest block's
contribution; for the others, what the toRGB layer kept of the smaller network makes of the
features below. x are the newest block's features of the image, x' those that the kept fromRGB
layer gives of the downsampled image; for the skip architecture x' = 0, since the next block's own
fromRGB layer adds them.

Source: Karras et al. 2018 (progressive GAN), section 2 and figure 2.

N batch, C channels, H height, W width, I features, D width of w.
"""

import torch
from torch import Tensor, nn

from stylegen.networks.layers import Conv2d
from stylegen.ops import downsample2d, setup_filter, upsample2d


def downsample_images(images: Tensor, resample_filter: tuple[float, ...] | Tensor) -> Tensor:
    """Halve images as a discriminator does within itself.

    The network's own filter, with zeros (mid-grey) beyond the edges. What a smaller network is
    shown of real images has no such frame.

    Args:
        images: (N, C, H, W) float, about [-1, 1]; H and W even.
        resample_filter: the configuration's taps, or a network's buffer of that name.

    Returns:
        (N, C, H / 2, W / 2).
    """
    taps = resample_filter
    if not isinstance(taps, Tensor):
        taps = setup_filter(taps, separable=False, device=images.device)
    return downsample2d(images, taps)


class GeneratorFade(nn.Module):
    """Blends the image of a grown generator.

    Args:
        torgb: the smaller network's last toRGB layer; None: the skip architecture.

    Attributes:
        alpha: 0 draws the smaller network's image, 1 the grown one's.
    """

    def __init__(self, torgb: nn.Module | None) -> None:
        super().__init__()
        self.alpha = 0.0
        self.torgb = torgb

    def smaller(self, x: Tensor | None, image: Tensor | None, w: Tensor) -> Tensor:
        """Return the image without the newest block, (N, C, H / 2, W / 2) float32.

        Args:
            x: (N, I, H / 2, W / 2), features below the newest block.
            image: (N, C, H / 2, W / 2), the sum so far, of the skip architecture.
            w: (N, D), for the kept toRGB layer.
        """
        if self.torgb is not None:
            image = self.torgb(x, w).to(torch.float32)
        assert image is not None
        return image

    def forward(self, smaller: Tensor, image: Tensor, resample_filter: Tensor) -> Tensor:
        """Blend (N, C, H / 2, W / 2) with (N, C, H, W), to (N, C, H, W)."""
        return torch.lerp(upsample2d(smaller, resample_filter), image, self.alpha)


class DiscriminatorFade(nn.Module):
    """Blends the features of a grown discriminator.

    Args:
        fromrgb: the smaller network's fromRGB layer; None: the skip architecture.

    Attributes:
        alpha: 0 judges the downsampled image as the smaller network does, 1 is the grown one.
    """

    def __init__(self, fromrgb: Conv2d | None) -> None:
        super().__init__()
        self.alpha = 0.0
        self.fromrgb = fromrgb

    def forward(self, x: Tensor, image: Tensor, dtype: torch.dtype) -> Tensor:
        """Blend the newest block's features with those of the downsampled image.

        Args:
            x: (N, I, H / 2, W / 2), from the newest block.
            image: (N, C, H, W).
            dtype: that the next block computes in.

        Returns:
            (N, I, H / 2, W / 2).
        """
        if self.fromrgb is None:
            return x * self.alpha
        smaller = downsample_images(image, self.fromrgb.resample_filter)
        kept: Tensor = self.fromrgb(smaller.to(dtype))
        return torch.lerp(kept, x.to(dtype), self.alpha)
