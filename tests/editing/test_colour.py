"""Colours are matched as the closed form of Gaussian optimal transport says."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from stylegen.editing.colour import colour_statistics, match_colours, transport
from stylegen.errors import InputError


def picture(seed: int, channels: int = 3, size: tuple[int, int] = (40, 31)) -> Tensor:
    """Correlated colours that lie well within 0 to 255."""
    rng = np.random.RandomState(seed)
    mixing = rng.randn(channels, channels) * 5 + np.eye(channels) * 12
    x = mixing @ rng.randn(channels, size[0] * size[1]) + rng.uniform(100, 150, (channels, 1))
    return torch.from_numpy(x.round().clip(0, 255).astype(np.uint8)).reshape(1, channels, *size)


def covariance(seed: int) -> np.ndarray:
    a = np.random.RandomState(seed).randn(3, 3) * 20
    return a @ a.T + np.eye(3)


def test_statistics_are_numpys() -> None:
    image = picture(1)
    x = image[0].reshape(3, -1).numpy().astype(np.float64)
    found = colour_statistics(image)
    np.testing.assert_allclose(found.mean[0], x.mean(1), rtol=1e-12)
    np.testing.assert_allclose(found.covariance[0], np.cov(x, bias=True), rtol=1e-10)


def test_transparent_pixels_do_not_count_and_stay() -> None:
    image = torch.cat([picture(1), torch.full((1, 1, 40, 31), 255, dtype=torch.uint8)], 1)
    half = image.clone()
    half[:, :, 20:] = 7
    half[:, 3, 20:] = 0
    found, wanted = colour_statistics(half), colour_statistics(image[:, :, :20])
    torch.testing.assert_close(found.mean, wanted.mean)
    torch.testing.assert_close(found.covariance, wanted.covariance)
    matched = match_colours(half, image.flip(1)[:, [1, 2, 3, 0]])
    assert torch.equal(matched[:, 3], half[:, 3])
    invisible = half.clone()
    invisible[:, 3] = 0
    assert match_colours(invisible, image).shape == image.shape


def test_transport_is_the_formula_of_scipys_roots() -> None:
    s, t = covariance(1), covariance(2)
    root = sqrtm(s)
    inverse = np.linalg.inv(root)
    expected = inverse @ sqrtm(root @ t @ root) @ inverse
    found = transport(torch.from_numpy(s)[None], torch.from_numpy(t)[None])[0].numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(found @ s @ found.T, t, rtol=1e-9)
    np.testing.assert_allclose(found, found.T, rtol=1e-9, atol=1e-12)


def test_uncorrelated_channels_are_scaled_by_their_deviations() -> None:
    s, t = torch.tensor([4.0, 100.0, 25.0]), torch.tensor([16.0, 1.0, 25.0])
    found = transport(torch.diag(s.double())[None], torch.diag(t.double())[None])[0]
    torch.testing.assert_close(found, torch.diag(torch.tensor([2.0, 0.1, 1.0]).double()))


@pytest.mark.parametrize("channels", [1, 3])
def test_matched_pictures_have_the_others_statistics(channels: int) -> None:
    image, like = picture(3, channels), picture(4, channels, (25, 60))
    found, wanted = colour_statistics(match_colours(image, like)), colour_statistics(like)
    torch.testing.assert_close(found.mean, wanted.mean, rtol=0, atol=0.05)
    torch.testing.assert_close(found.covariance, wanted.covariance, rtol=0.01, atol=0.5)
    before = colour_statistics(image)
    assert (before.mean - wanted.mean).abs().max() > 1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_matched_with_itself_stays(channels: int) -> None:
    image = torch.from_numpy(
        np.random.RandomState(0).randint(0, 256, (2, channels, 9, 7), np.uint8)
    )
    assert torch.equal(match_colours(image, image), image)


def test_grey_pictures_stay_grey_but_for_a_shift() -> None:
    image = picture(5, 1).expand(1, 3, -1, -1)
    moved = match_colours(image, picture(6)).to(torch.int64)
    shift = colour_statistics(picture(6)).mean[0]
    for c in (1, 2):
        difference = (moved[:, c] - moved[:, 0]).double()
        assert (difference - (shift[c] - shift[0])).abs().max() <= 1


def test_constant_pictures_take_the_mean() -> None:
    like = picture(7)
    matched = match_colours(torch.full((1, 3, 4, 4), 9, dtype=torch.uint8), like)
    wanted = colour_statistics(like).mean.round().to(torch.uint8)[:, :, None, None]
    assert torch.equal(matched, wanted.expand(1, 3, 4, 4))


def test_each_picture_is_matched_by_itself() -> None:
    images, likes = (torch.cat([picture(i) for i in seeds]) for seeds in ((1, 2), (3, 4)))
    together = match_colours(images, likes)
    assert torch.equal(together[1:], match_colours(images[1:], likes[1:]))
    assert torch.equal(match_colours(images, likes[:1])[:1], together[:1])


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        match_colours(picture(1).float(), picture(1))
    with pytest.raises(InputError, match="cannot be matched"):
        match_colours(picture(1, 1), picture(1))
    with pytest.raises(InputError, match="cannot be matched"):
        match_colours(picture(1), torch.cat([picture(1)] * 2))
