"""Style mixing: some layers take their style from one source, the rest from another.

    w_l = a_l + s_l (b_l - a_l)

a is the row's latent, b the column's, s_l the weight of layer l: 0 keeps the row's style there and
1 takes the column's, both exactly.

Source: Karras et al. 2019 (StyleGAN), section 3.1 and figure 3.

A row sources, B column sources, C channels, H height, W width, L number of layers that take a w,
D width of w.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.editing.latents import Latents
from stylegen.editing.sampling import draw_latents, noise_seeds
from stylegen.editing.sources import PhotoProjector, Source, flatten, resolve_groups
from stylegen.errors import InputError
from stylegen.images import make_table
from stylegen.latents import parse_layers
from stylegen.networks import Generator, Noise


@dataclass(frozen=True, kw_only=True, eq=False)
class StyleMix:
    """Sources and their mixes.

    Attributes:
        rows: (A, C, H, W) uint8, the row sources.
        columns: (B, C, H, W) uint8, the column sources.
        mixed: (A, B, C, H, W) uint8: row a with the chosen layers' styles of column b.
        layers: the layers that take anything of the column.
        weights: L numbers, how much of the column each layer takes.
        latents: of the mixes, A * B of them, row by row.
    """

    rows: Tensor
    columns: Tensor
    mixed: Tensor
    layers: tuple[int, ...]
    weights: tuple[float, ...]
    latents: Latents

    def grid(self) -> Tensor:
        """Return one picture, (C, (A + 1) H, (B + 1) W) uint8, with the sources at its edges."""
        return make_table(self.rows, self.columns, self.mixed)

    def latent(self, row: int, column: int) -> Latents:
        """Return the latent of one mix."""
        return self.latents[row * len(self.columns) + column]


def default_layers(num_ws: int) -> list[int]:
    """Return the coarse layers (4-8 px); the first half where that would be all of them."""
    coarse = parse_layers("coarse", num_ws)
    return coarse if len(coarse) < num_ws else list(range(num_ws // 2))


def _layers(layers: str | Sequence[int] | None, num_ws: int) -> list[int]:
    if layers is None:
        return default_layers(num_ws)
    text = layers if isinstance(layers, str) else ",".join(str(i) for i in layers)
    return parse_layers(text, num_ws)


def layer_weights(
    num_ws: int,
    layers: str | Sequence[int] | None = None,
    strength: float = 1.0,
    weights: Sequence[float] | None = None,
) -> Tensor:
    """Return how much each layer takes of another source.

    Args:
        num_ws: L.
        layers: numbers, or text for :func:`~stylegen.latents.parse_layers`, whose weight is the
            strength, and 0 elsewhere; None: :func:`default_layers`.
        strength: 0 to 1.
        weights: instead of layers, L numbers from 0 to 1, which are multiplied by the strength.

    Returns:
        (L,) float32.

    Raises:
        InputError: no such layer, weights beside layers, another number of them, or a number that
            is not from 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise InputError(f"strength is {strength}; wanted 0 (the row) to 1 (the column)")
    if weights is None:
        chosen = torch.zeros(num_ws)
        chosen[_layers(layers, num_ws)] = 1
        return chosen * strength
    if layers is not None:
        raise InputError("layers and weights were both given; weights say it of every layer")
    if len(weights) != num_ws:
        raise InputError(f"{len(weights)} weights were given; this network has {num_ws} layers")
    if wrong := [weight for weight in weights if not 0 <= weight <= 1]:
        raise InputError(f"a layer's weight is {wrong[0]}; wanted 0 (the row) to 1 (the column)")
    return torch.tensor(weights, dtype=torch.float32) * strength


def mix_latents(rows: Latents, columns: Latents, weights: Tensor) -> Latents:
    """Mix the latents of each row and each column.

    Args:
        rows: A latents.
        columns: B latents of the same network.
        weights: (L,), how much of the column each layer takes; 0 and 1 are exact.

    Returns:
        A * B latents, row by row.

    Raises:
        InputError: they belong to different networks.
    """
    network = Latents.join([rows, columns]).network
    a, b = rows.w[:, None], columns.w[None]
    w = torch.lerp(a, b, weights[:, None].to(a))
    layers = ",".join(str(i) for i in weights.nonzero().flatten().tolist())
    sources = [f"{r} with layers {layers} of {c}" for r in rows.sources for c in columns.sources]
    return Latents(w=w.flatten(0, 1), sources=tuple(sources), network=network)


def mix(
    generator: Generator,
    rows: Source | Sequence[Source],
    cols: Source | Sequence[Source],
    layers: str | Sequence[int] | None = None,
    psi: float = 1.0,
    class_name: str | int | None = None,
    noise: Noise = "const",
    *,
    strength: float = 1.0,
    weights: Sequence[float] | None = None,
    photos: PhotoProjector | None = None,
) -> StyleMix:
    """Mix styles: each row source with the chosen layers of each column source.

    Args:
        generator: from :func:`stylegen.load`.
        rows: A seeds, files or latents, which give the layers that are not chosen; see
            :func:`~stylegen.editing.sources.resolve`.
        cols: B of them, which give the chosen layers.
        layers: numbers, or text such as "0-3,7", "middle", "8-" or "RES:16-32"; None:
            :func:`default_layers`.
        psi: truncation of the sources.
        class_name: class of all seeds; see :func:`~stylegen.editing.sampling.generate`.
        noise: likewise; random noise belongs to the row.
        strength: how much of the column the chosen layers take: 0 leaves the row, 1 is full.
        weights: instead of layers, how much of the column each of the L layers takes, 0 to 1.
        photos: projects photos; see :func:`~stylegen.editing.sources.photo_projector`.

    Returns:
        The sources, the mixes and their latents.

    Raises:
        InputError: there are no sources, or no such layer, class or file; see
            :func:`layer_weights` and :func:`~stylegen.editing.sources.resolve`.
    """
    if not (flatten(rows) and flatten(cols)):
        raise InputError("mixing needs at least one row and one column source")
    chosen = layer_weights(generator.config.num_ws, layers, strength, weights)
    a, b = resolve_groups(generator, [rows, cols], psi=psi, class_name=class_name, photos=photos)
    latents = mix_latents(a, b, chosen)
    seeds = [seed for seed in noise_seeds(a) for _ in b.sources]
    images = draw_latents(generator, latents, noise, seeds)
    return StyleMix(
        rows=draw_latents(generator, a, noise),
        columns=draw_latents(generator, b, noise),
        mixed=images.reshape(len(a), len(b), *images.shape[1:]),
        layers=tuple(chosen.nonzero().flatten().tolist()),
        weights=tuple(chosen.tolist()),
        latents=latents,
    )
