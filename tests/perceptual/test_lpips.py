"""LPIPS against torch-fidelity's, and against its equation written out."""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.perceptual.lpips import TRUNKS, Lpips, Trunk
from tests.perceptual.published import randomise

WIDTHS: dict[str, tuple[int, ...]] = {
    "vgg": (64, 128, 256, 512, 512),
    "alex": (64, 192, 384, 256, 256),
    "squeeze": (64, 128, 256, 384, 384, 512, 512),
}
NAMES = {"vgg": "vgg16", "alex": "alexnet", "squeeze": "squeezenet1_1"}


def images(side: int = 40, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = torch.rand((2, 3, side, side), generator=generator) * 2 - 1
    return a, (a + 0.3 * torch.randn(a.shape, generator=generator)).clamp(-1, 1)


def heads(trunk: str) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        f"lin{i}.model.1.weight": torch.rand((1, width, 1, 1), generator=generator)
        for i, width in enumerate(WIDTHS[trunk])
    }


def convolutions(trunk: str) -> nn.Sequential:
    """The convolutional part of a network, as torchvision has it."""
    from torchvision.models import get_model

    with torch.device("meta"):
        features: nn.Sequential = get_model(NAMES[trunk], weights=None).features
    features.to_empty(device="cpu")
    with torch.no_grad():
        for parameter in features.parameters():
            parameter.zero_()
    randomise(features)
    return features.eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("lpips")
    found = {}
    for trunk in TRUNKS:
        values = {f"features.{k}": v for k, v in convolutions(trunk).state_dict().items()}
        values["classifier.1.weight"] = torch.zeros(1)
        torch.save(values, folder / f"{trunk}.pth")
        torch.save(heads(trunk), folder / f"{trunk}-heads.pth")
        found[trunk] = (folder / f"{trunk}.pth", folder / f"{trunk}-heads.pth")
    return found


def test_vgg_is_torch_fidelitys(
    files: dict[str, tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = pytest.importorskip("torch_fidelity.sample_similarity_lpips")
    whole = SimpleNamespace(features=convolutions("vgg"))
    monkeypatch.setattr(module, "torchvision_load_pretrained_vgg16", lambda: whole)
    monkeypatch.setattr(module, "load_state_dict_from_url", lambda *_, **__: heads("vgg"))
    theirs = module.SampleSimilarityLPIPS("lpips-vgg16")
    a, b = images()
    expected = theirs((a + 1) * 127.5, (b + 1) * 127.5)
    ours = Lpips("vgg", *files["vgg"])
    assert expected.min() > 0.01
    torch.testing.assert_close(ours(a, b), expected, rtol=1e-4, atol=0)
    assert ours(a, a).tolist() == [0, 0]


@torch.no_grad()
@pytest.mark.parametrize("trunk", ["alex", "squeeze"])
def test_the_equation(trunk: Trunk, files: dict[str, tuple[Path, Path]]) -> None:
    kept: list[Tensor] = []
    network = convolutions(trunk).double()
    # The layers are those of the paper's code: after each ReLU of AlexNet, or each change of
    # width of SqueezeNet; so they are told by their shapes.
    for part in network:
        part.register_forward_hook(lambda _, __, y: kept.append(y.clone()))
    mean = torch.tensor([-0.030, -0.088, -0.188], dtype=torch.float64).view(1, 3, 1, 1)
    deviation = torch.tensor([0.458, 0.448, 0.450], dtype=torch.float64).view(1, 3, 1, 1)
    places = {"alex": (1, 4, 7, 9, 11), "squeeze": (1, 4, 7, 9, 10, 11, 12)}[trunk]

    def layers(x: Tensor) -> list[Tensor]:
        kept.clear()
        for part in network.modules():
            if isinstance(part, nn.ReLU):
                part.inplace = False
        network((x.double() - mean) / deviation)
        return [kept[i] for i in places]

    a, b = images(63)
    total = torch.zeros(2, dtype=torch.float64)
    for i, (x, y) in enumerate(zip(layers(a), layers(b), strict=True)):
        w = heads(trunk)[f"lin{i}.model.1.weight"].double()
        assert x.shape[1] == w.shape[1]
        u, v = (z / (z.norm(dim=1, keepdim=True) + 1e-10) for z in (x, y))
        total += (w * (u - v) ** 2).sum(1).mean((1, 2))
    found = Lpips(trunk, *files[trunk])(a, b)
    assert total.min() > 0.01
    torch.testing.assert_close(found.double(), total, rtol=1e-4, atol=0)


def test_gradients_reach_images(files: dict[str, tuple[Path, Path]]) -> None:
    network = Lpips("alex", *files["alex"])
    a, b = images()
    a.requires_grad_()
    torch.autograd.backward(network(a, b).sum())
    assert a.grad is not None
    assert bool(torch.isfinite(a.grad).all())
    assert a.grad.abs().sum() > 0
    black = torch.full((1, 3, 40, 40), -1.0, requires_grad=True)
    torch.autograd.backward(network(black, black.detach()).sum())
    assert black.grad is not None
    assert not bool(torch.isnan(black.grad).any())
    assert all(not p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("trunk", TRUNKS)
def test_published_heads_are_read(
    trunk: Trunk, files: dict[str, tuple[Path, Path]], shared: Path
) -> None:
    path = shared / f"data/weights/lpips/{trunk}.pth"
    network = Lpips(trunk, files[trunk][0], path)
    a, b = images(network.smallest_px)
    assert bool((network(a, b) > 0).all())
    published = torch.load(path, weights_only=True, map_location="cpu")
    assert torch.equal(network.heads[0], published["lin0.model.1.weight"])


def test_what_is_refused(files: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known: vgg, alex, squeeze"):
        Lpips("resnet")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="of 5 layers"):
        Lpips("vgg", files["vgg"][0], files["squeeze"][1])
    with pytest.raises(InputError, match="other weights than this network's"):
        Lpips("vgg", files["alex"][0], files["vgg"][1])
    network = Lpips("alex", *files["alex"])
    a, b = images()
    assert network(a[:, :1], b[:, :1]).shape == (2,)
    with pytest.raises(InputError, match="of one shape"):
        network(a, b[:1])
    for bad in (a[:, :2], a.to(torch.uint8), a[:, :, :20]):
        with pytest.raises(InputError, match="of at least 31 px, not"):
            network(bad, bad)


def test_where_weights_are_looked_for(
    files: dict[str, tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = tmp_path / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    table = importlib.import_module("stylegen.perceptual.weights_table").WEIGHTS
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (hub / table["alexnet"].file).write_bytes(files["alex"][0].read_bytes())
    monkeypatch.setenv("STYLEGEN_WEIGHTS_LPIPS_ALEX", str(files["alex"][1]))
    a, b = images()
    assert torch.equal(Lpips("alex")(a, b), Lpips("alex", *files["alex"])(a, b))
