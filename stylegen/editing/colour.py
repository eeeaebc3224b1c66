"""Colour matching: pictures get the mean and the covariance of another picture's colours.

    x' = m_t + T (x - m_s),   T = S_s^-1/2 (S_s^1/2 S_t S_s^1/2)^1/2 S_s^-1/2

Of all linear maps that do so, T moves the colours least (optimal transport between Gaussians).
Where the channels are not correlated, it is Reinhard et al. 2001 in each channel.

Source: Pitie & Kokaram 2007 (linear Monge-Kantorovitch colour mapping), equation 9.

N images, C channels, K of them colours (1 or 3), H height, W width, P = H W pixels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.errors import InputError

_COLOURS = {1: 1, 2: 1, 3: 3, 4: 3}  # the rest is alpha
_ROUNDING = 1 / 12  # variance that rounding to bytes gives to a constant colour


@dataclass(frozen=True, kw_only=True, eq=False)
class ColourStatistics:
    """Mean and covariance of pictures' colours, in bytes; transparent pixels count less.

    Attributes:
        mean: (N, K) float64.
        covariance: (N, K, K) float64, over the pixels (divided by P).
    """

    mean: Tensor
    covariance: Tensor


def _colours(images: Tensor) -> int:
    """Return K; refuse what is no batch of pictures."""
    if images.ndim != 4 or images.dtype != torch.uint8 or images.shape[1] not in _COLOURS:
        raise InputError(
            "colours are matched of uint8 images (N, 1 to 4, H, W), not of "
            f"{images.dtype} {tuple(images.shape)}"
        )
    return _COLOURS[images.shape[1]]


def _weights(images: Tensor, colours: int) -> Tensor:
    """Return what each pixel counts, (N, 1, P), 1 in sum; all alike in invisible pictures."""
    flat = images.to("cpu", torch.float64).flatten(2)
    if images.shape[1] == colours:
        return torch.full_like(flat[:, :1], 1 / flat.shape[2])
    alpha = flat[:, -1:]
    alpha = torch.where(alpha.sum(2, keepdim=True) > 0, alpha, 1.0)
    return alpha / alpha.sum(2, keepdim=True)


def colour_statistics(images: Tensor) -> ColourStatistics:
    """Return the mean and the covariance of the colours of each picture.

    Args:
        images: (N, C, H, W) uint8.

    Raises:
        InputError: images has another type or shape.
    """
    k = _colours(images)
    x, weights = images[:, :k].to("cpu", torch.float64).flatten(2), _weights(images, k)
    mean = (x * weights).sum(2)
    centred = x - mean[:, :, None]
    return ColourStatistics(mean=mean, covariance=(centred * weights) @ centred.transpose(1, 2))


def _power(matrix: Tensor, exponent: float, floor: float = 0.0) -> Tensor:
    """Return powers of symmetric matrices (N, K, K); eigenvalues up to ``floor`` become 0."""
    values, vectors = torch.linalg.eigh(matrix)
    powers = torch.where(values > floor, values.clamp(min=1e-30) ** exponent, 0.0)
    product: Tensor = (vectors * powers[:, None]) @ vectors.transpose(1, 2)
    return product


def transport(source: Tensor, target: Tensor) -> Tensor:
    """Return T, which turns colours of covariance ``source`` into colours of ``target``.

    Directions in which the source does not vary, by more than bytes are rounded, stay so: a grey
    picture stays a grey one.

    Args:
        source: (N, K, K) float64, in bytes squared.
        target: likewise, or (1, K, K).

    Returns:
        (N, K, K), symmetric.
    """
    root, inverse = _power(source, 0.5, _ROUNDING), _power(source, -0.5, _ROUNDING)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


def match_colours(images: Tensor, like: Tensor) -> Tensor:
    """Give pictures the mean and covariance of the colours of others; alpha stays.

    What falls out of 0 to 255 is clipped, and colours are rounded: there the match is not exact.

    Args:
        images: (N, C, H, W) uint8.
        like: (N or 1, C, H', W') uint8.

    Returns:
        (N, C, H, W) uint8, on the CPU.

    Raises:
        InputError: they are no such pictures, or do not go with each other.
    """
    k = _colours(images)
    if _colours(like) != k or len(like) not in (1, len(images)):
        raise InputError(
            f"colours of {tuple(images.shape)} cannot be matched with those of {tuple(like.shape)}"
        )
    source, target = colour_statistics(images), colour_statistics(like)
    moved = transport(source.covariance, target.covariance) @ (
        images[:, :k].to("cpu", torch.float64).flatten(2) - source.mean[:, :, None]
    )
    rounded = (moved + target.mean[:, :, None]).round().clamp(0, 255).to(torch.uint8)
    matched = images.cpu().clone()
    matched[:, :k] = rounded.reshape(matched[:, :k].shape)
    return matched
