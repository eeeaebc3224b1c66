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
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.devices import full_float32
from stylegen.editing.latents import Latents, latents_digest, take_latents_of
from stylegen.editing.mixtures import Mixtures, replaced_layers
from stylegen.editing.restyle_config import AdaptConfig
from stylegen.errors import InputError
from stylegen.images import from_uint8
from stylegen.latents import parse_layers
from stylegen.networks import Discriminator, Generator, Noise, freeze
from stylegen.networks.layers import thaw

Progress = Callable[[int, int, float], None]
State = dict[str, Tensor]  # of an adaptation that is not finished
_KEEP_EVERY_SEC = 60.0
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True, kw_only=True, eq=False)
class Adapted:
    """A tuned generator.

    Attributes:
        generator: ready to draw.
        losses: of each step that was taken.
        layers: of the style's code that were replaced by random ones.
        state: what further steps begin with, as ``begun`` of :func:`adapt`.
    """

    generator: Generator
    losses: tuple[float, ...]
    layers: tuple[int, ...]
    state: State


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

    def state(self) -> State:
        """Return the network's tensors and the optimiser's."""
        synthesis = self.generator.synthesis
        state = {f"network.{name}": value for name, value in synthesis.state_dict().items()}
        for name, p in synthesis.named_parameters():
            state |= {f"adam.{name}.{key}": value for key, value in self._adam.state[p].items()}
        return state

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go back to a state."""
        for name, value in self.generator.synthesis.state_dict().items():
            value.copy_(state[f"network.{name}"])
        for name, p in self.generator.synthesis.named_parameters():
            if f"adam.{name}.step" in state:
                moments = {
                    key: torch.zeros_like(p).copy_(state[f"adam.{name}.{key}"])
                    for key in ("exp_avg", "exp_avg_sq")
                }
                self._adam.state[p] = {"step": state[f"adam.{name}.step"].clone(), **moments}


class _Run:
    """An adaptation in progress: the tuning, its random draws, its losses."""

    def __init__(self, tuning: _Tuning, mixtures: Mixtures) -> None:
        self.tuning, self.mixtures = tuning, mixtures
        self.losses: list[float] = []

    def state(self) -> State:
        """Return all that the next step depends on."""
        losses = torch.tensor(self.losses, dtype=torch.float64)
        return {**self.tuning.state(), "random": self.mixtures.random_state, "losses": losses}

    def load(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Go on from a state; refuse one that has no step left to do."""
        self.losses = state["losses"].tolist()
        if len(self.losses) >= steps:
            raise InputError(f"steps is {steps}, but {len(self.losses)} are done; wanted more")
        self.mixtures.random_state = state["random"]
        self.tuning.load(state)

    def step(self) -> float:
        """Take a step and return its loss."""
        done = len(self.losses)
        loss = self.tuning.step(*self.mixtures.draw(done), partial(self.mixtures.noise, done))
        if not math.isfinite(loss):
            raise InputError(f"the loss is {loss} at step {done + 1}; a smaller lr helps")
        self.losses.append(loss)
        return loss


@full_float32()
def adapt(
    generator: Generator,
    discriminator: Discriminator,
    codes: Latents,
    images: Tensor,
    config: AdaptConfig | None = None,
    *,
    begun: Mapping[str, Tensor] | None = None,
    keep: Callable[[State], None] | None = None,
    progress: Progress | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Adapted:
    """Tune a copy of a generator to draw in the manner of style images.

    On a CPU, the same arguments give the same network bit for bit, at once or in parts.

    Args:
        generator: from :func:`stylegen.load`; left as it is.
        discriminator: of the same snapshot, on the same device.
        codes: N latents that draw the style images, as projection gives them.
        images: (N, C, H, W) uint8, the style images, see :func:`style_images`.
        config: steps, layers and rates; None: the defaults.
        begun: state of an adaptation with the same arguments, which goes on; its steps count.
        keep: is handed the state once a minute.
        progress: is told (steps done, steps, loss) after each step.
        stopped: asked before each step; once it says True, what has been tuned by then comes back.

    Returns:
        The tuned generator and its losses. Its latents are those of the generator.

    Raises:
        InputError: codes, images or the discriminator do not fit the generator, the network draws
            no colours to be kept, the loss is no longer finite, or all steps were done before.
    """
    config = config or AdaptConfig()
    _check(generator, discriminator, codes, images, config)
    num_ws = generator.config.num_ws
    layers = parse_layers(config.layers, num_ws) if config.layers else replaced_layers(num_ws)
    device = next(generator.parameters()).device
    mixtures = Mixtures(generator, codes.w.to(device), layers, config)
    run = _Run(_Tuning(generator, discriminator, images.to(device), config), mixtures)
    if begun is not None:
        run.load(begun, config.steps)
    kept = time.monotonic()
    while len(run.losses) < config.steps and not (stopped and stopped()):
        loss = run.step()
        if progress is not None:
            progress(len(run.losses), config.steps, loss)
        if keep is not None and time.monotonic() - kept > _KEEP_EVERY_SEC:
            keep(run.state())
            kept = time.monotonic()
    state, adapted = run.state(), freeze(run.tuning.generator)
    take_latents_of(adapted, latents_digest(generator))  # whose mapping network it has
    losses = tuple(run.losses)
    return Adapted(generator=adapted, losses=losses, layers=tuple(layers), state=state)
