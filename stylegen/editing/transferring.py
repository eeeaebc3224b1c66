"""Transfer: pictures keep the coarse layers of their content and take the fine ones of a style.

    w_l = c_l + s (t_l - c_l)  for the chosen layers l,   w_l = c_l  for the others

c is the content's latent, t the style's (or the weighted mean of several), s the strength.

Source: Karras et al. 2019 (StyleGAN), section 3.1, for what the layers of w decide.

A contents, B styles, N latents, C channels, H height, W width, L number of layers that take a w.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from stylegen.editing.colour import match_colours
from stylegen.editing.latents import Latents
from stylegen.editing.mixing import default_layers, layer_weights, mix_latents
from stylegen.editing.restyle_config import MatchColour, TransferConfig
from stylegen.editing.sampling import draw_latents, noise_seeds
from stylegen.editing.sources import PhotoProjector, Source, resolve_groups
from stylegen.errors import InputError
from stylegen.images import make_table
from stylegen.latents import FINE_PX, layer_resolutions, parse_layers
from stylegen.networks import Generator, Noise


@dataclass(frozen=True, kw_only=True, eq=False)
class Transfer:
    """Contents, styles and what became of them.

    Attributes:
        contents: (A, C, H, W) uint8, drawn from the contents' latents.
        styles: (B, C, H, W) uint8, drawn from the styles'.
        images: (A, B, C, H, W) uint8: content a in style b.
        latents: A * B of them, content by content.
        layers: which took the style.
    """

    contents: Tensor
    styles: Tensor
    images: Tensor
    latents: Latents
    layers: tuple[int, ...]

    def grid(self) -> Tensor:
        """Return one picture, (C, (A + 1) H, (B + 1) W) uint8: styles above, contents left."""
        return make_table(self.contents, self.styles, self.images)


def style_layers(num_ws: int) -> list[int]:
    """Return the layers that take the style where none are named: never all, never none.

    The fine ones (64 px and above); where a network has none, all but the coarse ones of
    :func:`~stylegen.editing.mixing.default_layers`.
    """
    fine = [i for i, r in enumerate(layer_resolutions(num_ws)) if r >= FINE_PX]
    return fine or sorted(set(range(num_ws)) - set(default_layers(num_ws)))


def blend_styles(styles: Latents, weights: Sequence[float]) -> Latents:
    """Return the weighted mean of styles, as one latent.

    Args:
        styles: B of them.
        weights: B numbers, not negative; only their ratios count.

    Raises:
        InputError: another number of weights, a negative or infinite one, or all are 0.
    """
    if len(weights) != len(styles):
        raise InputError(f"{len(weights)} style weights for {len(styles)} styles; wanted as many")
    total = math.fsum(weights)
    if not (math.isfinite(total) and total > 0 and min(weights) >= 0):
        raise InputError(f"style weights are {list(weights)}; wanted numbers from 0 on, not all 0")
    w = sum(row * (weight / total) for row, weight in zip(styles.w, weights, strict=True))
    assert isinstance(w, Tensor)
    parts = zip(weights, styles.sources, strict=True)
    name = " + ".join(f"{weight / total:.3g} {source}" for weight, source in parts if weight)
    return Latents(w=w[None], sources=(name,), network=styles.network)


def transfer_latents(
    content: Latents, style: Latents, layers: Sequence[int], strength: float = 1.0
) -> Latents:
    """Put each style into each content.

    Args:
        content: A of them.
        style: B of the same network.
        layers: which take the style.
        strength: 0 to 1; both ends are exact.

    Returns:
        A * B latents, content by content.

    Raises:
        InputError: they belong to different networks.
    """
    mixed = mix_latents(content, style, layer_weights(content.w.shape[1], layers, strength))
    sources = [f"{c} in the style of {s}" for c in content.sources for s in style.sources]
    return replace(mixed, sources=tuple(sources))


def _matched(images: Tensor, contents: Tensor, styles: Tensor, like: MatchColour | None) -> Tensor:
    """Match the colours of (A, B, C, H, W) with (A, C, H, W) or (B, C, H, W)."""
    if like is None:
        return images
    wanted = contents[:, None] if like == "content" else styles[None]
    wanted = wanted.expand_as(images).flatten(0, 1)
    return match_colours(images.flatten(0, 1), wanted).reshape(images.shape)


def _drawn(
    generator: Generator, contents: Latents, styles: Latents, latents: Latents,
    layers: Sequence[int], match_colour: MatchColour | None, noise: Noise,
) -> Transfer:  # fmt: skip
    rows, columns = (draw_latents(generator, some, noise) for some in (contents, styles))
    seeds = [seed for seed in noise_seeds(contents) for _ in styles.w]
    images = draw_latents(generator, latents, noise, seeds)
    images = images.reshape(len(contents), len(styles), *images.shape[1:])
    return Transfer(
        contents=rows,
        styles=columns,
        images=_matched(images, rows, columns, match_colour),
        latents=latents,
        layers=tuple(layers),
    )


def transfer(
    generator: Generator,
    content: Source | Sequence[Source],
    style: Source | Sequence[Source],
    config: TransferConfig | None = None,
    *,
    psi: float = 1.0,
    class_name: str | int | None = None,
    photos: PhotoProjector | None = None,
    noise: Noise = "const",
) -> Transfer:
    """Draw each content in each style.

    Args:
        generator: from :func:`stylegen.load`.
        content: A seeds, latents or files, see :func:`~stylegen.editing.sources.resolve`.
        style: B likewise; with weights, they become one style.
        config: layers, strength, weights and colours; None: the defaults.
        psi: truncation of all sources.
        class_name: class of seeds; see :func:`~stylegen.editing.sampling.generate`.
        photos: projects photos, if there are any.
        noise: as of :func:`~stylegen.editing.sampling.generate`; random noise belongs to contents.

    Returns:
        The pictures and their latents.

    Raises:
        InputError: a source cannot be used, or the network has no such layers.
    """
    config = config or TransferConfig()
    num_ws = generator.config.num_ws
    layers = parse_layers(config.layers, num_ws) if config.layers else style_layers(num_ws)
    contents, styles = resolve_groups(
        generator, [content, style], psi=psi, class_name=class_name, photos=photos
    )
    if config.style_weights is not None:
        styles = blend_styles(styles, config.style_weights)
    latents = transfer_latents(contents, styles, layers, config.strength)
    return _drawn(generator, contents, styles, latents, layers, config.match_colour, noise)
