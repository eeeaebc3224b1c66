"""Images of seeds and of latents.

Rounding depends a little on how many images are computed together, so images are drawn one by one
on a CPU (where that costs nothing) and in groups of one fixed size elsewhere: the image of a seed
never depends on which others were asked for.

N images, C channels, H height, W width, L number of layers that take a w, D width of w.
"""

import zlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from stylegen.devices import full_float32, seeded
from stylegen.editing.latents import Latents
from stylegen.errors import InputError
from stylegen.images import to_uint8
from stylegen.latents import class_index, one_hot, seeds_to_z
from stylegen.networks import Generator, Noise

GROUP = 8
SAMPLES = 10_000  # of w, for its mean and spread
_BATCH = 1000


def group_size(device: torch.device, noise: Noise) -> int:
    """Return how many images are computed together."""
    return 1 if device.type == "cpu" or noise == "random" else GROUP


def _groups(rows: Tensor, size: int) -> Iterator[tuple[int, Tensor]]:
    """Yield (first index, rows), each of one size; the last is filled up by repetition."""
    for first in range(0, len(rows), size):
        part = rows[first : first + size]
        filler = part[-1:].expand(size - len(part), *part.shape[1:])
        yield first, torch.cat([part, filler])


@torch.no_grad()
@full_float32()
def seeds_to_ws(
    generator: Generator,
    seeds: Sequence[int],
    psi: float = 1.0,
    cutoff: int | None = None,
    class_name: str | int | None = None,
) -> Tensor:
    """Return the intermediate latents of seeds, each computed on its own.

    Args:
        generator: in evaluation mode.
        seeds: N of them.
        psi: truncation.
        cutoff: number of layers that it acts on; None: all.
        class_name: class of all, by name or number; None: for conditional networks, each
            seed modulo the number of classes.

    Returns:
        (N, L, D) float32, on the generator's device.

    Raises:
        InputError: there is no seed, or no such class.
    """
    if not len(seeds):
        raise InputError("no seeds were given; wanted at least one")
    config, device = generator.config, next(generator.parameters()).device
    chosen = class_index(class_name, config.c_dim, generator.class_names)
    classes = [s % max(config.c_dim, 1) if chosen is None else chosen for s in seeds]
    z, c = seeds_to_z(seeds, config.z_dim).to(device), one_hot(classes, config.c_dim)
    rows = [
        generator.mapping(
            z[i : i + 1], None if c is None else c[i : i + 1].to(device), psi=psi, cutoff=cutoff
        )
        for i in range(len(z))
    ]
    return torch.cat(rows)


@torch.no_grad()
@full_float32()
def sample_w(
    generator: Generator,
    count: int = SAMPLES,
    seed: int = 0,
    class_name: str | int | None = None,
) -> Tensor:
    """Draw z, and classes uniformly, and return their w without truncation.

    Args:
        generator: any network.
        count: N.
        seed: of z and the classes.
        class_name: one class of conditional networks instead of all, by name or number.

    Returns:
        (N, D) float32 on the CPU.

    Raises:
        InputError: there is no such class, or count is below 1.
    """
    if count < 1:
        raise InputError(f"the number of samples of w is {count}; wanted at least 1")
    config, device = generator.config, next(generator.parameters()).device
    if not 0 <= seed < 2**63:
        raise InputError(f"seed is {seed}; wanted 0 to {2**63 - 1}")
    draws = torch.Generator().manual_seed(seed)
    z = torch.randn(count, config.z_dim, generator=draws)
    classes = torch.randint(max(config.c_dim, 1), (count,), generator=draws)
    chosen = class_index(class_name, config.c_dim, generator.class_names)
    c = one_hot(classes if chosen is None else classes.fill_(chosen), config.c_dim)
    parts = []
    for first in range(0, count, _BATCH):
        some = slice(first, first + _BATCH)
        labels = None if c is None else c[some].to(device)
        parts.append(generator.mapping(z[some].to(device), labels, skip_w_avg_update=True)[:, 0])
    return torch.cat(parts).cpu()


@torch.no_grad()
@full_float32()
def draw(
    generator: Generator, ws: Tensor, noise: Noise = "const", seeds: Sequence[int] | None = None
) -> Tensor:
    """Draw the images of intermediate latents, each independent of the others.

    Args:
        generator: in evaluation mode.
        ws: (N, L, D).
        noise: "const", "none", or "random", which then comes from each image's seed.
        seeds: of random noise; None: 0, 1, ...

    Returns:
        (N, C, H, W) uint8 on the CPU.
    """
    size = group_size(ws.device, noise)
    images = []
    for first, part in _groups(ws, size):
        with seeded(first if seeds is None else seeds[first], ws.device):
            drawn = to_uint8(generator.synthesis(part, noise=noise))
        images.append(drawn[: len(ws) - first].cpu())
    return torch.cat(images)


def noise_seeds(latents: Latents) -> list[int]:
    """Return each latent's seed of random noise: that of a seed, or one made of its numbers.

    So a latent draws the same wherever it stands, and a seed's latent the same as the seed.
    """
    return [
        int(source) if source.isdecimal() and int(source) < 2**32 else zlib.crc32(w.numpy().data)
        for source, w in zip(latents.sources, latents.w.contiguous(), strict=True)
    ]


def draw_latents(
    generator: Generator,
    latents: Latents,
    noise: Noise = "const",
    seeds: Sequence[int] | None = None,
) -> Tensor:
    """Draw the images of latents.

    Args:
        generator: from :func:`stylegen.load`.
        latents: N of them, of its shape.
        noise: as of :func:`generate`.
        seeds: of random noise; None: :func:`noise_seeds`.

    Returns:
        (N, C, H, W) uint8 on the CPU.

    Raises:
        InputError: the latents are of another shape.
    """
    latents.check(generator)
    ws = latents.w.to(next(generator.parameters()).device)
    return draw(generator, ws, noise, noise_seeds(latents) if seeds is None else seeds)


def generate(
    generator: Generator,
    seeds: Sequence[int],
    psi: float = 1.0,
    cutoff: int | None = None,
    class_name: str | int | None = None,
    noise: Noise = "const",
) -> Tensor:
    """Draw samples by seed; seed s is the image that the official tools draw for it.

    Args:
        generator: from :func:`stylegen.load`.
        seeds: N of them, 0 to 2**32 - 1.
        psi: truncation: 1 is the full variety, smaller is closer to the mean image.
        cutoff: number of layers that truncation acts on, from the first; None: all.
        class_name: class of all images, by name or number; None: for conditional networks,
            seed modulo the number of classes.
        noise: "const" takes the network's stored noise, "none" adds none, "random" draws it
            from the seed.

    Returns:
        (N, C, H, W) uint8 on the CPU.

    Raises:
        InputError: there is no seed, or no such class.
    """
    ws = seeds_to_ws(generator, seeds, psi, cutoff, class_name)
    return draw(generator, ws, noise, seeds)
