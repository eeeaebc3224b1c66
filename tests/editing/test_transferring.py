"""Transfer by latents: exact ends, closed forms between them, any network."""

from typing import Any

import numpy as np
import pytest
import torch

import stylegen
from stylegen.editing.colour import colour_statistics
from stylegen.editing.latents import Latents
from stylegen.editing.restyle_config import TransferConfig
from stylegen.editing.sampling import draw, draw_latents, seeds_to_ws
from stylegen.editing.transferring import blend_styles, style_layers, transfer, transfer_latents
from stylegen.errors import InputError
from tests.editing.small import generator


def latents(count: int, num_ws: int = 6, seed: int = 0) -> Latents:
    """Latents whose layers differ, as those of photos do."""
    w = np.random.RandomState(seed).randn(count, num_ws, 8).astype(np.float32)
    return Latents(w=torch.from_numpy(w), sources=tuple(f"{seed}.{i}" for i in range(count)))


def test_the_default_layers_never_copy_a_source() -> None:
    for num_ws in range(2, 20, 2):
        assert 0 < len(style_layers(num_ws)) < num_ws
    assert style_layers(8) == [3, 4, 5, 6, 7]  # 32 px: no fine layers, so all above the coarse
    assert style_layers(10) == [7, 8, 9]  # 64 px: conv0, conv1 and toRGB of its last block
    assert style_layers(18) == list(range(7, 18))


@pytest.mark.parametrize("noise", ["const", "random"])
def test_strength_0_is_the_content_bit_for_bit(noise: Any) -> None:
    network, content = generator(), latents(2)
    config = TransferConfig(strength=0, layers="all")
    made = transfer(network, content, latents(3, seed=1), config, noise=noise)
    assert torch.equal(made.contents, draw_latents(network, content, noise))
    for column in range(3):
        assert torch.equal(made.images[:, column], made.contents)


def test_all_layers_at_strength_1_are_the_style_bit_for_bit() -> None:
    network, style = generator(), latents(3, seed=1)
    made = transfer(network, latents(2), style, TransferConfig(layers="all"))
    assert torch.equal(made.styles, draw(network, style.w))
    for row in range(2):
        assert torch.equal(made.images[row], made.styles)


def test_layers_and_strength_by_hand() -> None:
    content, style = latents(2), latents(3, seed=1)
    made = transfer_latents(content, style, [1, 4], 0.25)
    assert made.w.shape == (6, 6, 8)
    c, s, w = content.w[1].numpy(), style.w[2].numpy(), made.w[5].numpy()
    np.testing.assert_array_equal(w[[0, 2, 3, 5]], c[[0, 2, 3, 5]])
    np.testing.assert_allclose(w[[1, 4]], 0.75 * c[[1, 4]] + 0.25 * s[[1, 4]], rtol=1e-5, atol=1e-6)
    assert made.sources[5] == "0.1 in the style of 1.2"


def test_seeds_in_any_role_are_those_of_a_mix() -> None:
    network = generator()
    made = transfer(network, [1, 2], [7, 9], TransferConfig(layers="3-"), psi=0.8)
    mixed = stylegen.mix(network, rows=[1, 2], cols=[7, 9], layers="3-5", psi=0.8)
    assert torch.equal(made.images, mixed.mixed)
    assert torch.equal(made.contents, mixed.rows)
    assert torch.equal(made.styles, mixed.columns)
    assert made.layers == (3, 4, 5)
    assert torch.equal(made.grid(), mixed.grid())


def test_weighted_styles_are_their_mean() -> None:
    styles = latents(3, seed=2)
    a, b, c = styles.w.double()
    mean = blend_styles(styles, [1, 2, 1])
    torch.testing.assert_close(mean.w[0].double(), (a + 2 * b + c) / 4, rtol=1e-6, atol=1e-6)
    assert torch.equal(mean.w, blend_styles(styles, [0.5, 1, 0.5]).w)
    assert torch.equal(blend_styles(styles, [0, 3, 0]).w[0], styles.w[1])
    assert mean.sources == ("0.25 2.0 + 0.5 2.1 + 0.25 2.2",)
    network = generator()
    made = transfer(
        network, latents(2), styles, TransferConfig(layers="all", style_weights=(0, 3, 0))
    )
    assert made.images.shape[:2] == (2, 1)
    assert torch.equal(made.images[0, 0], draw(network, styles.w)[1])


@pytest.mark.parametrize("weights", [[1, 1], [0, 0, 0], [2, -1, 1], [float("nan"), 1, 1]])
def test_wrong_style_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="style weights"):
        blend_styles(latents(3), weights)


@pytest.mark.parametrize("like", ["content", "style"])
def test_matched_colours_are_the_contents_or_the_styles(like: Any) -> None:
    network, content, style = generator(), latents(2), latents(3, seed=1)
    made = transfer(network, content, style, TransferConfig(match_colour=like))
    plain = transfer(network, content, style)
    wanted = made.contents[1] if like == "content" else made.styles[2]
    means = [colour_statistics(x[None]).mean for x in (made.images[1, 2], wanted)]
    before = colour_statistics(plain.images[1, 2][None]).mean
    assert (means[0] - means[1]).abs().max() < (before - means[1]).abs().max() / 2
    assert torch.equal(plain.contents, made.contents)
    untouched = TransferConfig(strength=0, match_colour="content")
    assert torch.equal(transfer(network, content, style, untouched).images[:, 0], made.contents)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_any_shape_channels_and_classes(channels: int) -> None:
    network = generator(img_channels=channels, base_size=(3, 5), c_dim=3, resolution=32)
    network.class_names = ("a", "b", "c")
    config = TransferConfig(match_colour="style")
    made = transfer(network, [4, 5], latents(1, num_ws=8), config, class_name="b")
    assert made.images.shape == (2, 1, channels, 24, 40)
    assert made.layers == (3, 4, 5, 6, 7)
    ws = seeds_to_ws(network, [5], class_name="b")
    assert torch.equal(made.contents[1:], draw(network, ws))
    assert torch.equal(made.latents.w[1, :3], ws[0, :3])


def test_mistakes_are_told() -> None:
    network = generator()
    with pytest.raises(InputError, match=r"strength is 1\.5; wanted 0 to 1"):
        TransferConfig(strength=1.5)
    with pytest.raises(InputError, match="match_colour"):
        TransferConfig(match_colour="both")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="6 layers and width 8"):
        transfer(network, latents(1, num_ws=8), [1])
    with pytest.raises(InputError, match="no fine layers"):
        transfer(network, [1], [2], TransferConfig(layers="fine"))
