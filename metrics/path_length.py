"""Perceptual path length (PPL): how fast images change, to the eye, while a latent moves.

    W: E d(G(lerp(w1, w2, t)), G(lerp(w1, w2, t + eps))) / eps^2
    Z: E d(G(f(slerp(z1, z2, t))), G(f(slerp(z1, z2, t + eps)))) / eps^2

with t uniform in [0, 1] ("full") or 0 ("end"). d is LPIPS with VGG-16 in the papers, of float
images, averaged down to 256 px. Both images of a pair have one class and one layer noise. Values
below the 1st and above the 99th percentile are left out of the mean.

The StyleGAN2 papers' figure is W, "end"; StyleGAN's are all four, of faces' middles ("crop").

Source: Karras et al. 2019 (StyleGAN), section 4.1; Karras et al. 2020 (StyleGAN2), table 1, for
"end"; error of a trimmed mean: Tukey and McLaughlin 1963.

N samples, C channels, H height, W width in pixels, Z width of z, L layers, D width of w.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.devices import full_float32, seeded
from stylegen.errors import InputError
from stylegen.latents import one_hot
from stylegen.metrics.drawing import NotFiniteError, device_of, evaluating, in_float32
from stylegen.networks import Generator
from stylegen.spheres import great_arc

Space = Literal["w", "z"]
Sampling = Literal["full", "end"]
Distance = Callable[[Tensor, Tensor], Tensor]

EPSILON = 1e-4
SAMPLES = 50_000
TRIM_PERCENT = 1.0  # at either end
_LARGEST_PX = 256
_TIME_STREAM, _CLASS_STREAM, _NOISE_STREAM = 1, 2, 3


@dataclass(frozen=True, kw_only=True, eq=False)
class PathLength:
    """A perceptual path length.

    Attributes:
        mean: of what is not trimmed.
        error: its standard error.
        values: (N,) float64, of each sample, on the CPU; none left out.
        low: 1st percentile; smaller values are left out.
        high: 99th percentile; larger values are left out.
        space: "w" or "z".
        sampling: "full" or "end".
        epsilon: step in t.
        crop: whether only the images' middles were compared.
    """

    mean: float
    error: float
    values: Tensor
    low: float
    high: float
    space: Space
    sampling: Sampling
    epsilon: float
    crop: bool


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """What a batch of paths is drawn from.

    Attributes:
        z: (n, 2, Z) float32, both ends.
        t: (n, 1) float64.
        c: (n,) int64 classes.
        noise_seed: of the layer noise.
    """

    z: Tensor
    t: Tensor
    c: Tensor
    noise_seed: int


def _batches(
    generator: Generator, samples: int, batch: int, seed: int, sampling: Sampling,
    labels: Tensor | None,
) -> Iterator[_Batch]:  # fmt: skip
    """Yield batches; but for the noise, a sample is the same in batches of any size."""
    latents = np.random.RandomState(seed)
    times, classes, noises = (
        np.random.RandomState([seed, s]) for s in (_TIME_STREAM, _CLASS_STREAM, _NOISE_STREAM)
    )
    pool = torch.arange(max(generator.config.c_dim, 1)) if labels is None else labels.cpu()
    for start in range(0, samples, batch):
        n = min(batch, samples - start)
        t = torch.from_numpy(times.rand(n, 1))
        yield _Batch(
            z=torch.from_numpy(latents.randn(n, 2, generator.config.z_dim)).float(),
            t=t if sampling == "full" else torch.zeros_like(t),
            c=pool[torch.from_numpy(classes.randint(len(pool), size=n))],
            noise_seed=int(noises.randint(2**31)),
        )


def _styles(
    generator: Generator, made: _Batch, space: Space, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Return the w, (n, L, D), of both images of each pair."""
    device = device_of(generator)
    c = one_hot(made.c, generator.config.c_dim)
    c = None if c is None else c.to(device)
    times = made.t, made.t + epsilon
    # A step of 1e-4 is taken in float64, on the CPU: not every device has it.
    first, second = made.z[:, 0].double(), made.z[:, 1].double()
    if space == "z":
        length = math.sqrt(first.shape[1])  # that of unit Gaussians
        walked = (length * great_arc(first, second, t) for t in times)
        walked = (z.to(device, made.z.dtype) for z in walked)
        near, far = (generator.mapping(z, c) for z in walked)
        return near, far
    w1, w2 = (generator.mapping(z.to(device), c) for z in made.z.unbind(1))
    a, b = w1.cpu().double(), w2.cpu().double()
    near, far = (torch.lerp(a, b, t[:, :, None]).to(w1) for t in times)
    return near, far


def compared_px(size: tuple[int, int], crop: bool) -> int:
    """Return the shorter side, in pixels, of what is compared of images of a size (W, H)."""
    shortest = min(size)
    shortest = shortest // 8 * 4 if crop else shortest
    return shortest // max(shortest // _LARGEST_PX, 1)


