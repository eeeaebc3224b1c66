"""One-shot adaptation: tune a generator until it draws its samples in the manner of one image.

At each step, the fine layers of the style's code are replaced by those of random codes, and every
such mixture should be drawn as the style image:

    loss = mean over k of mean |f_k(G(w')) - f_k(y)|,   w' = the style's coarse, random fine layers

f_k are the activations of the discriminator after its block k, y the style image. Whatever the
fine layers say, the tuned generator draws in this manner; the coarse layers, which differ from
sample to sample, keep on deciding what is drawn.

To keep the samples' own colours, f sees grey images, and the colours of the mixtures are held:

    loss += weight * mean |chroma(G(w')) - chroma(G_0(w'))|,   G_0 the untouched generator

Source: Chong & Forsyth 2022 (JoJoGAN), sections 3.2 and 3.3; written from its description.

N style images, B mixtures of a step, C channels, H height, W width, L number of layers that take a
w, D width of w.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.devices import full_float32
from stylegen.editing.latents import Latents
from stylegen.editing.mixtures import Mixtures, replaced_layers
from stylegen.editing.restyle_config import AdaptConfig
from stylegen.errors import InputError
from stylegen.images import from_uint8
from stylegen.latents import parse_layers
from stylegen.networks import Discriminator, Generator, Noise, freeze
from stylegen.networks.layers import thaw

Progress = Callable[[int, int, float], None]
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True, kw_only=True, eq=False)
class Adapted:
    """A tuned generator.

    Attributes:
        generator: ready to draw.
        losses: of each step that was taken.
        layers: of the style's code that were replaced by random ones.
    """

    generator: Generator
    losses: tuple[float, ...]
    layers: tuple[int, ...]


def grey(images: Tensor) -> Tensor:
    """Return images without their colours: brightness in all three channels; alpha stays.

    Args:
        images: (N, 3 or 4, H, W) float.
    """
    weights = images.new_tensor(_LUMA)[:, None, None]
    brightness = (images[:, :3] * weights).sum(dim=1, keepdim=True)
    return torch.cat([brightness.expand(-1, 3, -1, -1), images[:, 3:]], dim=1)


def chroma(images: Tensor) -> Tensor:
    """Return what :func:`grey` takes away, (N, 3, H, W): the colours without their brightness."""
    return (images - grey(images))[:, :3]


def feature_distance(drawn: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Average mean absolute differences over several tensors of equal shapes: a scalar."""
    each = [F.l1_loss(a.float(), b.float()) for a, b in zip(drawn, wanted, strict=True)]
    return torch.stack(each).mean()


def _check(
    generator: Generator,
    discriminator: Discriminator,
    codes: Latents,
    images: Tensor,
    config: AdaptConfig,
) -> None:
    codes.check(generator)
    made_of, judged = generator.config, discriminator.config
    shape = (made_of.img_channels, made_of.height, made_of.width)
    if images.dtype != torch.uint8 or images.shape != (len(codes), *shape) or not len(codes):
        raise InputError(
            f"the style images should be {len(codes)} of shape {shape}, uint8, one for each code, "
            f"not {tuple(images.shape)}, {images.dtype}"
        )
    if (judged.img_channels, judged.height, judged.width) != shape:
        raise InputError("the discriminator judges images of another shape than are drawn")
    if config.keep_color and made_of.img_channels < 3:
        raise InputError("keep_color was asked for, but this network draws grey images")


class _Tuning:
    """A generator in tuning: its optimiser, and what its images are compared with.

    Args:
        generator: the untouched one; a copy is tuned, of which the mapping network stays.
        discriminator: gives the features.
        images: (N, C, H, W) uint8, what is wanted.
        config: rates and colours.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        images: Tensor,
        config: AdaptConfig,
    ) -> None:
        self._original, self._discriminator, self._config = generator, discriminator, config
        self.generator = thaw(copy.deepcopy(generator))
        self.generator.mapping.requires_grad_(False)
        parameters, betas = self.generator.synthesis.parameters(), (config.beta1, config.beta2)
        self._adam = torch.optim.Adam(parameters, lr=config.lr, betas=betas)
        with torch.no_grad():
            self._wanted = self._features(from_uint8(images))

    def _features(self, images: Tensor) -> list[Tensor]:
        shown = grey(images) if self._config.keep_color else images
        return self._discriminator.block_features(shown)

    @torch.no_grad()
    def _own_chroma(self, ws: Tensor, noise: Noise) -> Tensor:
        return chroma(self._original.synthesis(ws, noise=noise))

    def step(self, ws: Tensor, rows: Tensor, noise: Callable[[], Noise]) -> float:
        """Tune to draw style ``rows[i]`` for ``ws[i]``; return the loss before."""
        images = self.generator.synthesis(ws, noise=noise())
        loss = feature_distance(self._features(images), [f[rows] for f in self._wanted])
        if self._config.keep_color:
            moved = F.l1_loss(chroma(images), self._own_chroma(ws, noise()))
            loss = loss + self._config.chroma_weight * moved
        self._adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        return loss.item()


@full_float32()
def adapt(
    generator: Generator,
    discriminator: Discriminator,
    codes: Latents,
    images: Tensor,
    config: AdaptConfig | None = None,
    *,
    progress: Progress | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Adapted:
    """Tune a copy of a generator to draw in the manner of style images.

    On a CPU, the same arguments give the same network bit for bit.

    Args:
        generator: from :func:`stylegen.load`; left as it is.
        discriminator: of the same snapshot, on the same device.
        codes: N latents that draw the style images, as projection gives them.
        images: (N, C, H, W) uint8, the style images, see :func:`style_images`.
        config: steps, layers and rates; None: the defaults.
        progress: is told (steps done, steps, loss) after each step.
        stopped: asked before each step; once it says True, what has been tuned by then comes back.

    Returns:
        The tuned generator and its losses.

    Raises:
        InputError: codes, images or the discriminator do not fit the generator, the network draws
            no colours to be kept, or the loss is no longer finite.
    """
    config = config or AdaptConfig()
    _check(generator, discriminator, codes, images, config)
    num_ws = generator.config.num_ws
    layers = parse_layers(config.layers, num_ws) if config.layers else replaced_layers(num_ws)
    device = next(generator.parameters()).device
    mixtures = Mixtures(generator, codes.w.to(device), layers, config)
    tuning = _Tuning(generator, discriminator, images.to(device), config)
    losses: list[float] = []
    while len(losses) < config.steps and not (stopped and stopped()):
        done = len(losses)
        losses.append(tuning.step(*mixtures.draw(done), partial(mixtures.noise, done)))
        if not math.isfinite(losses[-1]):
            raise InputError(f"the loss is {losses[-1]} at step {len(losses)}; a smaller lr helps")
        if progress is not None:
            progress(len(losses), config.steps, losses[-1])
    return Adapted(generator=freeze(tuning.generator), losses=tuple(losses), layers=tuple(layers))
