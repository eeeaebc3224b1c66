"""The losses and regularisers, as equations.

    L_D = softplus(D(fake)) + softplus(-D(real))          non-saturating logistic loss
    L_G = softplus(-D(fake))
    R1  = gamma / 2 * E ||grad_x D(x)||^2                  on real images
    PL  = E (||J_w^T y||_2 - a)^2,  y ~ N(0, I) / sqrt(HW) a: running mean of the lengths

Source: Goodfellow et al. 2014; Mescheder et al. 2018 (R1); Karras et al. 2020 (StyleGAN2), section
3.2, equation 4 (path length).

N batch, C channels, H height, W width, L number of layers that take a w, D width of w.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegen.ops import no_weight_gradients
from stylegen.training.draws import Draws


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return the mean of softplus(-D(fake)) over (N, 1) logits."""
    return F.softplus(-fake_logits).mean()


def discriminator_loss(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """Return the mean of softplus(D(fake)) + softplus(-D(real)) over (N, 1) logits."""
    return F.softplus(fake_logits).mean() + F.softplus(-real_logits).mean()


def r1_penalty(real_logits: Tensor, real: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Return gamma / 2 times the mean squared gradient of the logits by the images.

    Args:
        real_logits: (N, 1), computed from ``real``.
        real: (N, C, H, W), requires a gradient.
        gamma: the weight.

    Returns:
        The penalty (differentiable), and the mean squared gradient itself (detached).
    """
    with no_weight_gradients():
        (gradient,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
    squared = gradient.square().sum([1, 2, 3]).mean()
    return squared * (gamma / 2), squared.detach()


def path_lengths(images: Tensor, ws: Tensor, noise: Tensor) -> Tensor:
    """Return how far each image moves with its latent, along a random image direction.

    Args:
        images: (N, C, H, W), computed from ``ws``.
        ws: (N, L, D), requires a gradient.
        noise: (N, C, H, W), the direction: unit Gaussian / sqrt(H W).

    Returns:
        (N,): square root of the mean over layers of the squared gradient's sum over D.
    """
    with no_weight_gradients():
        (gradient,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()


def path_length_noise(images: Tensor, draws: Draws) -> Tensor:
    """Draw the random direction for :func:`path_lengths`, of the shape of the images."""
    return draws.normal(*images.shape) / math.sqrt(images.shape[2] * images.shape[3])


def path_length_penalty(
    lengths: Tensor, mean: Tensor, batch_mean: Tensor, decay: float
) -> tuple[Tensor, Tensor]:
    """Return the mean squared deviation of path lengths from their running mean.

    The running mean is first moved by the batch, and the gradient goes through that too. Where
    the batch is shared, each process adds what its own lengths contribute.

    Args:
        lengths: (N,), of this process.
        mean: scalar, the running mean so far.
        batch_mean: scalar, mean of the lengths of all processes, detached.
        decay: how fast the running mean follows.

    Returns:
        The penalty (differentiable), and the running mean it is taken against (detached).
    """
    moved = mean.lerp(batch_mean, decay)
    penalty = (lengths - moved).square().mean()
    own, slope = lengths.mean(), 2 * decay * (moved - batch_mean)  # d penalty / d batch_mean
    return penalty + slope * (own - own.detach()), moved
