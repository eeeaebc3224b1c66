"""Blended networks: exact parents at both ends and beside a hard swap, by hand between them."""

import copy
import logging
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.editing.blending import blend, layer_weights, parse_weights, warn_of_strangers
from stylegen.editing.restyle_config import BlendConfig
from stylegen.editing.sampling import draw, generate, seeds_to_ws
from stylegen.errors import InputError
from stylegen.networks import Generator, freeze, lay_out
from tests.editing import small


def generator(seed: int, **changes: Any) -> Generator:
    network = small.generator(seed, noise=0.1 * seed, **changes)
    network.mapping.w_avg.normal_()
    return freeze(lay_out(network))


@pytest.fixture(scope="module")
def parents() -> tuple[Generator, Generator]:
    return generator(1), generator(2)


def state(network: Generator) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def assert_equal(a: dict[str, Tensor], b: dict[str, Tensor], prefix: str) -> None:
    names = [name for name in a if name.startswith(prefix)]
    assert names
    for name in names:
        assert torch.equal(a[name], b[name]), name


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_a_hard_swap_takes_whole_blocks(architecture: Any) -> None:
    base, fine = (generator(i, architecture=architecture) for i in (1, 2))
    blended = state(blend(base, fine, BlendConfig(at=8)))
    assert_equal(blended, state(base), "mapping.")
    assert_equal(blended, state(base), "synthesis.b4.")
    assert_equal(blended, state(fine), "synthesis.b8.")
    assert_equal(blended, state(fine), "synthesis.b16.")
    assert set(blended) == set(state(base))


def test_the_image_so_far_is_the_bases_and_goes_through_the_fine_blocks(
    parents: tuple[Generator, Generator],
) -> None:
    base, fine = parents
    ws = seeds_to_ws(base, [3, 4])
    x, image = base.synthesis.b4(None, None, ws[:, 0:2], "const")
    x, image = base.synthesis.b8(x, image, ws[:, 1:4], "const")
    _, image = fine.synthesis.b16(x, image, ws[:, 3:6], "const")
    blended = blend(base, fine, BlendConfig(at=16))
    assert torch.equal(blended.synthesis(ws, noise="const"), image)
    assert not torch.equal(base.synthesis(ws, noise="const"), image)


def test_both_ends_are_the_parents_bit_for_bit(parents: tuple[Generator, Generator]) -> None:
    base, fine = parents
    nothing = blend(base, fine, BlendConfig(weights=((4, 0.0),)))
    assert torch.equal(generate(nothing, [1, 2], psi=0.7), generate(base, [1, 2], psi=0.7))
    for config in (BlendConfig(at=4), BlendConfig(weights=((4, 1.0),))):
        everything = blend(base, fine, config)
        ws = seeds_to_ws(base, [1, 2], 0.7)
        assert torch.equal(generate(everything, [1, 2], psi=0.7), draw(fine, ws))
        assert torch.equal(seeds_to_ws(everything, [1, 2], 0.7), ws)


def test_parents_stay_as_they_are() -> None:
    base, fine = generator(1), generator(2)
    before = state(base), state(fine)
    generate(base, [1])  # weights are kept ready from here on
    generate(blend(base, fine, BlendConfig(at=8, width=2)), [1])
    assert_equal(state(base), before[0], "")
    assert_equal(state(fine), before[1], "")
    assert torch.equal(generate(base, [1]), generate(copy.deepcopy(base), [1]))


def test_widths_by_hand() -> None:
    layers = ["b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1"]
    for width, wanted in {
        0: [0, 0, 0, 1, 1],
        1: [0, 0, 0, 1 / 2, 1],
        2: [0, 0, 1 / 3, 2 / 3, 1],
        3: [0, 0, 1 / 4, 2 / 4, 3 / 4],
        4: [0, 1 / 5, 2 / 5, 3 / 5, 4 / 5],
    }.items():
        found = layer_weights(BlendConfig(at=16, width=width), 16)
        assert list(found) == layers
        assert list(found.values()) == pytest.approx(wanted)


