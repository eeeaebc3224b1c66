"""Feature networks: SqueezeNet against the recipe written out, the demo network, checks of input.

Inception itself is compared with torch-fidelity in tests/metrics/test_parity.py.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.errors import InputError
from stylegen.perceptual import FeatureNetwork, Features, fit_demo, open_features
from stylegen.perceptual.base import as_rgb
from stylegen.perceptual.names import NETWORKS, distance_name, resize_of, score_name

SQUEEZENET = "data/weights/squeezenet1_1_caffe_features.pth"


def pictures(n: int, channels: int = 3, side: int = 40, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, channels, side, side), generator=generator, dtype=torch.uint8)


def squeezenet_by_hand(images: Tensor, state: dict[str, Tensor]) -> Tensor:
    """The recipe, with fire modules spelled out from the names of the tensors."""

    def conv(x: Tensor, name: str, **options: int) -> Tensor:
        weight, bias = state[f"features.{name}.weight"], state[f"features.{name}.bias"]
        return F.conv2d(x, weight, bias, **options).relu()

    def fire(x: Tensor, i: int) -> Tensor:
        x = conv(x, f"{i}.squeeze")
        return torch.cat([conv(x, f"{i}.expand1x1"), conv(x, f"{i}.expand3x3", padding=1)], dim=1)

    x = F.interpolate(
        images.double(), (96, 96), mode="bicubic", antialias=True, align_corners=False
    )
    x = x.clamp(0, 255)[:, [2, 1, 0]]
    x = x - torch.tensor([103.939, 116.779, 123.68], dtype=torch.float64)[None, :, None, None]
    state = {k: v.double() for k, v in state.items()}
    x = F.max_pool2d(conv(x, "0", stride=2), 3, 2, ceil_mode=True)
    x = F.max_pool2d(fire(fire(x, 3), 4), 3, 2, ceil_mode=True)
    x = F.max_pool2d(fire(fire(x, 6), 7), 3, 2, ceil_mode=True)
    for i in (9, 10, 11, 12):
        x = fire(x, i)
    return x.mean((2, 3))


def test_squeezenet_is_the_recipe(shared: Path) -> None:
    network = open_features("squeezenet", shared / SQUEEZENET)
    state = torch.load(shared / SQUEEZENET, weights_only=True)
    images = pictures(3, side=50)
    features = network(images)
    expected = squeezenet_by_hand(images, state)
    assert features.logits is None
    assert features.pool.dtype == torch.float32
    assert expected.std() > 1
    torch.testing.assert_close(features.pool.double(), expected, rtol=1e-4, atol=1e-3)
    assert network.metric_name == "FD (squeezenet)"


def test_squeezenet_wants_its_own_weights(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--features-weights FILE"):
        open_features("squeezenet")
    with pytest.raises(InputError, match=r"other weights than this network's \(missing: 0.weight"):
        open_features("squeezenet", shared / "data/weights/lpips/alex.pth")
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match=r"of another shape: 0\.weight"):
        open_features("squeezenet", tmp_path / "x.pth")


class Echo(FeatureNetwork):
    def features(self, images: Tensor) -> Features:
        return Features(images.float().mean((2, 3)), None)


def test_grey_is_repeated_and_transparency_refused() -> None:
    echo = Echo("demo", "0")
    grey = pictures(2, channels=1)
    assert torch.equal(echo(grey).pool, grey.float().mean((2, 3)).repeat(1, 3))
    for bad, said in (
        (pictures(2, channels=4), "not 4: composite"),
        (pictures(2, channels=2), "not 2: composite"),
        (pictures(2).float(), "uint8"),
        (pictures(2)[0], r"\(N, C, H, W\)"),
    ):
        with pytest.raises(InputError, match=said):
            as_rgb(bad)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(InputError, match="'vgg'; known: inception, squeezenet, vgg16, clip"):
        open_features("vgg")


def test_only_inception_gives_fid() -> None:
    names = {name: distance_name(name) for name in NETWORKS}
    assert names.pop("inception") == "FID"
    assert names == {name: f"FD ({name})" for name in names}
    assert distance_name("inception", "pytorch") == "FID"
    assert distance_name("inception", "clean") == "clean-FID"
    assert score_name("demo") == "IS (demo)"


def test_resizes_that_do_not_go_with_a_network() -> None:
    assert resize_of("inception") == "tf1"
    assert resize_of("squeezenet") is None
    with pytest.raises(InputError, match="resizes images in its own way"):
        open_features("squeezenet", resize="clean")
    with pytest.raises(InputError, match="'lanczos'; known: tf1, pytorch, clean"):
        open_features("inception", resize="lanczos")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'fp16'; known: fp32, fast, bf16"):
        open_features("inception", arithmetic="fp16")  # type: ignore[arg-type]


def test_squeezenet_in_bf16(shared: Path) -> None:
    images = pictures(3, side=50)
    exact = open_features("squeezenet", shared / SQUEEZENET)(images).pool
    half = open_features("squeezenet", shared / SQUEEZENET, arithmetic="bf16")(images).pool
    assert half.dtype == torch.float32
    assert 1e-4 < (half - exact).norm() / exact.norm() < 3e-2


def coloured(n: int, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Images of one colour of three, brightness varying, plus noise."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(3, (n,), generator=generator)
    bright = torch.rand(n, generator=generator)
    x = torch.full((n, 3, 32, 32), 30.0)
    x[torch.arange(n), kind] = 100 + 100 * bright[:, None, None].expand(n, 32, 32)
    x += 10 * torch.randn(x.shape, generator=generator)
    return x.clamp(0, 255).to(torch.uint8), {"kind": kind, "bright": bright}


def test_the_demo_network_learns_and_is_reproducible(tmp_path: Path) -> None:
    images, factors = coloured(400, seed=0)
    state = torch.get_rng_state()
    for name in "ab":
        fit_demo(images, factors, "kind", tmp_path / "new" / f"{name}.safetensors", epochs=4)
    assert torch.equal(torch.get_rng_state(), state)
    one, two = (open_features("demo", tmp_path / "new" / f"{name}.safetensors") for name in "ab")
    assert one.weights_digest == two.weights_digest
    fresh, truth = coloured(200, seed=1)
    pool, logits = one(fresh)
    assert pool.shape == (200, 128)
    assert logits.shape == (200, 3)
    assert (logits.argmax(1) == truth["kind"]).float().mean() > 0.95
    # The other head's factor can be read from the features too.
    read = torch.linalg.lstsq(pool[:150].double(), truth["bright"][:150, None].double()).solution
    error = (pool[150:].double() @ read)[:, 0] - truth["bright"][150:]
    assert error.var() < 0.2 * truth["bright"].var()
    assert one(F.interpolate(fresh.float(), scale_factor=2).to(torch.uint8)).pool.shape == (
        200,
        128,
    )


def test_the_demo_network_wants_its_own_weights(shared: Path, tmp_path: Path) -> None:
    images, factors = coloured(4, seed=0)
    with pytest.raises(InputError, match="integer classes among"):
        fit_demo(images, factors, "bright", tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="has 4 values for 3 images"):
        fit_demo(images[:3], factors, "kind", tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="does not hold the demo network's weights"):
        open_features("demo", shared / SQUEEZENET)


def test_names_cost_no_torch() -> None:
    code = (
        "import sys, stylegen.perceptual, stylegen.perceptual.names, stylegen.metrics, "
        "stylegen.metrics.config; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
