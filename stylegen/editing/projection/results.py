"""What a projection gives: codes, images, and how near they come to their targets.

N images, C channels, H height, W width, L layers that take a w, D width of w, T codes on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.editing.latents import Latents
from stylegen.editing.projection.distances import Distance
from stylegen.editing.projection.states import Known
from stylegen.images import from_uint8
from stylegen.images.measures import psnr, ssim


@dataclass(frozen=True, kw_only=True)
class Measures:
    """How near an image comes to its target, on bytes as they are saved.

    Attributes:
        distance: by the distance that was minimised.
        psnr_db: peak signal to noise ratio in dB; infinite for equal images.
        ssim: structural similarity, 1 for equal images.
        others: further distances by name.
    """

    distance: float
    psnr_db: float
    ssim: float
    others: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """Projected images.

    Attributes:
        latents: the codes, as all tools take them.
        targets: (N, C, H, W) uint8, what was projected.
        images: (N, C, H, W) uint8, drawn from the latents with the network's stored noise.
        with_maps: (N, C, H, W) uint8, the same with the fitted noise maps.
        measures: N, of ``images``.
        measures_with_maps: N, of ``with_maps``.
        distance: name of the distance that was minimised.
        steps: N, the step that each code is of.
        seconds: N, the time that each took; of a group, each an equal part.
        trace: (N, T, L, D) float32, codes along the way.
        known: N, whether the latents were known before and not searched for.
    """

    latents: Latents
    targets: Tensor
    images: Tensor
    with_maps: Tensor
    measures: tuple[Measures, ...]
    measures_with_maps: tuple[Measures, ...]
    distance: str
    steps: tuple[int, ...]
    seconds: tuple[float, ...]
    trace: Tensor
    known: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.latents)

    def as_known(self, i: int) -> Known:
        """Return what is kept of an image, for a later projection."""
        return Known(latents=self.latents[i], step=self.steps[i], seconds=self.seconds[i])


@torch.no_grad()
@full_float32()
def measure(
    images: Tensor,
    targets: Tensor,
    distance: Distance,
    device: torch.device,
    others: Sequence[Distance] = (),
) -> tuple[Measures, ...]:
    """Measure images against their targets, pair by pair.

    Args:
        images: (N, C, H, W) uint8.
        targets: (N, C, H, W) uint8.
        distance: that was minimised.
        device: where distances are computed.
        others: further distances.

    Returns:
        N measures.
    """
    found = []
    for image, target in zip(images[:, None], targets[:, None], strict=True):
        a, b = from_uint8(image.to(device)), from_uint8(target.to(device))
        found.append(
            Measures(
                distance=distance(a, b).item(),
                psnr_db=psnr(image, target).item(),
                ssim=ssim(image, target).item(),
                others={other.name: other(a, b).item() for other in others},
            )
        )
    return tuple(found)
