"""The three resizes: against torch-fidelity's, against torch's own, and against Pillow's."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from stylegen.perceptual.resizing import resized, standardised

SIZES = [(7, 5), (32, 32), (40, 43), (128, 128), (299, 299), (300, 511)]


def pictures(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(height)
    return torch.randint(256, (2, 3, height, width), generator=generator, dtype=torch.uint8)


def by_pillow(images: Tensor, side: int) -> Tensor:
    """clean-fid's resize: each channel as float, bicubic, clipped, not rounded."""
    out = np.empty((*images.shape[:2], side, side), np.float32)
    for i, image in enumerate(images.numpy()):
        for c, channel in enumerate(image):
            picture = Image.fromarray(channel.astype(np.float32))
            assert picture.mode == "F"
            out[i, c] = picture.resize((side, side), Image.Resampling.BICUBIC)
    return torch.from_numpy(out.clip(0, 255))


@pytest.mark.parametrize("size", SIZES)
def test_tf1_is_torch_fidelitys_bit_for_bit(size: tuple[int, int]) -> None:
    module = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")
    images = pictures(*size)
    expected = module.interpolate_bilinear_2d_like_tensorflow1x(
        images.float(), size=(299, 299), align_corners=False
    )
    assert torch.equal(resized(images, 299, "tf1"), expected)


@pytest.mark.parametrize("size", SIZES)
def test_pytorch_is_interpolation_of_numbers_0_to_1(size: tuple[int, int]) -> None:
    images = pictures(*size)
    expected = F.interpolate(images.float() / 255, (299, 299), mode="bilinear", align_corners=False)
    torch.testing.assert_close(resized(images, 299, "pytorch") / 255, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [224, 299])
def test_clean_is_pillows_bicubic_of_floats(size: tuple[int, int], side: int) -> None:
    images = pictures(*size)
    found = resized(images, side, "clean")
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, by_pillow(images, side), rtol=0, atol=2e-4)


def test_the_three_differ_and_bounds_hold() -> None:
    images = pictures(64, 64)
    ways = [resized(images, 299, way) for way in ("tf1", "pytorch", "clean")]
    assert (ways[0] - ways[1]).abs().mean() > 1
    assert (ways[1] - ways[2]).abs().mean() > 1
    for x in ways:
        assert x.shape == (2, 3, 299, 299)
        assert 0 <= x.min() < x.max() <= 255
    flat = torch.full((1, 3, 50, 60), 77, dtype=torch.uint8)
    for way in ("tf1", "pytorch", "clean"):
        torch.testing.assert_close(
            resized(flat, 224, way), torch.full((1, 3, 224, 224), 77.0), rtol=0, atol=1e-4
        )


def test_standardising() -> None:
    x = torch.tensor([[10.0, 20.0, 30.0]]).reshape(1, 3, 1, 1)
    means, deviations = torch.tensor([8.0, 20.0, 40.0]), torch.tensor([2.0, 1.0, 5.0])
    assert standardised(x, means, deviations).flatten().tolist() == [1, 0, -2]
