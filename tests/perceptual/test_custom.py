"""A network of one's own: archives and tensors that describe themselves, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.perceptual import open_features
from stylegen.perceptual.custom import Custom, Preparation
from stylegen.perceptual.resizing import resized
from tests.perceptual.published import deprecated, pictures, randomise


class Means(nn.Module):
    """Takes bytes: three means, and the first channel's mean square."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        y = x.float()
        return torch.cat([y.mean((2, 3)), y[:, :1].square().mean((2, 3))], 1) * self.factor


def save_script(module: nn.Module, path: Path, description: dict[str, Any] | None = None) -> str:
    extra = {} if description is None else {"stylegen.json": json.dumps(description)}
    with deprecated():
        torch.jit.save(torch.jit.script(module), path, _extra_files=extra)
    return f"torchscript:{path}"


def test_an_archive_takes_bytes_where_it_says_nothing_else(tmp_path: Path) -> None:
    network = open_features("custom", save_script(Means(), tmp_path / "x.pt"))
    images = pictures(3, side=20)
    x = images.double()
    expected = 2 * torch.cat([x.mean((2, 3)), x[:, :1].square().mean((2, 3))], 1)
    assert (network.dim, network.classifies, network.metric_name) == (4, False, "FD (custom)")
    torch.testing.assert_close(network(images).pool.double(), expected, rtol=1e-5, atol=0)


def test_an_archive_describes_its_preparation(tmp_path: Path) -> None:
    how = {"side_px": 9, "resize": "clean", "means": [10, 20, 30], "deviations": [1, 2, 4]}
    network = open_features("custom", save_script(Means(), tmp_path / "x.pt", how))
    images = pictures(2, side=20)
    x = resized(images, 9, "clean").double()
    means = torch.tensor([10.0, 20, 30], dtype=torch.float64).view(1, 3, 1, 1)
    x = (x - means) / torch.tensor([1.0, 2, 4], dtype=torch.float64).view(1, 3, 1, 1)
    expected = 2 * torch.cat([x.mean((2, 3)), x[:, :1].square().mean((2, 3))], 1)
    torch.testing.assert_close(network(images).pool.double(), expected, rtol=1e-4, atol=1e-3)
    assert network.facts()["preparation"]["side_px"] == 9


def test_an_archive_is_not_run_unasked(tmp_path: Path) -> None:
    save_script(Means(), tmp_path / "x.pt")
    with pytest.raises(InputError, match="to run it, name it torchscript:"):
        open_features("custom", tmp_path / "x.pt")
    (tmp_path / "y.pt").write_bytes(b"text")
    with pytest.raises(InputError, match="not a readable TorchScript archive"):
        open_features("custom", f"torchscript:{tmp_path / 'y.pt'}")
    with pytest.raises(InputError, match="is neither"):
        open_features("custom", tmp_path / "y.pt")
    with pytest.raises(InputError, match="has to be named"):
        open_features("custom")


HOW = {
    "architecture": "squeezenet1_1", "layer": "features", "side_px": 64,
    "means": [120, 115, 100], "deviations": [60, 60, 60], "resize": "pytorch",
}  # fmt: skip


def save_tensors(path: Path, how: dict[str, Any] | None) -> nn.Module:
    from torchvision.models import squeezenet1_1

    network: nn.Module = squeezenet1_1(weights=None).eval()
    randomise(network)
    metadata = None if how is None else {"stylegen": json.dumps(how)}
    save_file(network.state_dict(), path, metadata=metadata)
    return network


def test_tensors_that_say_what_network_they_are_of(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    twin = save_tensors(path, HOW)
    network = open_features("custom", path)
    images = pictures(2)
    x = resized(images, 64, "pytorch") - torch.tensor([120.0, 115, 100]).view(1, 3, 1, 1)
    with torch.no_grad():
        expected = twin.get_submodule("features")(x / 60).mean((2, 3))
    assert network.dim == 512
    assert expected.std(0).mean() > 0.01
    torch.testing.assert_close(network(images).pool, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(network(images).pool, network(images).pool)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (None, "does not say what network its tensors are of"),
        ({**HOW, "architecture": "alexnet"}, "are other weights than this network's"),
        ({**HOW, "architecture": "lexnet"}, "which torchvision does not have"),
        ({**HOW, "layer": "body"}, "no layer 'body'; its parts: features, classifier"),
        ({**HOW, "layer": None}, "lacks architecture or layer"),
        ({**HOW, "resize": "box"}, "'box'"),
        ({**HOW, "deviations": [1, 2, 0]}, "numbers above 0"),
        ({**HOW, "deviations": None}, "given together"),
        ({**HOW, "colour": "BGR"}, "unknown entries: colour"),
        ({**HOW, "side_px": 1}, "does not take two images"),
    ],
)
def test_descriptions_that_do_not_fit(
    tmp_path: Path, how: dict[str, Any] | None, said: str
) -> None:
    save_tensors(tmp_path / "x.safetensors", how)
    with pytest.raises(InputError, match=said):
        open_features("custom", tmp_path / "x.safetensors")


def test_a_module_at_hand_is_left_as_it_was() -> None:
    module = Means().train()
    network = Custom(module=module, weights_digest="0")
    assert network.dim == 4
    assert module.training
    assert module.factor.requires_grad
    tokens = Custom(
        module=nn.Sequential(nn.Conv2d(3, 5, 3)), weights_digest="0",
        preparation=Preparation(side_px=8, means=(0, 0, 0), deviations=(255, 255, 255)),
    )  # fmt: skip
    assert tokens(pictures(2)).pool.shape == (2, 5)


def test_what_gives_no_features() -> None:
    with pytest.raises(InputError, match=r"gives \(6,\); wanted floating-point features"):
        Custom(module=nn.Flatten(0), weights_digest="0", preparation=Preparation(side_px=1))
