"""Samples by seed and style mixing."""

from typing import Any

import numpy as np
import pytest
import torch

import stylegen
from stylegen.editing import default_layers
from stylegen.editing.sampling import draw, seeds_to_ws
from stylegen.errors import InputError
from stylegen.networks import Generator
from tests.editing import small


def generator(**changes: Any) -> Generator:
    network = small.generator(**changes)
    with torch.no_grad():
        network.train().mapping(torch.randn(64, 8), torch.eye(3)[:1].expand(64, 3))
    return network.eval()


def test_a_seed_is_the_image_of_its_latent() -> None:
    network = generator()
    images = stylegen.generate(network, [85, 3], psi=0.7)
    assert images.shape == (2, 3, 16, 16)
    assert images.dtype == torch.uint8
    z = torch.from_numpy(np.random.RandomState(85).randn(1, 8)).float()
    expected = (network(z, psi=0.7, noise="const") * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    assert torch.equal(images[:1], expected)


@pytest.mark.parametrize("noise", ["const", "none", "random"])
def test_a_seed_gives_the_same_image_in_any_company(noise: Any) -> None:
    network = generator()
    together = stylegen.generate(network, range(9), noise=noise)
    for seed in (0, 4, 8):
        alone = stylegen.generate(network, [seed], noise=noise)
        assert torch.equal(alone[0], together[seed])


def test_random_noise_leaves_the_global_generator_alone() -> None:
    network = generator()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    stylegen.generate(network, [1], noise="random")
    assert torch.equal(torch.rand(1), expected)


def test_classes_by_name_and_by_seed() -> None:
    network = generator(c_dim=3)
    network.class_names = ("a", "b", "c")
    named = stylegen.generate(network, [4], class_name="b")
    assert torch.equal(named, stylegen.generate(network, [4], class_name=1))
    assert torch.equal(named, stylegen.generate(network, [4]))  # 4 modulo 3
    assert not torch.equal(named, stylegen.generate(network, [4], class_name="c"))
    with pytest.raises(InputError, match="the classes are: a, b, c"):
        stylegen.generate(network, [4], class_name="d")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_mixing_takes_the_chosen_layers_from_the_columns(channels: int) -> None:
    network = generator(img_channels=channels)
    mixed = stylegen.mix(network, rows=[1, 2, 3], cols=[7, 9], layers="0-1,4", psi=0.8)
    assert mixed.layers == (0, 1, 4)
    assert mixed.mixed.shape == (3, 2, channels, 16, 16)
    row_ws, col_ws = (seeds_to_ws(network, s, 0.8) for s in ([1, 2, 3], [7, 9]))
    ws = row_ws[2].clone()
    ws[[0, 1, 4]] = col_ws[1, [0, 1, 4]]
    assert torch.equal(mixed.mixed[2, 1], draw(network, ws[None])[0])
    assert torch.equal(mixed.rows, stylegen.generate(network, [1, 2, 3], psi=0.8))
    assert torch.equal(mixed.columns, stylegen.generate(network, [7, 9], psi=0.8))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("base_size", [(3, 5), (6, 4)])
def test_any_shape_and_channels(channels: int, base_size: tuple[int, int]) -> None:
    network = generator(img_channels=channels, base_size=base_size, resolution=32, c_dim=3)
    network.class_names = ("a", "b", "c")
    height, width = 8 * base_size[0], 8 * base_size[1]
    images = stylegen.generate(network, [4, 5], class_name="b")
    assert images.shape == (2, channels, height, width)
    mixed = stylegen.mix(network, [4, 6], [5, 7, 8], layers="coarse", class_name="b")
    assert mixed.layers == (0, 1, 2)  # of the blocks named 4 and 8, whatever their pixels
    assert torch.equal(mixed.rows[0], images[0])
    assert torch.equal(mixed.columns[0], images[1])
    grid = mixed.grid()
    assert grid.shape == (channels, 3 * height, 4 * width)
    assert torch.equal(grid[:, :height, width : 2 * width], images[1])
    assert torch.equal(grid[:, height : 2 * height, :width], images[0])
    assert torch.equal(grid[:, 2 * height :, 2 * width : 3 * width], mixed.mixed[1, 1])
    middle = stylegen.mix(network, [4], [5], layers="middle", class_name="b")
    assert middle.layers == (3, 4, 5, 6, 7)
    with pytest.raises(InputError, match="no fine layers"):
        stylegen.mix(network, [4], [5], layers="fine")


def test_mixing_all_layers_is_the_column_and_equal_sources_stay() -> None:
    network = generator()
    everything = stylegen.mix(network, [1, 2], [3], layers="all")
    assert torch.equal(everything.mixed[0, 0], everything.columns[0])
    assert torch.equal(everything.mixed[1, 0], everything.columns[0])
    same = stylegen.mix(network, [5], [5], layers="coarse", noise="random")
    assert torch.equal(same.mixed[0, 0], same.rows[0])


def test_random_noise_of_a_mix_belongs_to_its_row() -> None:
    network = generator()
    mixed = stylegen.mix(network, [1, 2], [3, 3, 3], noise="random")
    assert torch.equal(mixed.mixed[0, 0], mixed.mixed[0, 2])


def test_the_grid_has_its_sources_at_the_edges() -> None:
    mixed = stylegen.mix(generator(), [1, 2], [3, 4, 5])
    grid = mixed.grid()
    assert grid.shape == (3, 3 * 16, 4 * 16)
    assert (grid[:, :16, :16] == 255).all()
    assert torch.equal(grid[:, :16, 32:48], mixed.columns[1])
    assert torch.equal(grid[:, 32:, :16], mixed.rows[1])
    assert torch.equal(grid[:, 32:, 48:], mixed.mixed[1, 2])


def test_the_default_never_copies_a_source() -> None:
    for num_ws in range(2, 20, 2):
        assert 0 < len(default_layers(num_ws)) < num_ws
    assert default_layers(10) == [0, 1, 2]


def test_empty_requests_are_refused() -> None:
    with pytest.raises(InputError, match="no seeds"):
        stylegen.generate(generator(), [])
    with pytest.raises(InputError, match="at least one row"):
        stylegen.mix(generator(), [], [1])
