import numpy as np
import pytest
import torch
from PIL import Image

from stylegen.errors import InputError
from stylegen.images import from_pil, from_uint8, make_grid, make_table, to_pil, to_uint8


def test_to_uint8_truncates_and_clamps_by_hand():
    x = torch.tensor([-1.5, -1.0, 0.0, 0.00393, 0.9961, 1.0, 2.0])
    # x * 127.5 + 128: -63.25, 0.5, 128, 128.501, 255.003, 255.5, 383
    assert to_uint8(x).tolist() == [0, 0, 128, 128, 255, 255, 255]
    assert to_uint8(x.to(torch.bfloat16)).dtype == torch.uint8


def test_from_uint8_reaches_both_ends_and_comes_back():
    x = torch.arange(256, dtype=torch.uint8)
    y = from_uint8(x)
    assert y.dtype == torch.float32
    assert y[0] == -1
    assert y[255] == 1
    assert torch.equal(to_uint8(y), x)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_pil_and_back(channels, mode):
    x = torch.from_numpy(np.random.RandomState(0).randint(0, 256, (channels, 5, 7), np.uint8))
    image = to_pil(x)
    assert image.mode == mode
    assert image.size == (7, 5)
    last = image.getpixel((6, 4))
    assert (last if channels > 1 else (last,)) == tuple(x[:, 4, 6].tolist())
    assert torch.equal(from_pil(image), x)


@pytest.mark.parametrize("x", [torch.zeros(3, 4, 4), torch.zeros(5, 4, 4, dtype=torch.uint8)])
def test_to_pil_refuses_what_is_no_image(x):
    with pytest.raises(InputError, match="uint8 of shape"):
        to_pil(x)


def test_from_pil_refuses_palettes():
    with pytest.raises(InputError, match="not P"):
        from_pil(Image.new("P", (2, 2)))


def test_grid_places_each_image():
    x = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 2, 2, 3)
    grid = make_grid(x, columns=3, margin=1)
    assert grid.shape == (2, 2 * 2 + 1, 3 * 3 + 2)
    expected = np.full((5, 11), 255)
    for i in range(5):
        expected[3 * (i // 3) : 3 * (i // 3) + 2, 4 * (i % 3) : 4 * (i % 3) + 3] = i
    assert np.array_equal(grid[1].numpy(), expected)
    assert make_grid(x, columns=5).shape == (2, 2, 15)


@pytest.mark.parametrize(
    ("x", "columns", "margin"),
    [
        (torch.zeros(0, 3, 2, 2, dtype=torch.uint8), 1, 0),
        (torch.zeros(1, 3, 2, 2), 1, 0),
        (torch.zeros(1, 3, 2, 2, dtype=torch.uint8), 0, 0),
        (torch.zeros(1, 3, 2, 2, dtype=torch.uint8), 1, -1),
    ],
)
def test_grid_refuses(x, columns, margin):
    with pytest.raises(InputError, match="A grid needs"):
        make_grid(x, columns, margin)


def test_a_table_has_its_rows_at_the_left_and_its_columns_above():
    rows, columns = (torch.tensor(v, dtype=torch.uint8)[:, None, None, None] for v in ([1, 2], [3]))
    cells = torch.tensor([[4], [5]], dtype=torch.uint8)[..., None, None, None]
    assert make_table(rows, columns, cells).tolist() == [[[255, 3], [1, 4], [2, 5]]]