def _seen(images: Tensor, crop: bool) -> Tensor:
    """Return what is compared of images (n, C, H, W): (n, 3, h, w), of 256 px or somewhat more."""
    if not bool(torch.isfinite(images).all()):
        raise NotFiniteError(
            "the network draws images with NaN or infinite pixels: its training has diverged; "
            "take an earlier snapshot"
        )
    if images.shape[1] not in (1, 3):
        raise InputError(
            f"path lengths compare grey or RGB images; the network draws {images.shape[1]} channels"
        )
    if crop:
        h, w = (side // 8 for side in images.shape[2:])
        images = images[:, :, 3 * h : 7 * h, 2 * w : 6 * w]
    factor = min(images.shape[2:]) // _LARGEST_PX
    images = F.avg_pool2d(images, factor) if factor > 1 else images
    return images.expand(-1, 3, -1, -1)


def _drawn(generator: Generator, ws: Tensor, noise_seed: int, crop: bool) -> Tensor:
    """Draw images of w; the same seed gives the same layer noise."""
    with seeded(noise_seed, device_of(generator)):
        return _seen(generator.synthesis(ws, noise="random"), crop)


def trimmed(values: Tensor, percent: float = TRIM_PERCENT) -> tuple[float, float, float, float]:
    """Return the mean of values (N,) without both tails, its standard error, and the tails' bounds.

    Bounds are values that occur: for 1 %, the lower of the two at the 1st percentile and the higher
    of the two at the 99th; they count.
    """
    x = values.double().numpy()
    low = float(np.percentile(x, percent, method="lower"))
    high = float(np.percentile(x, 100 - percent, method="higher"))
    kept = x[(low <= x) & (x <= high)]
    if len(x) < 2:
        return float(kept.mean()), math.nan, low, high
    winsorised = float(np.clip(x, low, high).std(ddof=1))
    error = winsorised / ((1 - percent / 50) * math.sqrt(len(x)))
    return float(kept.mean()), error, low, high


def _check(
    generator: Generator, space: str, sampling: str, epsilon: float, samples: int, batch: int
) -> None:
    if space not in ("w", "z") or sampling not in ("full", "end"):
        raise InputError(
            f"a path length in space {space!r}, sampled {sampling!r}; wanted w or z, full or end"
        )
    if not 0 < epsilon < 1 or samples < 1 or batch < 1:
        raise InputError(
            f"epsilon is {epsilon}, samples {samples} and batch {batch}; wanted a step between 0 "
            "and 1, and at least 1 of both others"
        )
    if not generator.config.z_dim:
        raise InputError("this network takes classes only: there is no path between its latents")


@torch.inference_mode()
@full_float32()
def perceptual_path_length(
    generator: Generator,
    distance: Distance,
    *,
    space: Space = "w",
    sampling: Sampling = "end",
    epsilon: float = EPSILON,
    samples: int = SAMPLES,
    crop: bool = False,
    seed: int = 0,
    batch: int = 16,
    labels: Tensor | None = None,
    progress: Callable[[int], None] | None = None,
) -> PathLength:
    """Return the perceptual path length of a generator, drawn in float32 and not rounded.

    The generator's mode and precision and the random states are left as they were.

    Args:
        generator: no truncation is applied.
        distance: of float images (n, 3, h, w) in about [-1, 1] on the generator's device: (n,); a
            squared distance, such as :class:`stylegen.perceptual.lpips.Lpips`.
        space: where to walk.
        sampling: "full": anywhere between two latents; "end": at the first.
        epsilon: step in t.
        samples: N.
        crop: compare the middle of images only, where aligned faces have theirs.
        seed: of latents, classes and layer noise.
        batch: pairs at a time.
        labels: (M,) int64, classes to draw from, each as often as it stands here; None: uniformly.
        progress: called after each batch with the samples done so far.

    Raises:
        InputError: an argument is out of range, or the network has no latents or other channels.
        NotFiniteError: the network gives numbers that are not finite.
    """
    _check(generator, space, sampling, epsilon, samples, batch)
    values = list[Tensor]()
    with evaluating(generator), in_float32(generator):
        for made in _batches(generator, samples, batch, seed, sampling, labels):
            styles = _styles(generator, made, space, epsilon)
            images = [_drawn(generator, w, made.noise_seed, crop) for w in styles]
            values.append(distance(*images).double().cpu() / epsilon**2)
            if progress is not None:
                progress(sum(map(len, values)))
    each = torch.cat(values)
    mean, error, low, high = trimmed(each)
    return PathLength(
        mean=mean, error=error, values=each, low=low, high=high, space=space, sampling=sampling,
        epsilon=epsilon, crop=crop,
    )  # fmt: skip
