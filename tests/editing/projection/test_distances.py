"""Distances: the formulas written out, each image alone, and what opening one refuses."""

import copy
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.models import vgg16

from stylegen.editing.projection import DISTANCES, Distance, open_distance
from stylegen.editing.projection.distances import PIXEL_WEIGHT, pyramid
from stylegen.editing.projection.perceptual import lpips_at_hand, within
from stylegen.errors import InputError
from stylegen.perceptual import open_features
from tests.editing.projection import small

SQUEEZENET = "data/weights/squeezenet1_1_caffe_features.pth"


def pictures(n: int = 3, channels: int = 3, height: int = 16, width: int = 16) -> Tensor:
    random = torch.Generator().manual_seed(n * height)
    return torch.rand(n, channels, height, width, generator=random) * 2 - 1


def pyramid_by_hand(x: Tensor, y: Tensor) -> Tensor:
    """16 px: levels of 16, 8 and 4 px."""
    d = (x - y).double()
    levels = [d]
    for _ in range(2):
        d = (d[..., ::2, ::2] + d[..., 1::2, ::2] + d[..., ::2, 1::2] + d[..., 1::2, 1::2]) / 4
        levels.append(d)
    return sum(level.square().mean(dim=(1, 2, 3)) for level in levels) / 3


def test_pyramid_is_the_formula() -> None:
    x, y = pictures(), pictures().flip(3)
    distance = open_distance("pyramid")
    expected = PIXEL_WEIGHT * pyramid_by_hand(x, y)
    torch.testing.assert_close(distance(x, y).double(), expected, rtol=1e-5, atol=0)
    assert [level.shape[2:] for level in pyramid(pictures(1, 3, 20, 12))] == [(20, 12), (10, 6)]


def test_discriminator_is_the_formula() -> None:
    g = small.generator()
    d = small.discriminator(g)
    x, y = pictures(), pictures().flip(3)
    parts = []
    for a, b in zip(d.block_features(x), d.block_features(y), strict=True):
        a, b = a.double(), b.double()
        cosine = (a * b).sum(1) / (a.square().sum(1) * b.square().sum(1)).sqrt()
        parts.append((2 - 2 * cosine).mean(dim=(1, 2)))  # |u(a) - u(b)|^2
    expected = sum(parts) / 3 + PIXEL_WEIGHT * pyramid_by_hand(x, y)
    actual = open_distance("discriminator", discriminator=d)(x, y)
    torch.testing.assert_close(actual.double(), expected, rtol=1e-4, atol=1e-6)


def layers_by_hand(network: Any, x: Tensor) -> list[Tensor]:
    """Seven layers of SqueezeNet, at 96 px."""
    x = torch.nn.functional.interpolate(x, (96, 96), mode="bicubic", antialias=True)
    x = ((x + 1) * 127.5)[:, [2, 1, 0]] - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    kept: dict[int, Tensor] = {}
    for i, layer in enumerate(network.layers):
        x = layer(x)
        kept[i] = x
    return [kept[i] for i in (1, 4, 7, 9, 10, 11, 12)]


def test_squeezenet_is_the_formula(shared: Path) -> None:
    network = open_features("squeezenet", shared / SQUEEZENET)
    x, y = pictures(2), pictures(2).flip(3)
    parts = []
    for a, b in zip(layers_by_hand(network, x), layers_by_hand(network, y), strict=True):
        ua, ub = (t / (t.square().sum(1, keepdim=True) + 1e-8).sqrt() for t in (a, b))
        parts.append((ua - ub).square().sum(1).mean(dim=(1, 2)))
    expected = sum(parts) / 7 + PIXEL_WEIGHT * pyramid_by_hand(x, y).float()
    distance = open_distance("squeezenet", weights=shared / SQUEEZENET)
    torch.testing.assert_close(distance(x, y), expected, rtol=1e-4, atol=1e-5)
    grey = x[:, :1]
    torch.testing.assert_close(
        distance.features(grey).layers[0], distance.features(grey.expand(-1, 3, -1, -1)).layers[0]
    )
    with pytest.raises(InputError, match="not 4 channels"):
        distance.features(pictures(1, 4))


