"""DINOv2's network against torch's own transformer layers, and torch-fidelity's way to it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.perceptual import open_features
from stylegen.perceptual.dinov2 import GatedMlp, VisionTransformer
from tests.perceptual.published import pictures, randomise


def small(width: int = 384, depth: int = 2, patches: int = 37) -> VisionTransformer:
    network = VisionTransformer(width, depth, 4 * width, False, patches)
    randomise(network)
    return network.eval()


def as_torchs(block: Any, width: int) -> nn.TransformerEncoderLayer:
    """torch's own layer with a block's weights; the gains go into the weights before them."""
    layer = nn.TransformerEncoderLayer(
        width, width // 64, 4 * width, dropout=0, activation="gelu", layer_norm_eps=1e-6,
        batch_first=True, norm_first=True, dtype=torch.float64,
    )  # fmt: skip
    g1, g2 = block.ls1.gamma[:, None], block.ls2.gamma[:, None]
    norms = {
        f"norm{i}.{k}": v
        for i in (1, 2)
        for k, v in getattr(block, f"norm{i}").state_dict().items()
    }
    values = {
        "self_attn.in_proj_weight": block.attn.qkv.weight,
        "self_attn.in_proj_bias": block.attn.qkv.bias,
        "self_attn.out_proj.weight": g1 * block.attn.proj.weight,
        "self_attn.out_proj.bias": g1[:, 0] * block.attn.proj.bias,
        "linear1.weight": block.mlp.fc1.weight,
        "linear1.bias": block.mlp.fc1.bias,
        "linear2.weight": g2 * block.mlp.fc2.weight,
        "linear2.bias": g2[:, 0] * block.mlp.fc2.bias,
        **norms,
    }
    layer.load_state_dict(values)
    return layer.eval()


@torch.no_grad()
def test_the_network_is_torchs_layers() -> None:
    network = small(width=128, patches=4)
    x = torch.randn(2, 3, 56, 56, dtype=torch.float64)
    twin = network.double()
    patches = x.unfold(2, 14, 14).unfold(3, 14, 14).permute(0, 2, 3, 1, 4, 5).flatten(3)
    weight = twin.patch_embed.proj.weight.flatten(1)
    tokens = (patches @ weight.T + twin.patch_embed.proj.bias).flatten(1, 2)
    tokens = torch.cat([twin.cls_token.expand(2, 1, -1), tokens], 1) + twin.pos_embed
    for block in twin.blocks:
        tokens = as_torchs(block, 128)(tokens)
    expected = nn.functional.layer_norm(
        tokens[:, 0], (128,), twin.norm.weight, twin.norm.bias, eps=1e-6
    )
    assert expected.std(0).mean() > 0.01
    torch.testing.assert_close(twin(x), expected, rtol=1e-9, atol=1e-9)


def cubic(t: float) -> float:
    """Keys' kernel with a = -3/4, as torch interpolates without antialias."""
    a, t = -0.75, abs(t)
    if t < 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


@torch.no_grad()
def test_positions_are_interpolated_as_the_official_code_does() -> None:
    network = small(width=64, depth=1)
    found = network.positions(16)
    assert found.shape == (1, 257, 64)
    assert torch.equal(found[:, 0], network.pos_embed[:, 0])
    weights = torch.zeros(16, 37, dtype=torch.float64)
    for i in range(16):
        at = (i + 0.5) / (16.1 / 37) - 0.5
        for j in range(int(at // 1) - 1, int(at // 1) + 3):
            weights[i, min(max(j, 0), 36)] += cubic(at - j)
    grid = network.pos_embed[0, 1:].double().view(37, 37, 64)
    expected = torch.einsum("ia,jb,abc->ijc", weights, weights, grid).flatten(0, 1)
    torch.testing.assert_close(found[0, 1:].double(), expected, rtol=0, atol=1e-4)


@torch.no_grad()
def test_the_gated_mlp() -> None:
    mlp = GatedMlp(6, 4).double()
    randomise(mlp)
    x = torch.randn(3, 6, dtype=torch.float64)
    z = x @ mlp.w12.weight.T + mlp.w12.bias
    gate = z[:, :4] / (1 + (-z[:, :4]).exp())
    expected = (gate * z[:, 4:]) @ mlp.w3.weight.T + mlp.w3.bias
    torch.testing.assert_close(mlp(x), expected)


def test_features_are_those_of_torch_fidelitys_extractor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractors = pytest.importorskip("torch_fidelity.feature_extractor_dinov2")
    network = small()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    asked: list[tuple[str, str]] = []

    def load(repository: str, name: str) -> nn.Module:
        asked.append((repository, name))
        return network

    monkeypatch.setattr(torch.hub, "load", load)
    monkeypatch.setenv("XFORMERS_DISABLED", "")  # which the extractor sets
    extractor = extractors.FeatureExtractorDinoV2("dinov2-vit-s-14", ["dinov2"])
    assert asked == [("facebookresearch/dinov2", "dinov2_vits14")]
    images = pictures(2)
    (expected,) = extractor(images)
    assert expected.std(0).mean() > 0.01
    ours = open_features("dinov2_vits14", tmp_path / "w.pth")
    torch.testing.assert_close(ours(images).pool, expected, rtol=1e-5, atol=1e-6)
    clean: Tensor = ours.with_resize("clean")(images).pool
    assert (clean - expected).norm() > 0.01 * expected.norm()


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"no sha256 is known .* get https://.*dinov2_vitl14"):
        open_features("dinov2_vitl14")
    torch.save({"x": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match="not those of a DINOv2 network"):
        open_features("dinov2_vits14", tmp_path / "x.pth")
    values = VisionTransformer(64, 1, 256, False, 4).state_dict()
    torch.save(values, tmp_path / "small.pth")
    with pytest.raises(InputError, match="64 features where dinov2_vits14 has 384"):
        open_features("dinov2_vits14", tmp_path / "small.pth")
