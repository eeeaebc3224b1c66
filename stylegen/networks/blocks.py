"""What both networks are: one block per resolution, the top ones in low precision, one fading in.

R nominal resolution of the images, r of a block.
"""

from collections.abc import Iterator

import torch
from torch import nn

from stylegen.errors import InputError
from stylegen.networks.fading import DiscriminatorFade, GeneratorFade
from stylegen.networks.layers import block_resolutions, low_precision_blocks
from stylegen.precision import NUM_LOW_PRECISION_RES


class BlockNetwork(nn.Module):
    """A network of one block per resolution, named b4, b8, ... as in official checkpoints.

    Attributes:
        resolution: R, nominal where the images are not square.
        fade: what blends the newest block in after :func:`stylegen.networks.grow`; None: nothing.
        precision: what :meth:`set_precision` was given.
    """

    fade: GeneratorFade | DiscriminatorFade | None

    def __init__(self, resolution: int) -> None:
        super().__init__()
        self.resolution = resolution
        self.precision = torch.float32, NUM_LOW_PRECISION_RES
        self.register_module("fade", None)

    def blocks(self) -> Iterator[tuple[int, nn.Module]]:
        """Yield (resolution, block), from 4 px up."""
        for r in block_resolutions(self.resolution):
            yield r, self.get_submodule(f"b{r}")

    def set_precision(self, dtype: torch.dtype, num_res: int = NUM_LOW_PRECISION_RES) -> None:
        """Compute the top blocks in another type; parameters and the image stay float32.

        Args:
            dtype: torch.bfloat16, torch.float16 or torch.float32.
            num_res: how many of the top resolutions; none below 8 px, whatever is given.
        """
        self.precision = dtype, num_res
        low = low_precision_blocks(self.resolution, num_res)
        for r, block in self.blocks():
            block.dtype = dtype if r in low else torch.float32  # type: ignore[assignment]

    def set_alpha(self, alpha: float) -> None:
        """Set how much a grown network's newest block counts.

        Args:
            alpha: 0 to 1; a network in which nothing fades is at 1.

        Raises:
            InputError: alpha is not from 0 to 1, or nothing fades and it is below 1.
        """
        if not 0 <= alpha <= 1:
            raise InputError(f"alpha is {alpha!r}; wanted 0 to 1")
        if self.fade is not None:
            self.fade.alpha = float(alpha)
        elif alpha != 1:
            raise InputError(f"alpha is {alpha!r}, but nothing fades in this network")

    def end_fade(self) -> None:
        """Drop what only the fade needed; the network is then a standard one, as at alpha 1."""
        self.fade = None
