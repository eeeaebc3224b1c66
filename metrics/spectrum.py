"""Colour and detail of a set of images: channel statistics, and the mean radial power spectrum.

    P(k) = mean over images, channels and frequencies f with round(|f| S) = k of
           |sum over pixels p of h_p (x_p - m) exp(-2 pi i f.p)|^2 / sum of h_p^2

with a Hann window h, so that borders are no edges, m the image's mean under it, and S the longer
side: |f| = k / S cycles a pixel, 0.5 the finest rows or columns, 0.71 the corner. Independent
pixels of variance v have P = v everywhere. Upsampling leaves its traces at the upper end, where
photos have little.

Source: Durall, Keuper and Keuper 2020, arXiv:2003.01826, for the radial mean.

N images, C channels, H height, W width, S the longer of both, K bins.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.errors import InputError

_LUMA = (0.299, 0.587, 0.114)  # of ITU-R BT.601


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageStatistics:
    """Colour and detail of a set of images; pixel values are 0 to 255.

    Attributes:
        count: N.
        mean: (C,) float64, of each channel.
        sd: (C,) float64, over all pixels of all images.
        brightness: (N,) float64, mean luma of each image.
        frequency: (K,) float64, ascending, cycles a pixel, above 0.
        power: (K,) float64.
    """

    count: int
    mean: Tensor
    sd: Tensor
    brightness: Tensor
    frequency: Tensor
    power: Tensor


def hann(size: int) -> Tensor:
    """Return a Hann window without its two zeros, (size,) float64."""
    n = torch.arange(1, size + 1, dtype=torch.float64)
    window: Tensor = torch.sin(torch.pi * n / (size + 1)).square()
    return window


def radial_bins(height: int, width: int) -> Tensor:
    """Return which bin each frequency of torch's fft2 falls in, (H, W) int64."""
    rows, columns = (torch.fft.fftfreq(n, dtype=torch.float64) for n in (height, width))
    distance = (rows.square()[:, None] + columns.square()[None]).sqrt()
    bins: Tensor = (distance * max(height, width)).round().long()
    return bins


class StatisticsTally:
    """Sums over images seen so far; all of one size.

    Args:
        channels: C, 1 or 3.
        height: H, at least 2 px.
        width: W.
        device: where images lie.
    """

    def __init__(
        self, channels: int, height: int, width: int, device: str | torch.device = "cpu"
    ) -> None:
        if channels not in (1, 3) or min(height, width) < 2:
            raise InputError(
                "colour and spectrum are taken of grey or RGB images of at least 2 px, not "
                f"{channels} channels of {height} x {width} px: composite images with transparency "
                "on a background first"
            )
        self.shape = (channels, height, width)
        self.window = (hann(height)[:, None] * hann(width)[None]).to(device)
        self.bins = radial_bins(height, width).to(device).flatten()
        self.count = 0
        zeros = torch.zeros(2, channels, dtype=torch.float64, device=device)
        self.sums, self.squares = zeros.unbind(0)
        self.power = torch.zeros(height * width, dtype=torch.float64, device=device)
        self.brightness = list[Tensor]()

    def update(self, images: Tensor) -> None:
        """Add images, uint8 (n, C, H, W).

        Raises:
            InputError: another dtype or shape than the first ones'.
        """
        if images.dtype != torch.uint8 or tuple(images.shape[1:]) != self.shape:
            raise InputError(
                f"images are {images.dtype} {tuple(images.shape)}; wanted uint8 (N, C, H, W) with "
                f"(C, H, W) {self.shape}, like the first ones"
            )
        x = images.double()
        self.count += len(x)
        self.sums += x.sum((0, 2, 3))
        self.squares += x.square().sum((0, 2, 3))
        luma = torch.tensor(_LUMA if len(self.sums) == 3 else (1.0,)).to(x)
        self.brightness.append((x.mean((2, 3)) @ luma).cpu())
        own = (x * self.window).sum((2, 3), keepdim=True) / self.window.sum()
        spectrum = torch.fft.fft2((x - own) * self.window).abs().square()
        self.power += spectrum.mean(1).sum(0).flatten()

    def finish(self) -> ImageStatistics:
        """Return the statistics.

        Raises:
            InputError: nothing was seen.
        """
        if not self.count:
            raise InputError("there are no images to take statistics of: give at least one")
        _, height, width = self.shape
        pixels = self.count * height * width
        mean = self.sums / pixels
        sd = (self.squares / pixels - mean.square()).clamp_min(0).sqrt()
        power = torch.bincount(self.bins, self.power) / torch.bincount(self.bins)
        power = power / (self.count * self.window.square().sum())
        kept = torch.arange(1, len(power), dtype=torch.float64)
        return ImageStatistics(
            count=self.count, mean=mean.cpu(), sd=sd.cpu(), brightness=torch.cat(self.brightness),
            frequency=kept / max(height, width), power=power[1:].cpu(),
        )  # fmt: skip


@torch.inference_mode()
def image_statistics(batches: Iterable[Tensor]) -> ImageStatistics:
    """Return colour and detail of images, in one pass.

    Args:
        batches: uint8 (n, C, H, W) each, all of one (C, H, W), on one device.

    Raises:
        InputError: no image, images of several sizes, of other channels or another dtype.
    """
    tally: StatisticsTally | None = None
    for images in batches:
        if images.ndim != 4:
            raise InputError(f"images are {tuple(images.shape)}; wanted batches (N, C, H, W)")
        if tally is None:
            _, channels, height, width = images.shape
            tally = StatisticsTally(channels, height, width, images.device)
        tally.update(images)
    if tally is None:
        raise InputError("there are no images to take statistics of: give at least one")
    return tally.finish()
