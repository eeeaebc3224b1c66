"""Files of a set that show the same: to the bit, or nearly.

Small pictures are compared by correlation: with x a small picture less its mean colour and scaled
to length 1, |x - y|^2 = 2 (1 - rho). Neighbours are sought in the first principal components only,
with a k-d tree; a distance there is never greater than the whole one, so none is missed. Hashes of
the differences of neighbouring pixels, the usual way, collide in masses on plain backgrounds.

N pictures, T side of a small picture, K components, P pairs.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from stylegen.data.config import SIMILARITY

PLAIN_LEVELS = 2.0  # standard deviation, of 255, below which a picture shows nothing

_COMPONENTS = 16
_SAMPLES = 4096
_NEIGHBOURS = 8
_BLOCK = 8192

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


def exact_groups(digests: list[bytes]) -> list[list[int]]:
    """Return the indices of each set of equal digests, of those that are not empty."""
    found: dict[bytes, list[int]] = defaultdict(list)
    for i, digest in enumerate(digests):
        if digest:
            found[digest].append(i)
    return [group for group in found.values() if len(group) > 1]


def is_plain(small: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which small pictures (N, T, T, 3) are of one colour, or nearly; (N,)."""
    spread = np.empty(len(small), np.float32)
    for at in range(0, len(small), _BLOCK):
        part = small[at : at + _BLOCK].reshape(-1, small[0].size // 3, 3)
        spread[at : at + _BLOCK] = part.std(1, dtype=np.float32).max(1)
    plain: NDArray[np.bool_] = spread < PLAIN_LEVELS
    return plain


def _unit(small: NDArray[np.uint8]) -> Floats:
    """Small pictures as vectors of length 1, each channel of mean 0, (N, T * T * 3)."""
    x = small.astype(np.float32)
    x = (x - x.mean((1, 2), keepdims=True)).reshape(len(small), -1)
    unit: Floats = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6)
    return unit


def _basis(small: NDArray[np.uint8]) -> Floats:
    """The first principal components of a sample of the pictures, (T * T * 3, K)."""
    chosen = np.linspace(0, len(small) - 1, min(_SAMPLES, len(small))).astype(np.int64)
    x = _unit(small[chosen]).astype(np.float64)
    vectors = np.linalg.eigh(x.T @ x)[1]
    return np.ascontiguousarray(vectors[:, -_COMPONENTS:], np.float32)


def _project(small: NDArray[np.uint8], basis: Floats) -> Floats:
    parts = [_unit(small[at : at + _BLOCK]) @ basis for at in range(0, len(small), _BLOCK)]
    return np.concatenate(parts)


def _neighbours(tree: cKDTree, points: Floats, radius: float) -> Indices:
    """Return (P, 2) pairs i < j of a point and one of the tree's within the radius."""
    _, found = tree.query(points, _NEIGHBOURS + 1, distance_upper_bound=radius, workers=-1)
    i, k = np.nonzero(found < tree.n)
    pairs = np.sort(np.stack([i, found[i, k]], 1), 1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def _alike(
    small: NDArray[np.uint8], mirrored: NDArray[np.uint8], pairs: Indices, rho: float
) -> Indices:
    """Keep the pairs whose whole small pictures, one of them mirrored or not, correlate."""
    kept = []
    for at in range(0, len(pairs), _BLOCK):
        part = pairs[at : at + _BLOCK]
        x, y = _unit(small[part[:, 0]]), _unit(mirrored[part[:, 1]])
        kept.append(part[np.einsum("nd,nd->n", x, y) >= rho])
    return np.concatenate(kept) if kept else pairs


def near_pairs(small: NDArray[np.uint8], rho: float = SIMILARITY) -> tuple[Indices, Indices]:
    """Find pictures that show nearly the same: sized, stored, lightened or cut a little otherwise.

    A picture's nearest eight are looked at, so that a thousand copies of one give no million pairs.

    Args:
        small: (N, T, T, 3) uint8; plain ones are to be left out.
        rho: the least correlation, 0 to 1.

    Returns:
        Pairs i < j alike as they are, and pairs alike only when one is mirrored, (P, 2) each.
    """
    none = np.empty((0, 2), np.int64)
    if len(small) < 2:
        return none, none
    radius = float(np.sqrt(2 * (1 - rho))) + 1e-4
    basis = _basis(small)
    points = _project(small, basis)
    tree, mirrored = cKDTree(points), small[:, :, ::-1]
    direct = _alike(small, small, _neighbours(tree, points, radius), rho)
    turned = _neighbours(tree, _project(mirrored, basis), radius)
    turned = _alike(small, mirrored, turned, rho)
    known = set(map(tuple, direct.tolist()))
    only = [pair for pair in turned.tolist() if tuple(pair) not in known]
    return direct, np.array(only, np.int64).reshape(-1, 2)


def join(pairs: Indices, count: int) -> list[list[int]]:
    """Join pairs of 0..count-1 that share a member into groups; singles are left out."""
    ones = np.ones(len(pairs), np.int8)
    graph = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    groups: dict[int, list[int]] = defaultdict(list)
    of_each = connected_components(graph, directed=False)[1]
    for i in np.unique(pairs).tolist():
        groups[int(of_each[i])].append(i)
    return list(groups.values())
