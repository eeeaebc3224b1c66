"""Wavelet filters, and constants that lie where they are needed.

The low-pass filters of Daubechies' least asymmetric wavelets ("symlets"): M vanishing moments in
2 M taps, orthonormal to their own shifts by two, so that upsampling with one and downsampling with
it reversed gives back the signal.

Source: Daubechies, "Ten Lectures on Wavelets" (1992), section 8.1.
"""

import math

import torch
from torch import Tensor

SYM2 = tuple(
    (a + b * math.sqrt(3)) / (4 * math.sqrt(2)) for a, b in ((1, -1), (3, -1), (3, 1), (1, 1))
)
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)


def centre(taps: tuple[float, ...]) -> float:
    """Return the centre of a low-pass filter's weight: by how much it delays a ramp."""
    return sum(k * tap for k, tap in enumerate(taps)) / sum(taps)


class Constant:
    """A tensor of numbers, copied once to each device and type that asks for it.

    Args:
        values: the numbers, float64 on the CPU.
    """

    def __init__(self, values: Tensor) -> None:
        self._values = values
        self._copies: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def like(self, x: Tensor) -> Tensor:
        """Return the numbers on the device of ``x``, in its type."""
        key = (x.device, x.dtype)
        if key not in self._copies:
            with torch.inference_mode(False):
                self._copies[key] = self._values.to(x.device, x.dtype)
        return self._copies[key]
