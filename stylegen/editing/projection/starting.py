"""Where a search begins: the mean of w, its deviation, and random codes to choose from.

N images, L number of layers that take a w, D width of w, M samples, K candidates.
"""

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.editing.projection.config import ProjectionConfig
from stylegen.editing.projection.distances import Distance, Features
from stylegen.editing.sampling import draw, sample_w
from stylegen.images import from_uint8
from stylegen.networks import Generator


@dataclass(frozen=True, kw_only=True, eq=False)
class Beginning:
    """What is known before the first step; the same for all images.

    Attributes:
        mean: (D,), the mean of M w.
        deviation: sqrt(E |w - mean|^2).
        candidates: (K, D), codes to begin at: the mean, then random ones.
        images: (K, C, H, W) uint8, drawn from them; of the mean alone, none.
    """

    mean: Tensor
    deviation: float
    candidates: Tensor
    images: Tensor | None


@torch.no_grad()
@full_float32()
def begin(
    generator: Generator, config: ProjectionConfig, class_name: str | int | None = None
) -> Beginning:
    """Sample w, and draw the candidates if the best of them shall be taken.

    Raises:
        InputError: there is no such class.
    """
    ws = sample_w(generator, config.mean_samples, config.seed, class_name)
    ws = ws.to(next(generator.parameters()).device)
    mean = ws.mean(dim=0)
    deviation = (ws - mean).square().sum(dim=1).mean().sqrt().item()
    if config.start == "mean":
        return Beginning(mean=mean, deviation=deviation, candidates=mean[None], images=None)
    candidates = torch.cat([mean[None], ws[: config.candidates]])
    images = draw(generator, candidates[:, None].expand(-1, generator.config.num_ws, -1))
    return Beginning(mean=mean, deviation=deviation, candidates=candidates, images=images)


@torch.no_grad()
def choose(beginning: Beginning, distance: Distance, targets: Features, count: int) -> Tensor:
    """Return the candidate that is nearest to each of N targets, (N, D)."""
    if beginning.images is None:
        return beginning.candidates.expand(count, -1)
    device = beginning.mean.device
    distances = [
        distance.between(targets, distance.features(from_uint8(image[None]).to(device)))
        for image in beginning.images
    ]
    return beginning.candidates[torch.stack(distances).argmin(dim=0)]


def image_key(image: Tensor, seed: int) -> int:
    """Return what an image's random numbers come from: its pixels and a seed, nothing else.

    Args:
        image: (C, H, W) uint8, on the CPU.
        seed: of all images.

    Returns:
        A number below 2**63.
    """
    text = f"{seed} {tuple(image.shape)} ".encode()
    digest = hashlib.sha256(text + image.contiguous().numpy().tobytes()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def step_noise(key: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Draw an image's latent noise of one step; a run that goes on draws the same."""
    mixed = hashlib.sha256(f"{key} {step}".encode()).digest()
    random = torch.Generator().manual_seed(int.from_bytes(mixed[:8], "little") >> 1)
    return torch.randn(shape, generator=random)
