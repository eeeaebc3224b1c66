"""Directions: a way to move w, which layers it moves, and what a strength of 1 is.

A strength of s adds s times one standard deviation of w along the direction, so that directions
are comparable: -3..3 is nearly all that the network ever saw, whichever direction it is.

A direction file is a .npz of plain arrays that numpy alone can read and write: ``direction``, and
where known ``layers``, ``unit``, ``explained_variance``, ``accuracy``, ``normal``, ``method``,
``network``.
Its name is the direction's: renaming the file names the direction.

L number of layers that take a w, D width of w.
"""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegen.editing.latents import SHOWN_DIGITS, SUFFIX, latents_digest, read_arrays
from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.networks import Generator

_NUMBERS = ("unit", "explained_variance", "accuracy")
_TEXTS = ("method", "network")
ORTHOGONAL = ", orthogonal"  # ends the method of directions that leave others alone


def check_name(path: str | os.PathLike[str]) -> None:
    """Make sure that a direction can be saved under a name.

    Raises:
        InputError: it has another suffix.
    """
    if Path(path).suffix != SUFFIX:
        raise InputError(f"A direction file's name should end in {SUFFIX}, not {path}.")


@dataclass(frozen=True, kw_only=True, eq=False)
class Direction:
    """A direction in w.

    Attributes:
        vector: (D,), or (L, D) where layers differ; float32 on the CPU, of any length but zero.
        layers: those that it moves; empty: all.
        name: for people.
        network: digest of the network it was found in; empty for files of other programs.
        method: how it was found.
        unit: what a strength of 1 adds, in lengths of w: the standard deviation of w along the
            direction (see :meth:`~stylegen.editing.directions.Spread.along`); None: not measured.
        explained_variance: share, 0 to 1, of what the method orders its directions by: of w's
            variance, or for "sefa" of the eigenvalues' sum.
        accuracy: share of held-out samples on the right side, where it was found from labels.
        normal: (D,) float32, of the boundary that an orthogonal direction crosses, where ``vector``
            is a step and not that normal itself; None: the vector is what there is.
    """

    vector: Tensor
    layers: tuple[int, ...] = ()
    name: str = ""
    network: str = ""
    method: str = ""
    unit: float | None = None
    explained_variance: float | None = None
    accuracy: float | None = None
    normal: Tensor | None = None

    def __post_init__(self) -> None:
        vector = self.vector
        if vector.ndim not in (1, 2) or not vector.isfinite().all() or not vector.any():
            raise InputError(
                f"direction {self.name!r}: wanted finite numbers of shape (D,) or (L, D) that are "
                f"not all zero, not {tuple(vector.shape)}"
            )
        layers_known = range(len(vector)) if vector.ndim == 2 else range(1 << 16)
        if wrong := [i for i in self.layers if i not in layers_known]:
            raise InputError(f"direction {self.name!r} acts on layer {wrong[0]}, which it lacks")
        if self.unit is not None and not 0 < self.unit < float("inf"):
            raise InputError(f"direction {self.name!r}: its unit {self.unit} is not above zero")
        normal = torch.ones(vector.shape[-1]) if self.normal is None else self.normal
        if normal.shape != vector.shape[-1:] or not normal.isfinite().all() or not normal.any():
            raise InputError(
                f"direction {self.name!r}: wanted a normal of {vector.shape[-1]} finite numbers "
                f"that are not all zero, not {tuple(normal.shape)}"
            )

    def check(self, generator: Generator, digest: str | None = None) -> None:
        """Make sure that a direction can be taken in a network.

        Args:
            generator: the network.
            digest: its digest, if the direction must be its own and not only of its shape.

        Raises:
            InputError: it has another shape, acts on layers that the network lacks, or is another
                network's.
        """
        num_ws, w_dim = generator.config.num_ws, generator.config.w_dim
        if self.vector.shape not in ((w_dim,), (num_ws, w_dim)):
            raise InputError(
                f"direction {self.name!r} has shape {tuple(self.vector.shape)}, but this network "
                f"takes ({w_dim},) or ({num_ws}, {w_dim})"
            )
        if max(self.layers, default=0) >= num_ws:
            raise InputError(
                f"direction {self.name!r} acts on layer {max(self.layers)}, but this network has "
                f"layers 0 to {num_ws - 1}"
            )
        if digest and self.network and self.network != digest:
            raise InputError(
                f"direction {self.name!r} was found in network {self.network[:SHOWN_DIGITS]}, not "
                f"in this one, {digest[:SHOWN_DIGITS]}; --other-network takes it all the same"
            )

    def rows(self, num_ws: int) -> Tensor:
        """Return (L, D) float64: what a step of length 1 adds to each layer.

        The rows of the layers that it moves have a mean square length of 1; the others are zero.

        Raises:
            InputError: it is zero on all of its layers.
        """
        rows = self.vector.double().expand(num_ws, -1).clone()
        moved = list(self.layers) or list(range(num_ws))
        kept = torch.zeros(num_ws, 1, dtype=torch.float64)
        kept[moved] = 1
        rows *= kept
        length = (rows.square().sum() / len(moved)).sqrt()
        if not length > 0:
            raise InputError(f"direction {self.name!r} is zero on all layers that it should move")
        return rows / length

    def check_normal(self) -> None:
        """Make sure that others can be made orthogonal to it.

        Raises:
            InputError: it is orthogonal itself, from an older file that does not hold its normal.
        """
        if self.normal is None and self.method.endswith(ORTHOGONAL):
            raise InputError(
                f"direction {self.name!r} is orthogonal to others but lacks the normal of its own "
                "boundary, as older files do, so that nothing can leave it alone; find it anew"
            )

    def normals(self, num_ws: int) -> Tensor:
        """Return (K, D) float64: what a step has to be orthogonal to that leaves it alone.

        Raises:
            InputError: see :meth:`check_normal` and :meth:`rows`.
        """
        self.check_normal()
        if self.normal is not None:
            return self.normal.double()[None]
        rows = self.rows(num_ws)
        return rows[rows.any(dim=1)]

    def on(self, layers: Sequence[int]) -> "Direction":
        """Return the same direction, acting on other layers.

        Where layers have vectors of their own, its unit must be measured anew.
        """
        unit = self.unit if self.vector.ndim == 1 else None
        return dataclasses.replace(self, layers=tuple(layers), unit=unit)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a direction file, atomically.

        Args:
            path: ends in .npz; replaced if it exists.

        Raises:
            InputError: another suffix, or a folder that cannot be written to.
            OSError: the disk refuses.
        """
        check_name(path)
        arrays: dict[str, Any] = {"direction": self.vector.numpy()}
        arrays["layers"] = np.array(self.layers, dtype=np.int64)
        arrays |= {k: np.float64(v) for k in _NUMBERS if (v := getattr(self, k)) is not None}
        arrays |= {k: np.array(getattr(self, k)) for k in _TEXTS}
        if self.normal is not None:
            arrays["normal"] = self.normal.numpy()
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "Direction":
        """Read a direction file: of this program, or any .npz with the key ``direction``.

        Raises:
            InputError: it is missing, no .npz, or holds no direction.
        """
        values = _read(Path(path))
        vector, normal = values.get("direction"), values.get("normal")
        if vector is None or vector.dtype.kind != "f":
            raise InputError(f"{path} holds no direction: wanted numbers under the key 'direction'")
        if normal is not None and normal.dtype.kind != "f":
            raise InputError(f"{path} is no direction file: wanted numbers under the key 'normal'")
        try:
            numbers = {k: float(values[k]) for k in _NUMBERS if k in values}
            layers = tuple(int(i) for i in values.get("layers", ()))
        except (TypeError, ValueError) as error:
            raise InputError(f"{path} is no direction file: {error}") from error
        return Direction(
            vector=torch.from_numpy(vector.astype(np.float32)),
            layers=layers,
            name=Path(path).stem,
            method=str(values.get("method", "")),
            network=str(values.get("network", "")),
            unit=numbers.get("unit"),
            explained_variance=numbers.get("explained_variance"),
            accuracy=numbers.get("accuracy"),
            normal=None if normal is None else torch.from_numpy(normal.astype(np.float32)),
        )


def find_files(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return direction files, and those of folders in the order of their names.

    Raises:
        InputError: there is none, or a folder has none.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not inside:
            raise InputError(f"there is no direction file (*{SUFFIX}) in {path}")
        found += inside
    if not found:
        raise InputError(f"no direction was named; wanted files (*{SUFFIX}) or folders of them")
    return found


def adopt(
    directions: Sequence[Direction],
    generator: Generator,
    *,
    layers: Sequence[int] | None = None,
    other_network: bool = False,
) -> list[Direction]:
    """Make directions ready for a network, or refuse them.

    Args:
        directions: as loaded.
        generator: the network.
        layers: that they shall move instead of their own.
        other_network: also take directions that were found in any other network of this shape.

    Returns:
        The directions. Strengths of those that were found in another network are counted in this
        one's w.

    Raises:
        InputError: a direction does not fit, or is another network's.
    """
    digest, ready = latents_digest(generator), []
    for direction in directions:
        direction.check(generator, None if other_network else digest)
        if direction.network and direction.network != digest:
            direction = dataclasses.replace(direction, unit=None, network=digest)
        ready.append(direction if layers is None else direction.on(layers))
    return ready


def _read(path: Path) -> dict[str, np.ndarray]:
    known = ("direction", "normal", "layers", *_NUMBERS, *_TEXTS)
    return read_arrays(path, known, "direction", "direction")
