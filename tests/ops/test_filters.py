"""Filters, and resampling with them: closed forms and sizes."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from stylegen.errors import InputError
from stylegen.ops import downsample2d, filter2d, setup_filter, upsample2d

BINOMIAL = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def test_default_is_the_normalised_binomial():
    np.testing.assert_allclose(setup_filter().numpy(), BINOMIAL, rtol=1e-6)
    assert setup_filter().dtype == torch.float32


def test_none_is_the_identity():
    assert setup_filter(None).tolist() == [[1]]


def test_flip_and_gain():
    f = setup_filter([1, 2, 5], normalize=False, flip=True, gain=4)
    np.testing.assert_allclose(f.numpy(), 4 * np.outer([5, 2, 1], [5, 2, 1]))


def test_gain_of_a_separable_filter_is_that_of_both_passes():
    f = setup_filter([1, 2, 1], gain=4, separable=True)
    np.testing.assert_allclose(f.numpy(), [0.5, 1, 0.5])


@pytest.mark.parametrize(("taps", "dimensions"), [(7, 2), (8, 1)])
def test_long_filters_stay_separable(taps, dimensions):
    assert setup_filter([1.0] * taps).ndim == dimensions


def test_the_given_tensor_is_left_alone():
    taps = torch.ones(8)
    setup_filter(taps, gain=2)
    assert taps.tolist() == [1] * 8


@pytest.mark.parametrize(
    ("taps", "separable", "message"),
    [
        (torch.zeros(1, 1, 1), None, "1 or 2 dimensions"),
        ([], None, "1 or 2 dimensions"),
        ([[1, 2], [3, 4]], True, "cannot be made separable"),
    ],
)
def test_setup_errors(taps, separable, message):
    with pytest.raises(InputError, match=message):
        setup_filter(taps, separable=separable)


@pytest.mark.parametrize("taps", [[1, 2, 3], [1, 3, 3, 1], [1, 2, 3, 4, 5, 6, 7, 8, 9]])
def test_filter2d_keeps_the_size_and_equals_scipy(taps):
    x, f = torch.randn(1, 1, 12, 13, dtype=torch.float64), setup_filter(taps)
    y = filter2d(x, f)
    kernel = np.outer(taps, taps) / sum(taps) ** 2
    origin = 0 if len(taps) % 2 else -1  # even filters reach one pixel further to the left
    expected = scipy.ndimage.convolve(x[0, 0].numpy(), kernel, mode="constant", origin=origin)
    np.testing.assert_allclose(y[0, 0].numpy(), expected, atol=1e-6)


def test_filter2d_pads_further():
    assert filter2d(torch.randn(1, 1, 6, 5), setup_filter(), padding=(1, 0, 2, 0)).shape[2:] == (
        8,
        6,
    )


@pytest.mark.parametrize(
    ("up", "taps"),
    [
        (2, [1, 1]),
        (2, [1, 3, 3, 1]),
        ((1, 2), [1, 2, 1]),
        ((2, 4), [1, 1, 1, 1]),
        (3, [1, 2, 3, 2, 1]),
    ],
)
def test_upsampling_keeps_constants(up, taps):
    ux, uy = (up, up) if isinstance(up, int) else up
    y = upsample2d(torch.ones(1, 2, 8, 9), setup_filter(taps), up=up)
    assert y.shape == (1, 2, 8 * uy, 9 * ux)
    inner = y[:, :, 3 * uy : -3 * uy, 3 * ux : -3 * ux]
    torch.testing.assert_close(inner, torch.ones_like(inner))


def test_upsampling_with_a_box_repeats():
    x = torch.randn(2, 3, 5, 4)
    expected = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(upsample2d(x, setup_filter([1, 1])), expected)


def test_downsampling_with_a_box_is_the_mean():
    x = torch.randn(2, 3, 6, 8)
    expected = x.unflatten(2, (3, 2)).unflatten(4, (4, 2)).mean([3, 5])
    torch.testing.assert_close(downsample2d(x, setup_filter([1, 1])), expected)


@pytest.mark.parametrize("down", [2, 3, (1, 2)])
def test_downsampling_sizes(down):
    dx, dy = (down, down) if isinstance(down, int) else down
    y = downsample2d(torch.randn(1, 1, 12, 18), setup_filter(), down=down)
    assert y.shape[2:] == (12 // dy, 18 // dx)


def test_down_is_the_adjoint_of_up():
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64)
    y = torch.randn(1, 2, 10, 12, dtype=torch.float64)
    f = setup_filter()
    left, right = (upsample2d(x, f) * y).sum(), (x * downsample2d(y, f, gain=4)).sum()
    torch.testing.assert_close(left, right)
