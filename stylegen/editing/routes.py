"""Routes: from points (seeds, latents, two truncations of one) to trajectories in w.

t parameter, L number of layers that take a w, D width of w.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylegen.devices import full_float32
from stylegen.editing import paths
from stylegen.editing.latents import Latents
from stylegen.editing.speed import Trajectory
from stylegen.editing.walk_config import WalkConfig
from stylegen.latents import class_index, one_hot, parse_layers, seeds_to_z
from stylegen.networks import Generator


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """A trajectory and its points.

    Attributes:
        at: t to ws on the CPU; t = j gives point j.
        sources: what the points are, for people.
    """

    at: Trajectory
    sources: tuple[str, ...]


def _layers(generator: Generator, config: WalkConfig) -> list[int]:
    count = generator.config.num_ws
    return parse_layers("all" if config.layers is None else config.layers, count)


def _only(layers: Sequence[int], moving: Tensor, still: Tensor) -> Tensor:
    """Take the chosen layers of some w (N, L, D) and the others of one (L, D)."""
    ws = still.expand_as(moving).clone()
    ws[:, layers] = moving[:, layers]
    return ws


def sweep_ends(
    generator: Generator, point: Latents, ends: tuple[float, float], config: WalkConfig
) -> Latents:
    """Truncate the chosen layers of one latent twice: the two points of a sweep."""
    layers, mapping = _layers(generator, config), generator.mapping
    w = point.w.to(mapping.w_avg.device)
    both = torch.cat([mapping.truncate(w, psi) for psi in ends]).cpu()
    return Latents(
        w=_only(layers, both, point.w[0]),
        sources=tuple(f"{point.sources[0]} at psi {psi:g}" for psi in ends),
        network=point.network,
    )


def route_in_w(generator: Generator, points: Latents, config: WalkConfig) -> Route:
    """Walk between latents, which may differ from layer to layer; or sweep one."""
    if config.sweep is not None:
        points = sweep_ends(generator, points, config.sweep, config)
    layers, still = _layers(generator, config), points.w[0]
    along = paths.curve(points.w, config.path, config.closed)
    return Route(at=lambda t: _only(layers, along(t), still), sources=points.sources)


def route_in_z(
    generator: Generator,
    seeds: Sequence[int],
    config: WalkConfig,
    psi: float,
    cutoff: int | None,
    class_name: str | int | None,
) -> Route:
    """Walk between seeds; where these are of different classes, through the classes' embeddings."""
    c_dim, device = generator.config.c_dim, next(generator.parameters()).device
    chosen = class_index(class_name, c_dim, generator.class_names)
    classes = one_hot([s % max(c_dim, 1) if chosen is None else chosen for s in seeds], c_dim)
    layers = _layers(generator, config)
    z_at = paths.curve(seeds_to_z(seeds, generator.config.z_dim), config.path, config.closed)
    c_at = None if classes is None else paths.curve(classes, "linear", config.is_closed)

    @torch.no_grad()
    @full_float32()
    def map_all(t: Tensor) -> Tensor:
        z, c = z_at(t).to(device), None if c_at is None else c_at(t).to(device)
        rows = [
            generator.mapping(
                z[i : i + 1], None if c is None else c[i : i + 1], psi=psi, cutoff=cutoff
            )
            for i in range(len(z))
        ]
        return torch.cat(rows).cpu()

    still = map_all(torch.zeros(1, dtype=torch.float64))[0]
    sources = tuple(str(seed) for seed in seeds)
    return Route(at=lambda t: _only(layers, map_all(t), still), sources=sources)
