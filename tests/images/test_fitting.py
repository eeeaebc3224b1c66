import numpy as np
import pytest
from PIL import Image

from stylegen.errors import InputError
from stylegen.images import fit, is_square


def test_wide_image_loses_its_sides():
    pixels = np.zeros((4, 8), np.uint8)
    pixels[:, 2:6] = [10, 20, 30, 40]
    fitted = fit(Image.fromarray(pixels), 4, 4)
    assert is_square(fitted)
    assert np.asarray(fitted)[0].tolist() == [10, 20, 30, 40]


def test_tall_image_loses_top_and_bottom():
    pixels = np.arange(6, dtype=np.uint8)[:, None].repeat(2, 1)
    assert np.asarray(fit(Image.fromarray(pixels), 2, 2))[:, 0].tolist() == [2, 3]


def test_box_filter_averages():
    pixels = np.random.RandomState(0).randint(0, 256, (8, 8), np.uint8)
    means = pixels.reshape(4, 2, 4, 2).mean((1, 3))
    fitted = np.asarray(fit(Image.fromarray(pixels), 4, 4, "box")).astype(float)
    assert np.abs(fitted - means).max() <= 1


def test_filters_differ_and_rectangles_work():
    image = Image.fromarray(np.random.RandomState(0).randint(0, 256, (30, 50, 3), np.uint8))
    results = [fit(image, 12, 8, name) for name in ("lanczos", "box", "bicubic")]
    assert all(r.size == (12, 8) for r in results)
    assert len({r.tobytes() for r in results}) == 3


def test_transparent_colours_do_not_bleed():
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((250, 250, 250, 255), (0, 0, 4, 8))
    small = np.asarray(fit(image, 3, 3, "box"))
    assert small[0, 1, 3] not in (0, 255)
    assert small[0, 1, 0] >= 248


def test_wrong_requests():
    image = Image.new("L", (4, 4))
    with pytest.raises(InputError, match="at least 1x1"):
        fit(image, 0, 4)
    with pytest.raises(InputError, match="one of lanczos, box, bicubic"):
        fit(image, 2, 2, "nearest")
