"""The discriminator: images and classes to logits.

Source: Karras et al. 2020 (StyleGAN2), section 4.1, figure 7; minibatch deviation: Karras et al.
2018 (progressive GAN), section 3; projection of classes: Miyato & Koyama 2018.

N batch, C number of classes, I and O features, r resolution of a block, (h, w) its size in pixels,
(h0, w0) that of the last, (H, W) that of the image.
"""

import functools
import itertools
import logging
import math

import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.networks.blocks import BlockNetwork
from stylegen.networks.config import DiscriminatorConfig
from stylegen.networks.fading import DiscriminatorFade, downsample_images
from stylegen.networks.layers import Conv2d, FullyConnected, block_resolutions
from stylegen.networks.mapping import MappingNetwork
from stylegen.ops import layout_of, setup_filter

_log = logging.getLogger(__name__)
_RESIDUAL_GAIN = math.sqrt(0.5)


def minibatch_group(batch: int, group_size: int | None) -> int:
    """Return the largest group of at most ``group_size`` samples that divides the batch."""
    wanted = batch if group_size is None else min(group_size, batch)
    return next(g for g in range(wanted, 0, -1) if batch % g == 0)


@functools.cache  # once for each batch size
def _warn_of_group(batch: int, wanted: int, group: int) -> None:
    text = "minibatch deviations over groups of %d instead of %d: the batch of %d is not divisible"
    _log.warning(text, group, wanted, batch)


