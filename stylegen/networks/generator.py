"""The generator: mapping, then synthesis.

Source: Karras et al. 2020 (StyleGAN2).

N batch, Z width of z, C number of classes, H height, W width.
"""

import torch
from torch import Tensor, nn

from stylegen.networks.config import GeneratorConfig
from stylegen.networks.fading import GeneratorFade
from stylegen.networks.mapping import MappingNetwork
from stylegen.networks.synthesis import Noise, SynthesisNetwork
from stylegen.precision import NUM_LOW_PRECISION_RES


class Generator(nn.Module):
    """Latents and classes to images.

    Args:
        config: what it is made of.

    Attributes:
        class_names: names of its classes, in the order of their numbers; empty if not known.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.class_names: tuple[str, ...] = ()
        self.synthesis = SynthesisNetwork(config)
        self.mapping = MappingNetwork(
            config.z_dim,
            config.c_dim,
            config.w_dim,
            config.num_ws,
            num_layers=config.mapping_layers,
            lr_multiplier=config.mapping_lr_multiplier,
            w_avg_beta=config.w_avg_beta,
        )

    def set_precision(self, dtype: torch.dtype, num_res: int = NUM_LOW_PRECISION_RES) -> None:
        """Compute the top blocks in another type; see :meth:`BlockNetwork.set_precision`."""
        self.synthesis.set_precision(dtype, num_res)

    @property
    def fade(self) -> GeneratorFade | None:
        """What blends the newest block in after :func:`stylegen.networks.grow`; None: nothing."""
        return self.synthesis.fade

    def set_alpha(self, alpha: float) -> None:
        """Set how much the newest block counts; see :meth:`BlockNetwork.set_alpha`."""
        self.synthesis.set_alpha(alpha)

    def end_fade(self) -> None:
        """Drop what only the fade needed; the network is then a standard one, as at alpha 1."""
        self.synthesis.end_fade()

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        psi: float = 1.0,
        cutoff: int | None = None,
        noise: Noise = "random",
    ) -> Tensor:
        """Draw images.

        Args:
            z: (N, Z), unit Gaussian.
            c: (N, C), one-hot, for conditional networks.
            psi: truncation: 1 is the full distribution, 0 its mean.
            cutoff: number of layers that are truncated, from the first; None: all.
            noise: "random" draws it, "const" takes the stored one, "none" adds none; or a
                callable, see :data:`~stylegen.networks.synthesis.Noise`.

        Returns:
            (N, channels, H, W) float32, about [-1, 1].

        Raises:
            InputError: z or c has another shape than the network's, or noise another name.
        """
        ws = self.mapping(z, c, psi=psi, cutoff=cutoff)
        image: Tensor = self.synthesis(ws, noise=noise)
        return image
