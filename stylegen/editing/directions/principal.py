"""Principal components of w: the directions in which the mapping network spreads it most.

Source: Härkönen et al. 2020 (GANSpace), section 2.1, for StyleGAN's w.

D width of w.
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


def components(spread: Spread) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues and eigenvectors of a covariance, largest first.

    Returns:
        (D,) variances, and (D, D) whose rows are unit vectors with a fixed sign; float64.
    """
    values, vectors = torch.linalg.eigh(spread.covariance)
    return values.flip(0).clamp_min(0), fix_signs(vectors.T.flip(0))


def pca(
    generator: Generator,
    layers: Sequence[int] | None = None,
    count: int = 10,
    *,
    spread: Spread | None = None,
) -> list[Direction]:
    """Find directions in samples of w.

    Args:
        generator: any network.
        layers: which the directions move, None for all; the components are those of w anyway.
        count: how many directions.
        spread: of w; None: measured.

    Returns:
        The directions, that of the largest variance first.

    Raises:
        InputError: there are fewer directions than asked for, or w varies in fewer.
    """
    check_count(count, generator.config.w_dim)
    chosen = tuple(range(generator.config.num_ws) if layers is None else layers)
    digest = latents_digest(generator)
    variances, vectors = components(spread or measure_spread(generator))
    rank = int((variances > 1e-12 * variances[0]).sum())
    if count > rank:
        raise InputError(f"{count} directions were asked for, but w varies in {rank} only")
    return [
        Direction(
            vector=vector.float(),
            layers=chosen,
            name=f"pca-{i:02d}",
            network=digest,
            method="pca",
            unit=float(variance) ** 0.5,
            explained_variance=float(variance / variances.sum()),
        )
        for i, (variance, vector) in enumerate(zip(variances[:count], vectors, strict=False))
    ]
