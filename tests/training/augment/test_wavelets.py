"""Wavelet filters against Daubechies' construction."""

import itertools
import math

import numpy as np
import pytest
import torch

from stylegen.training.augment.wavelets import SYM2, SYM6, Constant, centre


def symlet(moments: int) -> np.ndarray:
    """Factor the half-band polynomial; of all choices of roots take the most linear phase."""
    half_band = [math.comb(moments - 1 + k, k) for k in range(moments)]
    choices = []
    for y in np.roots(half_band[::-1]):
        if y.imag < -1e-9:
            continue
        pair = np.roots([1, 4 * y - 2, 1])
        conjugate = [[z, z.conjugate()] if y.imag > 1e-9 else [z] for z in pair]
        choices.append(conjugate)
    omega = np.linspace(0.01, 0.95 * math.pi, 200)
    candidates = []
    for roots in itertools.product(*choices):
        taps = np.poly([-1] * moments + [z for group in roots for z in group]).real
        taps *= math.sqrt(2) / taps.sum()
        phase = np.unwrap(np.angle(np.exp(-1j * np.outer(omega, np.arange(len(taps)))) @ taps))
        slope = (omega @ phase) / (omega @ omega)
        candidates.append((round(float(np.abs(phase - slope * omega).max()), 6), -taps[0], taps))
    least = min(c[0] for c in candidates)
    return min((c for c in candidates if c[0] == least), key=lambda c: abs(c[1] + SIGN[moments]))[2]


SIGN = {2: SYM2[0], 6: SYM6[0]}  # a filter and its mirror image are as good: take the one meant


@pytest.mark.parametrize(("taps", "moments"), [(SYM2, 2), (SYM6, 6)])
def test_taps_are_daubechies(taps: tuple[float, ...], moments: int) -> None:
    np.testing.assert_allclose(taps, symlet(moments), atol=1e-9)


@pytest.mark.parametrize("taps", [SYM2, SYM6])
def test_orthonormal_to_shifts_by_two(taps: tuple[float, ...]) -> None:
    for shift in range(len(taps) // 2):
        product = sum(a * b for a, b in zip(taps, taps[2 * shift :], strict=False))
        assert product == pytest.approx(float(shift == 0), abs=1e-10)


def test_centre_is_the_delay_of_a_ramp() -> None:
    assert centre((1.0, 2.0, 1.0)) == 1.0
    assert centre((3.0, 1.0)) == 0.25


def test_a_constant_is_copied_once_to_each_type() -> None:
    constant = Constant(torch.tensor([1.0, 2.0], dtype=torch.float64))
    single = torch.zeros([])
    assert constant.like(single).dtype == torch.float32
    assert constant.like(single) is constant.like(torch.ones(3))
    with torch.inference_mode():
        made = Constant(torch.tensor([3.0])).like(torch.zeros([], dtype=torch.float64))
    assert not made.is_inference()