def test_lpips_is_torch_fidelitys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lpips = pytest.importorskip("torch_fidelity.sample_similarity_lpips")
    torch.manual_seed(1)
    widths = (64, 128, 256, 512, 512)
    heads = {f"lin{i}.model.1.weight": torch.rand(1, c, 1, 1) for i, c in enumerate(widths)}
    with torch.device("meta"):
        shapes = vgg16(weights=None).features
    layers = shapes.to_empty(device="cpu")
    for value in layers.parameters():
        torch.nn.init.normal_(value, std=(2 / value[0].numel()) ** 0.5 if value.ndim > 1 else 0.1)
    theirs_of_vgg = types.SimpleNamespace(features=copy.deepcopy(layers))
    monkeypatch.setattr(lpips, "load_state_dict_from_url", lambda *a, **k: heads)
    monkeypatch.setattr(lpips, "torchvision_load_pretrained_vgg16", lambda: theirs_of_vgg)
    theirs = lpips.SampleSimilarityLPIPS("x")
    for name, values in (("VGG16", layers.state_dict(prefix="features.")), ("LPIPS_VGG", heads)):
        torch.save(values, tmp_path / name)
        monkeypatch.setenv(f"STYLEGEN_WEIGHTS_{name}", str(tmp_path / name))
    assert lpips_at_hand()
    ours = open_distance("lpips-vgg")
    x, y = pictures(2, 3, 32, 40), pictures(2, 3, 32, 40).flip(3)
    expected = theirs((x + 1) * 127.5, (y + 1) * 127.5)
    torch.testing.assert_close(ours(x, y), expected, rtol=1e-4, atol=1e-6)


def test_lpips_without_weights_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VGG16", "LPIPS_VGG"):
        monkeypatch.setenv(f"STYLEGEN_WEIGHTS_{name}", str(tmp_path / name))
    assert not lpips_at_hand()
    with pytest.raises(InputError, match=r"lpips-vgg could not get its weights: .*VGG16"):
        open_distance("lpips-vgg")


def test_images_are_brought_within_limits() -> None:
    assert within(pictures(1, 3, 16, 32), 96).shape == (1, 3, 96, 192)
    assert within(pictures(1, 3, 100, 120), 96).shape == (1, 3, 100, 120)
    large = pictures(1, 3, 512, 384)
    torch.testing.assert_close(
        within(large, 96), torch.nn.functional.avg_pool2d(large, 2), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", ["discriminator", "pyramid"])
def test_every_distance_is_of_its_own_pair(name: str) -> None:
    g = small.generator()
    d = small.discriminator(g) if name == "discriminator" else None
    distance: Distance = open_distance(name, discriminator=d)
    x, y = pictures(4), pictures(4).flip(3)
    together = distance(x, y)
    assert together.shape == (4,)
    torch.testing.assert_close(together[2:3], distance(x[2:3], y[2:3]), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(distance(x, x), torch.zeros(4), rtol=0, atol=0)
    one = distance.features(y[:1])
    expected = distance(x, y[:1].expand(4, -1, -1, -1))
    torch.testing.assert_close(distance.between(distance.features(x), one), expected)


def test_opening_says_what_is_missing() -> None:
    for name in DISTANCES:
        assert name
    with pytest.raises(InputError, match="known: discriminator, pyramid, squeezenet, lpips-vgg"):
        open_distance("vgg")
    with pytest.raises(InputError, match="needs the snapshot's discriminator"):
        open_distance("discriminator")
    with pytest.raises(InputError, match="squeezenet needs its weights"):
        open_distance("squeezenet")
    with pytest.raises(InputError, match="reads no weights file"):
        open_distance("pyramid", weights="x.pth")
