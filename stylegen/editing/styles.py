"""Style images: what they show, which files they are, and samples beside them.

N style images, C channels, H height, W width.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from stylegen.editing.latents import Latents
from stylegen.editing.photos import read_photo
from stylegen.editing.sampling import draw, generate
from stylegen.editing.sources import Source, flatten, is_photo, resolve
from stylegen.files import file_digest
from stylegen.images import make_grid
from stylegen.networks import Generator


def style_images(
    generator: Generator,
    sources: Source | Sequence[Source],
    class_name: str | int | None = None,
) -> Tensor:
    """Return the images of styles: photos themselves, and what seeds and latents draw.

    Args:
        generator: the untouched one.
        sources: as for :func:`~stylegen.editing.sources.resolve`, whose latents they go with.
        class_name: of seeds, as there.

    Returns:
        (N, C, H, W) uint8.

    Raises:
        InputError: a source cannot be used.
    """
    device = next(generator.parameters()).device

    def images(source: int | Path | Latents) -> Tensor:
        if isinstance(source, Path) and is_photo(source):
            return read_photo(source, generator)[None]
        return draw(generator, resolve(generator, source, class_name=class_name).w.to(device))

    return torch.cat([images(source) for source in flatten(sources)])


def style_digests(sources: Source | Sequence[Source]) -> dict[str, str]:
    """Return the SHA-256 of each file among styles, {its name: hexadecimal}; "" for seeds."""
    digests = {}
    for source in flatten(sources):
        if isinstance(source, Path):
            digests[source.name] = file_digest(source)
        elif isinstance(source, int):
            digests[str(source)] = ""
    return digests


def before_and_after(
    before: Generator, after: Generator, images: Tensor, seeds: Sequence[int], psi: float = 0.7
) -> Tensor:
    """Return one picture: samples above, the same of the tuned network below; left, the style.

    Args:
        before: the untouched network.
        after: the tuned one.
        images: (N, C, H, W) uint8, of which the first is shown.
        seeds: which samples.
        psi: their truncation.

    Returns:
        (C, 2 H, (len(seeds) + 1) W) uint8.
    """
    rows = [generate(network, seeds, psi) for network in (before, after)]
    corner = torch.full_like(images[:1], 255)
    return make_grid(torch.cat([corner, rows[0], images[:1], rows[1]]), len(seeds) + 1)
