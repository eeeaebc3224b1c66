"""FID, KID, IS, precision and recall of two folders equal torch-fidelity's, weights being equal.

Inception is initialised anew with a larger scale: as it comes, its features barely vary, and a
comparison would assert nothing.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from stylegen.errors import InputError
from stylegen.metrics import EvaluateConfig, evaluate
from stylegen.metrics.report import Metric
from stylegen.perceptual import open_features
from stylegen.perceptual.fidelity import part
from tests.perceptual.published import unloaded_inception

torch_fidelity = pytest.importorskip("torch_fidelity")
FeatureExtractorBase: Any = part("feature_extractor_base", "FeatureExtractorBase", "the test")
FEATURE_EXTRACTORS_REGISTRY: Any = part("registry", "FEATURE_EXTRACTORS_REGISTRY", "the test")


def save_pictures(folder: Path, count: int, low: int, seed: int) -> None:
    """Smooth random colours plus noise, 40 px."""
    folder.mkdir()
    rng = np.random.RandomState(seed)
    for i in range(count):
        blobs = Image.fromarray(rng.randint(low, 256, (5, 5, 3)).astype(np.uint8))
        x = np.asarray(blobs.resize((40, 40), Image.Resampling.BICUBIC)).astype(int)
        x = np.clip(x + rng.randint(-20, 21, x.shape), 0, 255).astype(np.uint8)
        Image.fromarray(x).save(folder / f"{i:02}.png")


def read_pictures(folder: Path) -> torch.Tensor:
    pixels = np.stack([np.array(Image.open(path)) for path in sorted(folder.iterdir())])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


@torch.inference_mode()
def initialise(network: Any, images: torch.Tensor) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        network.fc.reset_parameters()
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    network(images)
    network.eval()
    network.fc.weight.mul_(2 / network(images)[1].std(0).mean())


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parity")
    save_pictures(folder / "a", 14, 0, seed=0)
    save_pictures(folder / "b", 11, 75, seed=1)
    network = unloaded_inception()
    initialise(network, read_pictures(folder / "a")[:6])
    torch.save(network.state_dict(), folder / "weights.pth")
    return folder


def calculated(material: Path, **options: Any) -> dict[str, float]:
    """Return torch-fidelity's numbers of the two folders."""
    a, b = str(material / "a"), str(material / "b")
    usual: dict[str, Any] = {"cuda": False, "cache": False, "batch_size": 8, "verbose": False}
    found: dict[str, float] = torch_fidelity.calculate_metrics(
        input1=a, input2=b, **usual, **options
    )
    return found


def measured(material: Path, metrics: tuple[str, ...], **options: Any) -> dict[str, Metric]:
    config = EvaluateConfig(
        a=str(material / "a"), against=str(material / "b"), metrics=metrics, batch=8, device="cpu",
        cache=False, weights=str(material / "weights.pth"), **options,
    )  # fmt: skip
    return evaluate(config).metrics


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_two_folders_score_as_torch_fidelity_says(material: Path) -> None:
    metrics = measured(
        material, ("fid", "kid", "is", "precision", "recall"), protocols=("torch-fidelity",)
    )
    expected = calculated(
        material, isc=True, fid=True, kid=True, prc=True, kid_subset_size=11,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(material / "weights.pth"),
    )  # fmt: skip
    assert expected["inception_score_mean"] > 1.05
    assert expected["frechet_inception_distance"] > 1
    assert 0 < expected["precision"] < 1
    assert 0 < expected["recall"] < 1
    fid, score = metrics["fid"], metrics["is"]
    assert fid.name == "FID"
    assert fid.value == pytest.approx(expected["frechet_inception_distance"], rel=1e-6)
    assert metrics["kid"].name == "KID"
    for value, key, rel in (
        (metrics["kid"].value, "mean", 1e-6), (metrics["kid"].std, "std", 1e-5),
    ):  # fmt: skip
        assert value == pytest.approx(expected[f"kernel_inception_distance_{key}"], rel=rel)
    assert score.value == pytest.approx(expected["inception_score_mean"], rel=1e-6)
    assert score.std == pytest.approx(expected["inception_score_std"], rel=1e-6)
    for share in ("precision", "recall"):  # torch-fidelity's are means in float32
        assert np.float32(metrics[share].value) == np.float32(expected[share])
    usual = measured(material, ("fid",))["fid"].value  # without a protocol: arithmetic "fast"
    assert usual != fid.value
    assert usual == pytest.approx(fid.value, rel=3e-6)


class Pooled(FeatureExtractorBase):  # type: ignore[misc]
    """The SqueezeNet of this package as torch-fidelity's feature extractor."""

    weights: str

    def __init__(self, name: str, features_list: list[str], **_: Any) -> None:
        super().__init__(name, features_list)
        self.network = open_features("squeezenet", self.weights)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("pool",)

    @staticmethod
    def get_default_feature_layer_for_metric(_: str) -> str:
        return "pool"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.network(images).pool,)


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_trained_features_score_as_torch_fidelity_says(
    material: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SqueezeNet of ImageNet, registered there as an extractor of one's own."""
    weights = str(shared / "data/weights/squeezenet1_1_caffe_features.pth")
    monkeypatch.setattr(Pooled, "weights", weights, raising=False)
    monkeypatch.setitem(FEATURE_EXTRACTORS_REGISTRY, "pooled", Pooled)
    expected = calculated(
        material, fid=True, kid=True, prc=True, kid_subset_size=11, feature_extractor="pooled",
    )  # fmt: skip
    config = EvaluateConfig(
        a=str(material / "a"), against=str(material / "b"), batch=8, device="cpu", cache=False,
        metrics=("fid", "kid", "precision", "recall"), features="squeezenet", weights=weights,
    )  # fmt: skip
    metrics = evaluate(config).metrics
    assert metrics["fd_squeezenet"].value == pytest.approx(
        expected["frechet_inception_distance"], rel=1e-6
    )
    for key in ("mean", "std"):
        value = getattr(metrics["kid_squeezenet"], {"mean": "value"}.get(key, key))
        assert value == pytest.approx(expected[f"kernel_inception_distance_{key}"], rel=1e-6)
    for share in ("precision", "recall"):
        assert np.float32(metrics[share].value) == np.float32(expected[share])


def test_other_weights_than_inceptions(material: Path, tmp_path: Path) -> None:
    state = torch.load(material / "weights.pth", weights_only=True)
    state["extra"] = torch.zeros(1)
    del state["fc.bias"]
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"x\.pth .*fc\.bias.*extra"):
        open_features("inception", tmp_path / "x.pth")


def test_a_truncated_inception_file(shared: Path) -> None:
    with pytest.raises(InputError, match="cut off after 818,371 of 95,628,359 bytes"):
        open_features("inception", shared / "data/weights/inception_truncated.pth")


def test_unpublished_weights_are_noted(material: Path) -> None:
    (note,) = open_features("inception", material / "weights.pth").notes
    assert "not the published file" in note
