"""Real images as networks of a lower resolution, or in the middle of a fade, are shown them.

They are halved by the networks' own resampling filter, as a discriminator halves its input, for
every architecture. But where a network's layers see zeros (mid-grey) beyond the edges, a picture
goes on with its outermost pixels here: otherwise each halving would draw its borders towards grey,
and the generator would learn that frame. What fades is doubled as a generator doubles its image,
zeros beyond the edges included, so that real and generated images fade alike.

Source: Karras et al. 2018 (progressive GAN), section 2 and figure 2.

N batch, C channels, H height, W width.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from stylegen.ops import downsample2d, setup_filter, upsample2d


def halve_images(images: Tensor, taps: Tensor) -> Tensor:
    """Halve images; beyond an edge, its outermost pixels go on.

    Args:
        images: (N, C, H, W); H and W even.
        taps: the networks' resampling filter, from :func:`stylegen.ops.setup_filter`.

    Returns:
        (N, C, H / 2, W / 2).
    """
    reach = taps.shape[-1] // 2
    framed = pad(images, (reach,) * 4, mode="replicate")
    return downsample2d(framed, taps, padding=-reach)


def show_images(
    images: Tensor, resample_filter: tuple[float, ...], halvings: int, alpha: float
) -> Tensor:
    """Bring real images to the resolution of a moment of training, and to its fade.

    Args:
        images: (N, C, H, W) float, about [-1, 1]; H and W can be halved so often, and once more
            if alpha is below 1.
        resample_filter: the configuration's taps.
        halvings: how often the networks will still double in size.
        alpha: how far their newest block has faded in: 0 shows what half the size can hold, 1 all.

    Returns:
        (N, C, H / 2^halvings, W / 2^halvings).
    """
    taps = setup_filter(resample_filter, separable=False, device=images.device)
    for _ in range(halvings):
        images = halve_images(images, taps)
    if alpha == 1:
        return images
    return torch.lerp(upsample2d(halve_images(images, taps), taps), images, alpha)
