"""Photos: cropped to the network's aspect, put back, and what cannot be read."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from stylegen.editing.projection import Photo, read_photo
from stylegen.editing.projection.photos import parse_crop, paste
from stylegen.errors import InputError
from stylegen.images import fit, from_pil, read_image
from stylegen.networks import GeneratorConfig


def config(**changes: Any) -> GeneratorConfig:
    return GeneratorConfig(**{"resolution": 16, **changes})


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """50 wide, 40 high."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_the_centre_is_taken_as_elsewhere(photo: Path) -> None:
    found = read_photo(photo, config())
    assert found.box == (5, 0, 45, 40)
    expected = from_pil(fit(read_image(photo, 3), 16, 16))
    assert torch.equal(found.target, expected)


def test_a_crop_is_taken_at_the_networks_aspect(photo: Path) -> None:
    found = read_photo(photo, config(), crop=(10, 4, 16, 16))
    assert found.box == (10, 4, 26, 20)
    expected = pixels(photo)[4:20, 10:26].transpose(2, 0, 1)
    assert np.array_equal(found.target.numpy(), expected)
    wide = read_photo(photo, config(base_size=(3, 6)), crop=(0, 0, 50, 40))  # 12 x 24 px
    assert wide.box == (0, 7, 50, 32)
    assert wide.target.shape == (3, 12, 24)


def test_pasting_puts_the_crop_back(photo: Path) -> None:
    found = read_photo(photo, config(), crop=(10, 4, 16, 16))
    assert np.array_equal(np.asarray(paste(found, found.target)), pixels(photo))
    large = read_photo(photo, config())
    whole = np.asarray(paste(large, torch.zeros(3, 16, 16, dtype=torch.uint8)))
    assert whole.shape == (40, 50, 3)
    assert not whole[:, 5:45].any()
    original = pixels(photo)
    assert np.array_equal(whole[:, :5], original[:, :5])
    assert np.array_equal(whole[:, 45:], original[:, 45:])


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_channels_are_the_networks(photo: Path, channels: int, mode: str) -> None:
    found: Photo = read_photo(photo, config(img_channels=channels))
    assert found.target.shape == (channels, 16, 16)
    assert paste(found, found.target).mode == mode


def test_small_photos_are_enlarged_and_told(photo: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = read_photo(photo, config(resolution=64))
    assert found.target.shape == (3, 64, 64)
    assert "40x40 px are enlarged to 64x64 px" in caplog.text


def test_what_cannot_be_read_is_named(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"bad\.png cannot be read as a picture: not a png"):
        read_photo(tmp_path / "bad.png", config())
    with pytest.raises(InputError, match=r"none\.png cannot be opened: No such file"):
        read_photo(tmp_path / "none.png", config())
    with pytest.raises(InputError, match="goes beyond the picture, which is 50x40 px"):
        read_photo(photo, config(), crop=(30, 0, 21, 10))
    for text in ("1,2,3", "a", "1,2,0,5", "-1,2,3,4"):
        with pytest.raises(InputError, match="wanted x,y,width,height"):
            parse_crop(text)
    assert parse_crop("1, 2,30,40") == (1, 2, 30, 40)
