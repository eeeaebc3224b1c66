"""FID, KID and Inception Score of two folders equal torch-fidelity's, with one set of weights.

Inception is initialised anew with a larger scale: as it comes, its features barely vary, and a
comparison would assert nothing.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from stylegen.errors import InputError
from stylegen.metrics import EvaluateConfig, evaluate
from stylegen.perceptual import open_features

torch_fidelity = pytest.importorskip("torch_fidelity")


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


def unloaded_inception() -> Any:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Unloaded(FeatureExtractorInceptionV3):  # type: ignore[misc]
        def load_state_dict(self, *_: object) -> None:
            """Keep what it was initialised with."""

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    layers = ["2048", "logits_unbiased"]
    return Unloaded("inception-v3-compat", layers, feature_extractor_weights_path=nothing)


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
    save_pictures(folder / "b", 11, 120, seed=1)
    network = unloaded_inception()
    initialise(network, read_pictures(folder / "a")[:6])
    torch.save(network.state_dict(), folder / "weights.pth")
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
def test_two_folders_score_as_torch_fidelity_says(material: Path) -> None:
    a, b, weights = (str(material / name) for name in ("a", "b", "weights.pth"))
    config = EvaluateConfig(
        a=a, against=b, metrics=("fid", "kid", "is"), weights=weights, batch=8, device="cpu"
    )
    metrics = evaluate(config).metrics
    expected = torch_fidelity.calculate_metrics(
        input1=a, input2=b, cuda=False, isc=True, fid=True, kid=True, kid_subset_size=11,
        cache=False, batch_size=8, verbose=False, feature_extractor_weights_path=weights,
    )  # fmt: skip
    assert expected["inception_score_mean"] > 1.05
    assert expected["frechet_inception_distance"] > 1
    fid, score = metrics["fid"], metrics["is"]
    assert fid.name == "FID"
    assert fid.value == pytest.approx(expected["frechet_inception_distance"], rel=1e-6)
    assert metrics["kid"].name == "KID"
    for value, key in ((metrics["kid"].value, "mean"), (metrics["kid"].std, "std")):
        assert value == pytest.approx(expected[f"kernel_inception_distance_{key}"], rel=1e-4)
    assert score.value == pytest.approx(expected["inception_score_mean"], rel=1e-6)
    assert score.std == pytest.approx(expected["inception_score_std"], rel=1e-6)


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
