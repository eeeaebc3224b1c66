"""Style mixing: some layers take their style from one source, the rest from another.

Source: Karras et al. 2019 (StyleGAN), section 3.1 and figure 3.

A row sources, B column sources, C channels, H height, W width, L number of layers that take a w.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.editing.sampling import draw, seeds_to_ws
from stylegen.errors import InputError
from stylegen.images import make_grid
from stylegen.latents import parse_layers
from stylegen.networks import Generator, Noise


@dataclass(frozen=True, kw_only=True)
class StyleMix:
    """Sources and their mixes.

    Attributes:
        rows: (A, C, H, W) uint8, the row sources.
        columns: (B, C, H, W) uint8, the column sources.
        mixed: (A, B, C, H, W) uint8: row a with the chosen layers' styles of column b.
        layers: the chosen layers.
    """

    rows: Tensor
    columns: Tensor
    mixed: Tensor
    layers: tuple[int, ...]

    def grid(self) -> Tensor:
        """Return one picture, (C, (A + 1) H, (B + 1) W) uint8, with the sources at its edges."""
        corner = torch.full_like(self.columns[:1], 255)
        cells = [corner, self.columns]
        for row, mixes in zip(self.rows, self.mixed, strict=True):
            cells += [row[None], mixes]
        return make_grid(torch.cat(cells), len(self.columns) + 1)


def default_layers(num_ws: int) -> list[int]:
    """Return the coarse layers (4-8 px); the first half where that would be all of them."""
    coarse = parse_layers("coarse", num_ws)
    return coarse if len(coarse) < num_ws else list(range(num_ws // 2))


def _layers(layers: str | Sequence[int] | None, num_ws: int) -> list[int]:
    if layers is None:
        return default_layers(num_ws)
    text = layers if isinstance(layers, str) else ",".join(str(i) for i in layers)
    return parse_layers(text, num_ws)


def mix(
    generator: Generator,
    rows: Sequence[int],
    cols: Sequence[int],
    layers: str | Sequence[int] | None = None,
    psi: float = 1.0,
    class_name: str | int | None = None,
    noise: Noise = "const",
) -> StyleMix:
    """Mix the styles of seeds: each row source with the chosen layers of each column source.

    Args:
        generator: from :func:`stylegen.load`.
        rows: A seeds, which give the layers that are not chosen.
        cols: B seeds, which give the chosen layers.
        layers: numbers, or text such as "0-3,7" or "middle"; None: :func:`default_layers`.
        psi: truncation of the sources.
        class_name: class of all sources; see :func:`~stylegen.editing.sampling.generate`.
        noise: likewise.

    Returns:
        The sources and the mixes.

    Raises:
        InputError: there are no seeds, or no such layer or class.
    """
    if not (len(rows) and len(cols)):
        raise InputError("mixing needs at least one row seed and one column seed")
    chosen = _layers(layers, generator.config.num_ws)
    row_ws = seeds_to_ws(generator, rows, psi, class_name=class_name)
    col_ws = seeds_to_ws(generator, cols, psi, class_name=class_name)
    mixed = row_ws[:, None].repeat(1, len(cols), 1, 1)
    mixed[:, :, chosen] = col_ws[None, :, chosen]
    images = draw(generator, mixed.flatten(0, 1), noise, seeds=[r for r in rows for _ in cols])
    return StyleMix(
        rows=draw(generator, row_ws, noise, rows),
        columns=draw(generator, col_ws, noise, cols),
        mixed=images.reshape(len(rows), len(cols), *images.shape[1:]),
        layers=tuple(chosen),
    )
