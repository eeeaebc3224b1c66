"""How learning rate and latent noise go over the steps of a projection.

    rate(t)  = min(1, t / up) (1 - cos(pi min(1, (1 - t) / down))) / 2
    noise(t) = latent_noise max(0, 1 - t / until)^2

for t from 0 to 1. Source: Karras et al. 2020 (StyleGAN2), appendix D.
"""

import math

from stylegen.editing.projection.config import ProjectionConfig


def learning_rate(config: ProjectionConfig, t: float) -> float:
    """Return which part of the learning rate is used at a part t of the steps."""
    up = 1.0 if config.ramp_up == 0 else min(1.0, t / config.ramp_up)
    down = 1.0 if config.ramp_down == 0 else min(1.0, (1 - t) / config.ramp_down)
    return up * (1 - math.cos(math.pi * down)) / 2


def latent_noise(config: ProjectionConfig, t: float) -> float:
    """Return the latent noise at a part t of the steps, in deviations of w's coordinates."""
    if t >= config.latent_noise_until:
        return 0.0
    return config.latent_noise * (1 - t / config.latent_noise_until) ** 2
