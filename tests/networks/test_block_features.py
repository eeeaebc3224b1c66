"""What the discriminator's blocks make of an image: the activations on the way to the logits."""

from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.networks import Discriminator, DiscriminatorConfig, grow


def discriminator(**changes: Any) -> Discriminator:
    torch.manual_seed(0)
    config = {"resolution": 16, "channel_base": 128, "mapping_layers": 2, **changes}
    return Discriminator(DiscriminatorConfig(**config)).eval()


def images(count: int, d: Discriminator) -> Tensor:
    torch.manual_seed(count)
    return torch.randn(count, d.config.img_channels, d.config.height, d.config.width)


@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
@pytest.mark.parametrize("base", [(4, 4), (3, 5)])
def test_they_are_what_the_layers_return(architecture: str, base: tuple[int, int]) -> None:
    d = discriminator(architecture=architecture, base_size=base, c_dim=2)
    seen: list[Tensor] = []
    for module in (d.b16, d.b8):
        module.register_forward_hook(lambda m, args, out: seen.append(out[0]))
    d.b4.conv.register_forward_hook(lambda m, args, out: seen.append(out))
    features = d.block_features(images(1, d))
    h, w = base
    assert [f.shape[1:] for f in features] == [(16, 2 * h, 2 * w), (32, h, w), (32, h, w)]
    for feature, expected in zip(features, seen, strict=True):
        torch.testing.assert_close(feature, expected, rtol=0, atol=0)


def test_the_last_ones_lead_to_the_features() -> None:
    d = discriminator()
    batch = images(3, d)
    last = d.block_features(batch)[-1]
    torch.testing.assert_close(d.b4.fc(last.flatten(1)), d.features(batch))


def test_each_image_is_as_if_alone() -> None:
    d = discriminator()
    batch = images(4, d)
    together, alone = d.block_features(batch), d.block_features(batch[2:3])
    for all_of_them, one in zip(together, alone, strict=True):
        torch.testing.assert_close(all_of_them[2:3], one, rtol=1e-4, atol=1e-5)


def test_a_network_without_blocks_and_one_that_grows() -> None:
    smallest = discriminator(resolution=4)
    assert len(smallest.block_features(images(2, smallest))) == 1
    grown = grow(discriminator())
    grown.set_alpha(0.5)
    features = grown.block_features(images(1, grown))
    expected = grown.features(images(1, grown))
    torch.testing.assert_close(grown.b4.fc(features[-1].flatten(1)), expected)
    assert [f.shape[2] for f in features] == [16, 8, 4, 4]


def test_other_shapes_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(N, 3, 16, 16\)"):
        discriminator().block_features(torch.zeros(1, 3, 8, 8))
