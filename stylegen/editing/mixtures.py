"""Mixtures: the style's code with its fine layers replaced by those of random codes.

N styles, B mixtures of a step, L number of layers that take a w, D width of w.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylegen.editing.restyle_config import AdaptConfig
from stylegen.latents import FINE_PX, layer_resolutions, one_hot
from stylegen.networks import Generator, Noise

_LARGEST_SEED = 2**63 - 1


def replaced_layers(num_ws: int) -> list[int]:
    """Return the layers that are replaced where none are named: never all, never none.

    The fine ones (64 px and above); in smaller networks, those of the last resolution: with more
    replaced, small networks lose the shapes of what they draw.
    """
    resolutions = layer_resolutions(num_ws)
    least = min(FINE_PX, resolutions[-1])
    return [i for i, r in enumerate(resolutions) if r >= least and i > 0]


class Mixtures:
    """Draws the codes and the noise of each step, the same on every device.

    Args:
        generator: the untouched one, whose mapping network gives the random codes.
        codes: (N, L, D), the styles'.
        layers: which are replaced.
        config: share, batch and seed.
    """

    def __init__(
        self, generator: Generator, codes: Tensor, layers: Sequence[int], config: AdaptConfig
    ) -> None:
        self._generator, self._codes, self._config = generator, codes, config
        self._layers = list(layers)
        self._random = torch.Generator().manual_seed(config.seed)

    @property
    def random_state(self) -> Tensor:
        """What the codes of the next step are drawn from, uint8; may be set."""
        return self._random.get_state()

    @random_state.setter
    def random_state(self, state: Tensor) -> None:
        self._random.set_state(state)

    def noise(self, step: int) -> Noise:
        """Return the noise of a step; each call gives the same again."""
        random, device = torch.Generator(), self._codes.device
        random.manual_seed(((self._config.seed << 32) + step + 1) & _LARGEST_SEED)

        def draw(count: int, height: int, width: int) -> Tensor:
            return torch.randn(count, 1, height, width, generator=random).to(device)

        return draw

    @torch.no_grad()
    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Return (B, L, D), and which style each of the B rows is of."""
        config, made_of = self._config, self._generator.config
        classes = torch.randint(max(made_of.c_dim, 1), [config.batch], generator=self._random)
        c = one_hot(classes, made_of.c_dim)
        z = torch.randn(config.batch, made_of.z_dim, generator=self._random).to(self._codes.device)
        w = self._generator.mapping(z, None if c is None else c.to(z.device))
        rows = (step * config.batch + torch.arange(config.batch)) % len(self._codes)
        ws = self._codes[rows]
        ws[:, self._layers] = torch.lerp(ws[:, self._layers], w[:, self._layers], config.share)
        return ws, rows