def minibatch_stddev(x: Tensor, group: int, num_channels: int = 1) -> Tensor:
    """Append the mean standard deviation over groups of samples as further features.

    Sample n is in group n mod (N / group).

    Args:
        x: (N, I, H, W) float32.
        group: samples of a group; divides N.
        num_channels: features to append; divides I.

    Returns:
        (N, I + num_channels, H, W).
    """
    n, i, h, w = x.shape
    grouped = x.reshape(group, n // group, num_channels, i // num_channels, h, w)
    variance = (grouped - grouped.mean(dim=0)).square().mean(dim=0)  # torch's var takes longer
    deviation = (variance + 1e-8).sqrt()
    feature = deviation.mean(dim=[2, 3, 4])
    feature = feature.repeat(group, 1).reshape(n, num_channels, 1, 1).expand(-1, -1, h, w)
    return torch.cat([x, feature], dim=1)


class DiscriminatorBlock(nn.Module):
    """The layers of one resolution, (N, I, h, w) to (N, O, h / 2, w / 2).

    Args:
        config: the discriminator.
        resolution: r.
    """

    resample_filter: Tensor

    def __init__(self, config: DiscriminatorConfig, resolution: int) -> None:
        super().__init__()
        self.dtype = torch.float32
        self.residual, self.pass_image = (
            config.architecture == "resnet",
            config.architecture == "skip",
        )
        into, out = config.channels(resolution), config.channels(resolution // 2)
        taps, clamp = config.resample_filter, config.conv_clamp
        self.register_buffer("resample_filter", setup_filter(taps, separable=False))
        self.fromrgb = None
        if resolution == config.resolution or self.pass_image:
            self.fromrgb = Conv2d(
                config.img_channels, into, 1, activation="lrelu", conv_clamp=clamp,
                resample_filter=taps,
            )  # fmt: skip
        self.conv0 = Conv2d(
            into, into, 3, activation="lrelu", conv_clamp=clamp, resample_filter=taps
        )
        self.conv1 = Conv2d(
            into, out, 3, activation="lrelu", down=2, conv_clamp=clamp, resample_filter=taps
        )
        if self.residual:
            self.skip = Conv2d(into, out, 1, bias=False, down=2, resample_filter=taps)

    def _features(self, x: Tensor | None, image: Tensor | None) -> Tensor:
        if self.fromrgb is not None and image is not None:
            y: Tensor = self.fromrgb(image.to(self.dtype))
            return y if x is None else x.to(self.dtype) + y
        assert x is not None
        return x.to(self.dtype)

    def forward(self, x: Tensor | None, image: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Run the block.

        Args:
            x: (N, I, h, w), or None for the first block.
            image: (N, channels, h, w), or None where it is not needed any more.

        Returns:
            (N, O, h / 2, w / 2), and for the skip architecture the image at half the size.
        """
        x = self._features(x, image)
        smaller = None
        if self.pass_image and image is not None:
            smaller = downsample_images(image, self.resample_filter)
        if not self.residual:
            return self.conv1(self.conv0(x)), smaller
        y = self.skip(x, gain=_RESIDUAL_GAIN)
        return y + self.conv1(self.conv0(x), gain=_RESIDUAL_GAIN), smaller


class DiscriminatorEpilogue(nn.Module):
    """The layers of the base grid, in float32: minibatch deviation, convolution, two dense layers.

    Args:
        config: the discriminator.
        cmap_dim: width of the class embedding; 0 is unconditional.
    """

    def __init__(self, config: DiscriminatorConfig, cmap_dim: int) -> None:
        super().__init__()
        self.dtype = torch.float32
        self.cmap_dim = cmap_dim
        self.group_size, self.mbstd_channels = config.mbstd_group_size, config.mbstd_channels
        features, clamp = config.channels(4), config.conv_clamp
        taps = config.resample_filter
        self.fromrgb = None
        if config.architecture == "skip" or config.resolution == 4:
            self.fromrgb = Conv2d(
                config.img_channels, features, 1, activation="lrelu", resample_filter=taps
            )
        self.conv = Conv2d(
            features + config.mbstd_channels, features, 3, activation="lrelu", conv_clamp=clamp,
            resample_filter=taps,
        )  # fmt: skip
        h0, w0 = config.base_size
        self.fc = FullyConnected(features * h0 * w0, features, activation="lrelu")
        self.out = FullyConnected(features, cmap_dim or 1)

    def _group(self, batch: int) -> int:
        group = minibatch_group(batch, self.group_size)
        if self.group_size is not None and group < min(self.group_size, batch):
            _warn_of_group(batch, self.group_size, group)
        return group

    def _with_deviation(self, x: Tensor, parts: int) -> Tensor:
        """Append the minibatch deviation, of each part of the batch by itself."""
        group = self._group(x.shape[0] // parts)
        if group == 1:
            return minibatch_stddev(x, 1, self.mbstd_channels)
        return torch.cat([minibatch_stddev(p, group, self.mbstd_channels) for p in x.chunk(parts)])

    def convolved(self, x: Tensor | None, image: Tensor | None, parts: int = 1) -> Tensor:
        """Map (N, I, h0, w0), and for the skip architecture the image, to (N, I, h0, w0)."""
        if self.fromrgb is not None and image is not None:
            rgb: Tensor = self.fromrgb(image.to(torch.float32))
            x = rgb if x is None else x.to(torch.float32) + rgb
        assert x is not None
        x = x.to(torch.float32)
        if self.mbstd_channels:
            x = self._with_deviation(x, parts)
        y: Tensor = self.conv(x)
        return y

    def features(self, x: Tensor | None, image: Tensor | None, parts: int = 1) -> Tensor:
        """Map (N, I, h0, w0), and for the skip architecture the image, to (N, I)."""
        y: Tensor = self.fc(self.convolved(x, image, parts).flatten(1))
        return y

    def forward(
        self, x: Tensor | None, image: Tensor | None, cmap: Tensor | None, parts: int = 1
    ) -> Tensor:
        """Map (N, I, h0, w0), the image likewise, and (N, cmap_dim) to (N, 1)."""
        y: Tensor = self.out(self.features(x, image, parts))
        if cmap is None:
            return y
        return (y * cmap).sum(dim=1, keepdim=True) / math.sqrt(self.cmap_dim)


class Discriminator(BlockNetwork):
    """Images and classes to logits.

    Args:
        config: what it is made of.
    """

    fade: DiscriminatorFade | None

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__(config.resolution)
        self.config = config
        cmap_dim = (config.cmap_dim or config.channels(4)) if config.c_dim else 0
        for r in block_resolutions(config.resolution)[:0:-1]:
            self.add_module(f"b{r}", DiscriminatorBlock(config, r))
        self.mapping = None
        if config.c_dim:
            self.mapping = MappingNetwork(
                0, config.c_dim, cmap_dim, num_ws=None, num_layers=config.mapping_layers
            )
        self.b4 = DiscriminatorEpilogue(config, cmap_dim)

    def _check(self, image: Tensor) -> None:
        wanted = (self.config.img_channels, self.config.height, self.config.width)
        if image.ndim != 4 or image.shape[1:] != wanted:
            shape = ", ".join(str(n) for n in wanted)
            raise InputError(f"image should have shape (N, {shape}), not {tuple(image.shape)}")

    def _down_to_base(
        self, image: Tensor, kept: list[Tensor] | None = None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Run all blocks but the last: features, and for the skip architecture the image.

        The features of each block are appended to ``kept``.
        """
        x: Tensor | None = None
        # images come as they are decoded; in another layout, every layer would convert
        rest: Tensor | None = image.contiguous(memory_format=layout_of(self.b4.conv.weight))
        blocks = [block for _, block in self.blocks()][::-1]
        for block, following in itertools.pairwise(blocks):
            whole = rest if x is None else None
            x, rest = block(x, rest)
            if whole is not None and self.fade is not None:
                x = self.fade(x, whole, following.dtype)
            if kept is not None:
                kept.append(x)
        return x, rest

    def forward(self, image: Tensor, c: Tensor | None = None, parts: int = 1) -> Tensor:
        """Judge images: positive logits are real.

        Args:
            image: (N, channels, H, W) float32, about [-1, 1].
            c: (N, C), one-hot, for conditional networks.
            parts: batches of equal size that follow each other in ``image`` and are to be judged
                as if each came alone.

        Returns:
            (N, 1) float32.

        Raises:
            InputError: the image or c has another shape than the network's, or N is no multiple
                of ``parts``.
        """
        if parts < 1 or image.shape[0] % parts:
            raise InputError(f"{image.shape[0]} images cannot be {parts} equal parts")
        self._check(image)
        cmap = None if self.mapping is None else self.mapping(None, c)
        logits: Tensor = self.b4(*self._down_to_base(image), cmap, parts)
        return logits

    def features(self, image: Tensor) -> Tensor:
        """Return what the last dense layer judges images by, each as if it came alone.

        No image's features depend on the others: the minibatch deviation is that of one sample,
        which is a constant. They do not depend on classes either, which enter afterwards.

        Args:
            image: (N, channels, H, W) float32, about [-1, 1].

        Returns:
            (N, I) float32, I the features of the block at 4 px.

        Raises:
            InputError: the image has another shape than the network's.
        """
        self._check(image)
        features: Tensor = self.b4.features(*self._down_to_base(image), parts=len(image))
        return features

    def block_features(self, image: Tensor) -> list[Tensor]:
        """Return what each block makes of images, each image as if it came alone.

        Args:
            image: (N, channels, H, W) float32, about [-1, 1].

        Returns:
            Activations (N, O, h / 2, w / 2) after each block, from the largest down, in the type
            that the block computes in; then those of the last convolution, (N, I, h0, w0) float32.

        Raises:
            InputError: the image has another shape than the network's.
        """
        self._check(image)
        kept: list[Tensor] = []
        x, rest = self._down_to_base(image, kept)
        return [*kept, self.b4.convolved(x, rest, parts=len(image))]
