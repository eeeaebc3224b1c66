"""Image-space filtering: four bands of frequencies amplified or damped.

The zero-phase low pass P(z) = H(z) H(1/z) / 2 of a wavelet keeps the lower half of the spectrum,
and P(z) + P(-z) = 1. Nested, L_k = P(z) P(z^2) ... P(z^(2^(k-1))), L_0 = 1, keeps the lowest 2^-k;
the bands [0, pi/8], [pi/8, pi/4], [pi/4, pi/2], [pi/2, pi] are L_3, L_2 - L_3, L_1 - L_2 and
1 - L_1, whose sum is 1. A band amplified by a is paid for by all, as if the power of images was
distributed as lambda = (10, 1, 1, 1) / 13 over the bands.

Filtering along an axis of W reflected pixels is a W x W matrix, the sum of the bands' matrices
times the gains.

Source: Karras et al. 2020 (ADA), appendix B, figure "Pseudocode", image-space filtering.

N batch, C channels, H height, W width, B = 4 bands.
"""

import torch
from torch import Tensor

from stylegen.training.augment.borders import reflected
from stylegen.training.augment.chance import Chance
from stylegen.training.augment.config import Magnitudes
from stylegen.training.augment.wavelets import SYM2, Constant

BANDS = 4
_POWER = Constant(torch.tensor([10, 1, 1, 1], dtype=torch.float64) / 13)


def _convolve(a: Tensor, b: Tensor) -> Tensor:
    """Return the product of two polynomials, by their coefficients."""
    product = torch.zeros(len(a) + len(b) - 1, dtype=a.dtype)
    for k, value in enumerate(b):
        product[k : k + len(a)] += value * a
    return product


def _centred(taps: Tensor, count: int) -> Tensor:
    """Return taps with as many zeros on both sides as make their count."""
    rim = (count - len(taps)) // 2
    return torch.nn.functional.pad(taps, [rim, rim])


def band_filters() -> Tensor:
    """Return the taps of the four bands, (B, 43) float64, symmetric around the middle one."""
    h = torch.tensor(SYM2, dtype=torch.float64)
    low_pass = _convolve(h, h.flip(0)) / 2
    levels = [torch.ones(1, dtype=torch.float64)]
    for k in range(BANDS - 1):
        spread = torch.zeros((len(low_pass) - 1) * 2**k + 1, dtype=torch.float64)
        spread[:: 2**k] = low_pass
        levels.append(_convolve(levels[-1], spread))
    nested = torch.stack([_centred(level, len(levels[-1])) for level in levels[::-1]])
    return torch.diff(nested, dim=0, prepend=torch.zeros_like(nested[:1]))


def band_matrices(size: int) -> Tensor:
    """Return each band's filter along an axis of reflected pixels, (B, size, size) float64."""
    taps = band_filters()
    rim = taps.shape[1] // 2
    out = torch.arange(size)[:, None]
    source = reflected(out + torch.arange(-rim, rim + 1), size)
    matrices = torch.zeros(BANDS, size, size, dtype=torch.float64)
    where = (out.expand_as(source), source)
    for matrix, row in zip(matrices, taps, strict=True):
        matrix.index_put_(where, row.expand(source.shape), accumulate=True)
    return matrices


def draw_amplifications(m: Magnitudes, chance: Chance) -> Tensor:
    """Draw what each band is amplified by, (N, B); 1 where it is not."""
    values = [
        chance.maybe(chance.lognormal(m.imgfilter_std), 1, chance.p * often)
        for often in m.imgfilter_bands
    ]
    return torch.stack(values, 1)


def band_gains(amplifications: Tensor) -> Tensor:
    """Return the gains of the bands, (N, B), the power normalised after each amplification."""
    total = 1 + _POWER.like(amplifications) * (amplifications.square() - 1)
    return amplifications * total.rsqrt().prod(1, keepdim=True)


class BandFilter:
    """Filters images of one size.

    Args:
        height: H.
        width: W.
    """

    def __init__(self, height: int, width: int) -> None:
        self._rows, self._columns = (Constant(band_matrices(side)) for side in (height, width))

    def __call__(self, images: Tensor, gains: Tensor) -> Tensor:
        """Filter along both axes.

        Args:
            images: (N, C, H, W).
            gains: (N, B).

        Returns:
            (N, C, H, W).
        """
        gains = gains.to(images.dtype)
        rows, columns = (
            torch.tensordot(gains, bank.like(images), dims=1)[:, None]
            for bank in (self._rows, self._columns)
        )
        filtered: Tensor = rows @ (images @ columns.mT)
        return filtered
