"""Networks of the published shapes with weights of our own: as they come, features barely vary."""

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def deprecated() -> Iterator[None]:
    """Use TorchScript, of which newer versions of torch warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def pictures(n: int, channels: int = 3, side: int = 40, seed: int = 0) -> Tensor:
    """Noise; (n, channels, side, side + 3) uint8."""
    generator = torch.Generator().manual_seed(seed)
    size = (n, channels, side, side + 3)
    return torch.randint(256, size, generator=generator, dtype=torch.uint8)


def smooth_pictures(n: int, side: int = 40, seed: int = 0) -> Tensor:
    """Coloured blobs, so that images differ in more than noise."""
    generator = torch.Generator().manual_seed(seed)
    blobs = torch.rand((n, 3, 5, 5), generator=generator) * 255
    x = nn.functional.interpolate(blobs, (side, side), mode="bicubic")
    return x.clamp(0, 255).to(torch.uint8)


def randomise(network: nn.Module, seed: int = 0, scale: float = 1.0) -> None:
    """Give each tensor values that matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            fan = parameter[0].numel() if parameter.dim() > 1 else 1
            values = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1:
                parameter.copy_(values * scale * (2 / fan) ** 0.5)
            else:
                parameter.add_(values * 0.05)


def unloaded_inception() -> Any:
    """torch-fidelity's extractor, as it is initialised."""
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
def lively_inception(images: Tensor) -> Any:
    """torch-fidelity's extractor, with features that vary among images."""
    network = unloaded_inception()
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
    return network


def save_inception(path: Path) -> Any:
    """Write lively weights and return the extractor that has them."""
    network = lively_inception(smooth_pictures(6))
    torch.save(network.state_dict(), path)
    return network
