"""How far apart a distance between images sees the points of a trajectory.

Distances are quadratic in small differences, so their roots are lengths that add up.

n values of t, S segments, m samples of a segment, L layers that take a w, D width of w.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.networks import Generator, Noise

Trajectory = Callable[[Tensor], Tensor]  # t (n,) float64 to ws (n, L, D)
Progress = Callable[[int, int], None]
_TOGETHER = 64  # values of t, which bounds the memory that their ws take


class ImageDistance(Protocol):
    """A distance between images, such as :class:`stylegen.editing.projection.Distance`."""

    def features(self, images: Tensor) -> Any:
        """Return what images (N, C, H, W) are compared by."""

    def between(self, a: Any, b: Any) -> Tensor:
        """Compare features row by row: (N,), quadratic in small differences."""


@torch.no_grad()
@full_float32()
def piece_lengths(
    generator: Generator,
    trajectory: Trajectory,
    segments: int,
    samples: int,
    distance: ImageDistance,
    noise: Noise = "const",
    progress: Progress | None = None,
) -> Tensor:
    """Measure the pieces that equal steps of t cut a trajectory into.

    Args:
        generator: in evaluation mode.
        trajectory: t from 0 to S.
        segments: S.
        samples: m, pieces of each.
        distance: what measures.
        noise: of the images that are compared.
        progress: is told (images so far, images in all).

    Returns:
        (S, m) float64 on the CPU.
    """
    device = next(generator.parameters()).device
    t = torch.linspace(0, segments, segments * samples + 1, dtype=torch.float64)
    before, lengths = None, []
    for i, w in enumerate(w for part in torch.split(t, _TOGETHER) for w in trajectory(part)):
        seen = distance.features(generator.synthesis(w[None].to(device), noise=noise))
        if before is not None:
            lengths.append(distance.between(before, seen).double().clamp(min=0).sqrt())
        before = seen
        if progress is not None:
            progress(i + 1, len(t))
    return torch.cat(lengths).cpu().reshape(segments, samples)