def test_weights_by_resolution() -> None:
    assert parse_weights("4:0, 8:0.2,16:1") == ((4, 0.0), (8, 0.2), (16, 1.0))
    found = layer_weights(BlendConfig(weights=((8, 0.2), (32, 1.0))), 64)
    blocks = {name.split(".")[0]: share for name, share in found.items()}
    assert blocks == {"b4": 0.0, "b8": 0.2, "b16": 0.2, "b32": 1.0, "b64": 1.0}


def test_between_the_parents_every_tensor_is_their_mean(
    parents: tuple[Generator, Generator],
) -> None:
    base, fine = state(parents[0]), state(parents[1])
    blended = state(blend(*parents, BlendConfig(at=8, width=2)))
    shares = {  # what belongs to a block as a whole goes with its last convolution
        "b4.conv1.": 1 / 3, "b4.const": 1 / 3, "b4.torgb.": 1 / 3, "b8.conv0.": 2 / 3,
        "b8.conv1.": 1, "b8.torgb.": 1, "b16.": 1,
    }  # fmt: skip
    for prefix, share in shares.items():
        names = [name for name in base if name.startswith(f"synthesis.{prefix}")]
        assert names
        for name in names:
            wanted = (1 - share) * base[name].double() + share * fine[name].double()
            torch.testing.assert_close(blended[name].double(), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 4])
def test_any_shape_and_classes(channels: int) -> None:
    shape: dict[str, Any] = {"img_channels": channels, "base_size": (3, 5), "c_dim": 3}
    base, fine = generator(1, **shape), generator(2, **{**shape, "c_dim": 0})
    base.class_names = ("a", "b", "c")
    blended = blend(base, fine, BlendConfig(at=16))
    assert generate(blended, [1], class_name="b").shape == (1, channels, 12, 20)


def test_networks_that_do_not_match_are_refused_by_name() -> None:
    base = generator(1)
    with pytest.raises(
        InputError, match=r"channel_base 128 and 64; .*synthesis\.b16.conv0.bias \(8,\) and \(4,"
    ):
        blend(base, generator(1, channel_base=64), BlendConfig(at=8))
    with pytest.raises(
        InputError, match=r"resolution 16 and 8; .*b16\.conv0\.weight \(8, 8, 3, 3\) and missing"
    ):
        blend(base, generator(1, resolution=8), BlendConfig(at=8))
    with pytest.raises(InputError, match=r"conv_clamp None and 256\.0"):
        blend(base, generator(1, conv_clamp=256.0), BlendConfig(at=8))
    with pytest.raises(InputError, match="architecture skip and resnet"):
        blend(base, generator(1, architecture="resnet"), BlendConfig(at=8))
    blend(base, generator(1, mapping_layers=1, z_dim=4), BlendConfig(at=8))  # the mapping stays


def test_mistakes_are_told(parents: tuple[Generator, Generator]) -> None:
    for wrong in ({}, {"at": 8, "weights": ((4, 1.0),)}, {"weights": ()}):
        with pytest.raises(InputError, match="either"):
            BlendConfig(**wrong)
    for wrong in ({"at": 8, "width": -1}, {"weights": ((4, 1.0),), "width": 2}):
        with pytest.raises(InputError, match="width"):
            BlendConfig(**wrong)
    with pytest.raises(InputError, match=r"weight at 8 px is 1.5"):
        BlendConfig(weights=((8, 1.5),))
    for config in (BlendConfig(at=32), BlendConfig(weights=((12, 1.0),))):
        with pytest.raises(InputError, match="these networks have 4, 8, 16"):
            blend(*parents, config)
    for text in ("", "4", "4:a", "4:0,,8:1", "4:0,4:1"):
        with pytest.raises(InputError, match="weights"):
            parse_weights(text)


def test_strangers_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert warn_of_strangers(("a", "b"), ("b", "c"))
    assert not caplog.records
    assert not warn_of_strangers(("a", "b"), ("c",))
    assert "no common ancestor" in caplog.text
