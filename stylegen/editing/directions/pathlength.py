"""Path lengths: how fast images change while a latent moves, in W and in Z.

    l_W = E d(G(lerp(w1, w2, t)), G(lerp(w1, w2, t + eps))) / eps^2
    l_Z = E d(G(f(slerp(z1, z2, t))), G(f(slerp(z1, z2, t + eps)))) / eps^2,   t uniform in [0, 1]

d is a squared distance in a feature space that has to be told with the figure: numbers of different
spaces do not compare. Means of all samples, none left out; stored noise, no truncation; of
conditional networks, both ends of a path are of one class.

Source: Karras et al. 2019 (StyleGAN), section 4.1, whose space is that of LPIPS with VGG-16.

N samples, Z width of z, D width of w, L number of layers that take a w, C channels, H height,
W width.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.editing.directions.config import DEFAULT_REPORT, ReportConfig
from stylegen.latents import class_index, one_hot
from stylegen.networks import Generator
from stylegen.perceptual import FeatureNetwork
from stylegen.spheres import great_arc

_BATCH = 16


class FeatureSpace(Protocol):
    """What images are compared in, such as :class:`stylegen.editing.projection.Distance`."""

    @property
    def name(self) -> str:
        """For people."""

    def features(self, images: Tensor) -> Any:
        """Return what (N, C, H, W) float32 images, about [-1, 1], are compared by."""

    def between(self, a: Any, b: Any) -> Tensor:
        """Compare features row by row: (N,) squared distances."""


class NetworkSpace:
    """The features of a feature network, compared by their squared distance.

    Args:
        network: one whose features are smooth in unrounded pixels, such as the demo network.
    """

    def __init__(self, network: FeatureNetwork) -> None:
        self.network, self.name = network, network.name

    def features(self, images: Tensor) -> Tensor:
        """Return (N, D) of (N, 3, H, W) float32 images, about [-1, 1], which are not rounded."""
        pool: Tensor = self.network.features((images + 1) * 127.5).pool
        return pool

    def between(self, a: Tensor, b: Tensor) -> Tensor:
        """Return (N,) squared distances."""
        total: Tensor = (a - b).square().sum(dim=1)
        return total


@dataclass(frozen=True, kw_only=True)
class PathLengths:
    """Path lengths of a network.

    Attributes:
        w: in W.
        z: in Z; None for networks without z.
        w_error: standard error of ``w``.
        z_error: standard error of ``z``.
        space: name of the feature space.
        samples: number of places they were measured at.
        epsilon: step.
    """

    w: float
    z: float | None
    w_error: float
    z_error: float | None
    space: str
    samples: int
    epsilon: float


@torch.no_grad()
@full_float32()
def distances(generator: Generator, space: FeatureSpace, a: Tensor, b: Tensor) -> Tensor:
    """Draw pairs of latents and compare them.

    Args:
        generator: from :func:`stylegen.load`.
        space: what images are compared in.
        a: (N, L, D) float32.
        b: (N, L, D) float32.

    Returns:
        (N,) float64 on the CPU.
    """
    device = next(generator.parameters()).device
    parts = []
    for pair in zip(torch.split(a, _BATCH), torch.split(b, _BATCH), strict=True):
        images = [generator.synthesis(ws.to(device), noise="const") for ws in pair]
        parts.append(space.between(*(space.features(x) for x in images)).double().cpu())
    return torch.cat(parts)


@torch.no_grad()
@full_float32()
def _map(generator: Generator, z: Tensor, c: Tensor | None) -> Tensor:
    device = next(generator.parameters()).device
    labels = None if c is None else c.to(device)
    ws: Tensor = generator.mapping(z.float().to(device), labels, skip_w_avg_update=True)
    return ws.cpu()


def _mean(values: Tensor, epsilon: float) -> tuple[float, float]:
    """Return mean and standard error, of distances in units of eps^2."""
    values = values / epsilon**2
    return float(values.mean()), float(values.std() / len(values) ** 0.5)


def path_lengths(
    generator: Generator,
    space: FeatureSpace,
    config: ReportConfig = DEFAULT_REPORT,
    class_name: str | int | None = None,
) -> PathLengths:
    """Measure path lengths in W and Z.

    Args:
        generator: from :func:`stylegen.load`.
        space: what images are compared in.
        config: how many samples, which step and seed.
        class_name: one class of conditional networks instead of all, by name or number.

    Raises:
        InputError: there is no such class.
    """
    sizes, count, eps = generator.config, config.path_samples, config.epsilon
    draws = torch.Generator().manual_seed(config.seed)
    z = torch.randn(2, count, sizes.z_dim, generator=draws, dtype=torch.float64)
    t = torch.rand(count, 1, generator=draws, dtype=torch.float64)
    classes = torch.randint(max(sizes.c_dim, 1), (2, count), generator=draws)
    chosen = class_index(class_name, sizes.c_dim, generator.class_names)
    if sizes.z_dim:
        classes[1] = classes[0]
    c = [one_hot(row if chosen is None else row.fill_(chosen), sizes.c_dim) for row in classes]
    ends = [_map(generator, z[i], c[i]).double() for i in (0, 1)]
    in_w = [ends[0].lerp(ends[1], (t + shift)[:, None]).float() for shift in (0, eps)]
    w, w_error = _mean(distances(generator, space, in_w[0], in_w[1]), eps)
    in_z: tuple[float | None, float | None] = (None, None)
    if sizes.z_dim:
        a, b = (_map(generator, great_arc(z[0], z[1], t + shift), c[0]) for shift in (0, eps))
        in_z = _mean(distances(generator, space, a, b), eps)
    return PathLengths(
        w=w, w_error=w_error, z=in_z[0], z_error=in_z[1], space=space.name, samples=count,
        epsilon=eps,
    )  # fmt: skip
