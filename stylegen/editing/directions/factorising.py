"""Closed-form factorisation: the directions of w that change the styles most.

The styles of a layer are A w + b. Moving w by n changes them by A n, so the unit vectors that
change them most are the eigenvectors of A^T A with the largest eigenvalues. A stacks the affine
weights of the chosen layers; each of its rows, a style channel, is scaled to length 1.

Source: Shen & Zhou 2021 (Closed-Form Factorization of Latent Semantics in GANs), section 3.2.

S style channels of the chosen layers, D width of w.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylegen.editing.directions.direction import Direction
from stylegen.editing.directions.spread import (
    Spread,
    check_count,
    fix_signs,
    measure_spread,
)
from stylegen.editing.latents import latents_digest
from stylegen.errors import InputError
from stylegen.networks import Generator


def layer_affines(generator: Generator) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Return {layer: weight (channels, D)} of the affines of convolutions, and those of toRGB."""
    convolutions: dict[int, Tensor] = {}
    to_rgb: dict[int, Tensor] = {}
    first = 0
    for _, block in generator.synthesis.blocks():
        names = ["conv1"] if not hasattr(block, "conv0") else ["conv0", "conv1"]
        for i, name in enumerate(names):
            convolutions[first + i] = block.get_parameter(f"{name}.affine.weight")
        if hasattr(block, "torgb"):
            to_rgb[first + len(names)] = block.get_parameter("torgb.affine.weight")
        first += len(names)
    return convolutions, to_rgb


def style_weights(generator: Generator, layers: Sequence[int]) -> Tensor:
    """Stack the style affines of some layers.

    As published, the affines of the convolutions count, and not those of the toRGB layers, which
    share a w with the next block; they count where no convolution is among the layers, as with the
    last layer alone.

    Returns:
        (S, D) float64 on the CPU.

    Raises:
        InputError: nothing reads these layers.
    """
    convolutions, to_rgb = layer_affines(generator)
    chosen = [convolutions[i] for i in layers if i in convolutions]
    chosen = chosen or [to_rgb[i] for i in layers if i in to_rgb]
    if not chosen:
        raise InputError(f"no style affine reads the layers {list(layers)}")
    return torch.cat([weight.detach().double().cpu() for weight in chosen])


def factorise(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues and eigenvectors of A^T A, rows of A scaled to length 1, largest first.

    Args:
        weights: A, (S, D).

    Returns:
        (D,) float64, and (D, D) float64 whose rows are unit vectors with a fixed sign.
    """
    a = weights.double()
    a = a / a.norm(dim=1, keepdim=True).clamp_min(1e-12)
    values, vectors = torch.linalg.eigh(a.T @ a)
    return values.flip(0).clamp_min(0), fix_signs(vectors.T.flip(0))


def sefa(
    generator: Generator,
    layers: Sequence[int] | None = None,
    count: int = 10,
    *,
    spread: Spread | None = None,
) -> list[Direction]:
    """Find directions in the weights alone.

    Args:
        generator: any network.
        layers: whose styles count, and which the directions then move; None: all.
        count: how many directions.
        spread: of w, for the unit; None: measured.

    Returns:
        The directions, that of the largest eigenvalue first.

    Raises:
        InputError: there are fewer directions than asked for, or no such layers.
    """
    config = generator.config
    chosen = tuple(range(config.num_ws) if layers is None else layers)
    check_count(count, config.w_dim)
    values, vectors = factorise(style_weights(generator, chosen))
    spread, digest = spread or measure_spread(generator), latents_digest(generator)
    return [
        Direction(
            vector=vector.float(),
            layers=chosen,
            name=f"sefa-{i:02d}",
            network=digest,
            method="sefa",
            unit=spread.along(vector[None]),
            explained_variance=float(value / values.sum()),
        )
        for i, (value, vector) in enumerate(zip(values[:count], vectors, strict=False))
    ]
