"""Images drawn from a generator in fixed order, and their distance from a reference.

The latents come from one numpy stream and the classes from another, both set by the seed: image i
has the same z and class whatever the batch size, for every snapshot. Layer noise is seeded batch by
batch, so that several processes draw what a single one would.

N images, M real images, C channels, H height, W width, Z width of z, K classes.
"""

import contextlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from stylegen.devices import full_float32, seeded
from stylegen.errors import InputError
from stylegen.images import to_uint8
from stylegen.latents import one_hot
from stylegen.metrics.extraction import extract
from stylegen.metrics.frechet import distance_of_moments
from stylegen.metrics.moments import Moments
from stylegen.networks import Generator
from stylegen.perceptual import FeatureNetwork

_CLASS_STREAM, _NOISE_STREAM = 1, 2


class NotFiniteError(InputError):
    """A network draws NaN or infinite pixels."""


def device_of(generator: Generator) -> torch.device:
    """Return the device that a generator's parameters lie on."""
    return next(generator.parameters()).device


@contextlib.contextmanager
def in_float32(generator: Generator) -> Iterator[None]:
    """Compute in float32 within the block, and as before behind it."""
    before = generator.synthesis.precision
    generator.set_precision(torch.float32)
    try:
        yield
    finally:
        generator.set_precision(*before)


@contextlib.contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode within the block and restore each part's mode behind."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


@torch.inference_mode()
@full_float32()
def draw(
    generator: Generator,
    z: Tensor,
    classes: Tensor,
    psi: float = 1.0,
    noise: Literal["random", "const"] = "random",
) -> Tensor:
    """Draw images of given latents (N, Z) and classes (N,) as uint8 (N, C, H, W).

    Raises:
        NotFiniteError: the network gives numbers that are not finite.
    """
    latents = z.to(device_of(generator)) if generator.config.z_dim else None
    c = one_hot(classes, generator.config.c_dim)
    c = None if c is None else c.to(device_of(generator))
    images = generator(latents, c, psi=psi, noise=noise)
    if not bool(torch.isfinite(images).all()):
        raise NotFiniteError(
            "the network draws images with NaN or infinite pixels: its training has diverged; "
            "take an earlier snapshot"
        )
    return to_uint8(images)


def _batches(
    generator: Generator, samples: int, batch: int, seed: int, labels: Tensor | None
) -> Iterator[tuple[Tensor, Tensor, int]]:
    """Yield latents (n, Z), classes (n,) and the seed of the layer noise of each batch."""
    latents = np.random.RandomState(seed)
    classes, noises = (np.random.RandomState([seed, s]) for s in (_CLASS_STREAM, _NOISE_STREAM))
    pool = torch.arange(max(generator.config.c_dim, 1)) if labels is None else labels.cpu()
    for start in range(0, samples, batch):
        n = min(batch, samples - start)
        z = torch.from_numpy(latents.randn(n, generator.config.z_dim)).float()
        c = pool[torch.from_numpy(classes.randint(len(pool), size=n))]
        yield z, c, int(noises.randint(2**31))


def draw_images(
    generator: Generator,
    samples: int,
    batch: int = 32,
    seed: int = 0,
    psi: float = 1.0,
    noise: Literal["random", "const"] = "random",
    *,
    labels: Tensor | None = None,
    share: tuple[int, int] = (0, 1),
    only: frozenset[int] | None = None,
) -> Iterator[Tensor]:
    """Draw images batch by batch; torch's random state is left as it was.

    Latents and classes do not depend on the batch size; random layer noise does.

    Args:
        generator: in evaluation mode.
        samples: N.
        batch: images at a time.
        seed: 0 to 2**32 - 1.
        psi: truncation; 1 is none.
        noise: "random" draws layer noise, "const" takes the stored one.
        labels: (M,) int64, classes to draw from, each as often as it stands here; None: all K.
        share: (r, n): draw the batches r, r + n, r + 2n, ... only.
        only: numbers of batches to draw; None: all.

    Yields:
        uint8 (n, C, H, W) on the generator's device.

    Raises:
        NotFiniteError: the network gives numbers that are not finite.
    """
    device = device_of(generator)
    batches = _batches(generator, samples, batch, seed, labels)
    for i, (z, c, noise_seed) in enumerate(batches):
        if i % share[1] == share[0] and (only is None or i in only):
            with seeded(noise_seed, device):
                images = draw(generator, z, c, psi, noise)
            yield images


def drawn_classes(
    generator: Generator, samples: int, batch: int, seed: int, labels: Tensor | None = None
) -> Tensor:
    """Return the classes (N,) of the images that :func:`draw_images` draws with these numbers."""
    return torch.cat([c for _, c, _ in _batches(generator, samples, batch, seed, labels)])


def generator_distance(
    generator: Generator,
    reference: Moments,
    network: FeatureNetwork,
    *,
    samples: int = 5000,
    batch: int = 32,
    seed: int = 0,
) -> float:
    """Return the Frechet distance of a generator's samples from a reference; psi is 1.

    For use within training: the generator's mode and the random states are left as they were, and
    the same latents are drawn every time, so that successive values can be compared.

    Args:
        generator: usually the moving average.
        reference: moments of the real images' features, as
            ``extract(batches, network).moments``.
        network: the feature network of both.
        samples: images to draw.
        batch: images at a time.
        seed: of latents, classes and layer noise.

    Raises:
        InputError: fewer than two images, or images that are not finite.
    """
    with evaluating(generator):
        fakes = extract(draw_images(generator, samples, batch, seed), network)
    return distance_of_moments(fakes.moments, reference)
