"""Published networks with weights of our own give what torch-fidelity's extractors give."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from stylegen.errors import InputError
from stylegen.perceptual import open_features
from stylegen.perceptual.locating import SCRIPT
from tests.perceptual.published import (
    deprecated,
    pictures,
    randomise,
    smooth_pictures,
)

pytest.importorskip("torch_fidelity")
INCEPTION = "torch_fidelity.feature_extractor_inceptionv3"


def test_inception_is_torch_fidelitys_bit_for_bit(inception: tuple[str, Any]) -> None:
    path, extractor = inception
    images = smooth_pictures(2, seed=1)
    network = open_features("inception", path)
    pool, logits = network(images)
    expected = extractor(images)
    assert expected[0].std(0).mean() > 0.01
    assert expected[1].std(0).mean() > 0.1
    assert torch.equal(pool, expected[0])
    assert torch.equal(logits, expected[1])
    grey = images[:, :1]
    assert torch.equal(network(grey).pool, extractor(grey.repeat(1, 3, 1, 1))[0])


def by_pillow(x: Tensor, size: tuple[int, int], **_: object) -> Tensor:
    planes = [
        Image.fromarray(plane.numpy()).resize(size, Image.Resampling.BICUBIC)
        for plane in x.flatten(0, 1)
    ]
    return torch.from_numpy(np.stack(planes).clip(0, 255)).view(*x.shape[:2], *size)


def by_torch(x: Tensor, size: tuple[int, int], **_: object) -> Tensor:
    """pytorch-fid's input, brought to what (x - 128) / 128 makes 2 x - 1 of."""
    y = 2 * F.interpolate(x / 255, size, mode="bilinear", align_corners=False) - 1
    return 128 * y + 128


@pytest.mark.parametrize(("resize", "by_hand"), [("clean", by_pillow), ("pytorch", by_torch)])
def test_inceptions_other_resizes(
    inception: tuple[str, Any], resize: Any, by_hand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, extractor = inception
    images = smooth_pictures(2, seed=1)
    usual = open_features("inception", path)
    network = usual.with_resize(resize)
    assert network.metric_name == ("clean-FID" if resize == "clean" else "FID")
    assert (usual.resize, network.resize) == ("tf1", resize)
    assert next(network.parameters()) is next(usual.parameters())
    pool = network(images).pool
    module = importlib.import_module(INCEPTION)
    monkeypatch.setattr(module, "interpolate_bilinear_2d_like_tensorflow1x", by_hand)
    expected = extractor(images)[0]
    assert (pool - expected).norm() < 1e-4 * expected.norm()
    assert (pool - usual(images).pool).norm() > 100 * (pool - expected).norm()


@pytest.mark.parametrize(("arithmetic", "tolerance"), [("fast", 1e-4), ("bf16", 0.3)])
def test_inceptions_arithmetic(
    inception: tuple[str, Any], arithmetic: Any, tolerance: float
) -> None:
    """Of few images' norms, each layer of these weights enlarges what rounding did before it."""
    path, extractor = inception
    images = smooth_pictures(2, seed=2)
    network = open_features("inception", path, arithmetic=arithmetic)
    found, expected = network(images), extractor(images)
    assert found.pool.dtype == torch.float32
    for x, y in zip(found, expected, strict=True):
        assert (x - y).norm() < tolerance * y.norm()
    if arithmetic == "bf16":
        assert (found.pool - expected[0]).norm() > 1e-4 * expected[0].norm()
    assert network.facts()["arithmetic"] == arithmetic


@pytest.mark.slow
def test_vgg16_is_torch_fidelitys(tmp_path: Path) -> None:
    from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16
    from torchvision.models import vgg16

    with torch.device("meta"):
        model = vgg16(weights=None)
    generator = torch.Generator().manual_seed(0)
    values = {}
    for name, shape in ((k, v.shape) for k, v in model.state_dict().items()):
        fan = shape[1:].numel() if len(shape) > 1 else 400
        values[name] = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
    path = tmp_path / "vgg16.pth"
    torch.save(values, path)
    extractor = FeatureExtractorVGG16(
        "vgg16", ["fc2_relu"], feature_extractor_weights_path=str(path)
    )
    network = open_features("vgg16", path)
    images = pictures(2)
    (expected,) = extractor(images)
    assert expected.std(0).mean() > 0.01
    torch.testing.assert_close(network(images).pool, expected, rtol=1e-6, atol=1e-7)
    assert network.metric_name == "FD (vgg16)"
    assert "not the published file" in network.notes[0]


class Published(nn.Module):
    """What OpenAI's archives look like from outside, small."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual
        self.text_projection = nn.Parameter(torch.randn(8, 512))

    def forward(self, x: Tensor) -> Tensor:
        return self.visual(x) @ self.text_projection.T


@pytest.fixture(scope="module")
def clip_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    module = importlib.import_module("torch_fidelity.feature_extractor_clip")
    visual = module.CLIPVisual(512, 64, 2, 64, 32).visual
    randomise(visual)
    path = tmp_path_factory.mktemp("clip") / "archive.pt"
    with deprecated():
        traced = torch.jit.trace(Published(visual), torch.randn(1, 3, 64, 64))
        torch.jit.save(traced, path)
    return path


def test_clip_is_torch_fidelitys(clip_archive: Path) -> None:
    module = importlib.import_module("torch_fidelity.feature_extractor_clip")
    with deprecated():
        extractor = module.FeatureExtractorCLIP(
            "clip-vit-b-32", ["clip"], feature_extractor_weights_path=str(clip_archive)
        )
    images = pictures(3)
    (expected,) = extractor(images)
    assert expected.std(0).mean() > 0.01
    network = open_features("clip_vitb32", f"{SCRIPT}{clip_archive}")
    torch.testing.assert_close(network(images).pool, expected, rtol=1e-5, atol=1e-6)
    assert network(images).pool.shape == (3, 512)
    half = open_features("clip_vitb32", f"{SCRIPT}{clip_archive}", arithmetic="bf16")
    assert (half(images).pool - expected).norm() < 0.05 * expected.norm()


def test_clips_code_runs_only_where_it_is_allowed(clip_archive: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds code beside its tensors: .* torchscript:"):
        open_features("clip_vitb32", clip_archive)
    plain = tmp_path / "plain.pth"
    with deprecated():
        values = dict(torch.jit.load(clip_archive).state_dict())
    torch.save(values, plain)
    images = pictures(2)
    torch.testing.assert_close(
        open_features("clip_vitb32", plain)(images).pool,
        open_features("clip_vitb32", f"{SCRIPT}{clip_archive}")(images).pool,
    )
    with pytest.raises(InputError, match="512 features where clip_vitl14 has 768"):
        open_features("clip_vitl14", plain)
    torch.save({"x": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="not those of a CLIP network"):
        open_features("clip_vitb32", tmp_path / "other.pth")
    (tmp_path / "text.pt").write_bytes(b"no archive")
    with pytest.raises(InputError, match="not a readable weights file"):
        open_features("clip_vitb32", f"{SCRIPT}{tmp_path / 'text.pt'}")
