"""Reference statistics as portable .npz files: a set's Gaussian fit, and how it was taken.

    mu (D,), sigma (D, D), sqrt_sigma (D, r) with sqrt_sigma sqrt_sigma^T = sigma    float64
    n                                               images they are of
    stylegen_reference                              JSON: version, protocol, digests, source
    features (N, D)                                 float32, where they were asked for

Files of other tools are read for their mu and sigma: pytorch-fid's and clean-fid's hold nothing
else, ADM's the images as well. How those were taken nobody knows, and a note says so. Nothing is
unpickled.

Source: pytorch-fid's --save-stats for the names mu and sigma; Dhariwal and Nichol 2021 (ADM).

N images, D feature width, r rank.
"""

import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.metrics.frechet import Gaussian
from stylegen.metrics.moments import Moments
from stylegen.metrics.protocols import Protocol, from_json, to_json
from stylegen.metrics.reading import Reading, reading_of

VERSION = 1
HEADER = "stylegen_reference"
SUFFIX = ".npz"
_ADM_IMAGES = "arr_0"
_SYMMETRY = 1e-6  # of sigma, relative to its largest element


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """Statistics of a set of images in a network's features.

    Attributes:
        gaussian: their fit; its count is None where the file does not say.
        protocol: how they were taken; None: another tool's file, which does not say.
        data_digest: of the images; empty: not known.
        weights_digest: sha256 of the feature network's weights; empty: not known.
        source: where the images came from, for people.
        reading: how the images were read: size, channels, filter; None: the file does not say.
        features: (N, D) float32, for metrics that need them; None: the file has none.
        notes: what a reader of results should know.
    """

    gaussian: Gaussian
    protocol: Protocol | None = None
    data_digest: str = ""
    weights_digest: str = ""
    source: str = ""
    reading: Reading | None = None
    features: Tensor | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        moments: Moments,
        protocol: Protocol,
        *,
        data_digest: str,
        weights_digest: str,
        source: str = "",
        features: Tensor | None = None,
    ) -> "Reference":
        """Make a reference of a set's moments, with the covariance divided by N - 1.

        Raises:
            InputError: fewer than two images, or features that are not finite.
        """
        return cls(
            gaussian=Gaussian.fitted(moments), protocol=protocol, data_digest=data_digest,
            weights_digest=weights_digest, source=source, features=features,
        )  # fmt: skip


def check_reference_path(path: str | Path, overwrite: bool = False) -> None:
    """Find out before long work whether a reference could be written.

    Raises:
        InputError: the name does not end in .npz, the folder is absent, or the file exists and
            overwrite is False.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise InputError(f"{path}: a reference is a {SUFFIX} file; name it so")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; create it first")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already; --overwrite replaces it")


def _header(reference: Reference) -> str:
    protocol = reference.protocol
    return json.dumps(
        {
            "version": VERSION,
            "protocol": None if protocol is None else json.loads(to_json(protocol)),
            "data_digest": reference.data_digest,
            "weights_digest": reference.weights_digest,
            "source": reference.source,
            "reading": None if reference.reading is None else dataclasses.asdict(reference.reading),
        },
        sort_keys=True,
    )


def write_reference(reference: Reference, path: str | Path, overwrite: bool = False) -> None:
    """Write a reference, with the square root of its covariance, so that nobody takes it again.

    Other tools read mu and sigma of the same file.

    Args:
        reference: what to write.
        path: a name that ends in .npz.
        overwrite: replace a file that is there.

    Raises:
        InputError: the name does not end in .npz, the folder is absent, or the file exists and
            overwrite is False.
        OSError: it cannot be written.
    """
    check_reference_path(path, overwrite)
    gaussian = reference.gaussian
    arrays = {
        "mu": gaussian.mu.cpu().numpy(),
        "sigma": gaussian.sigma.cpu().numpy(),
        "sqrt_sigma": gaussian.root.cpu().numpy(),
        HEADER: np.array(_header(reference)),
    }
    if gaussian.count is not None:
        arrays["n"] = np.array(gaussian.count)
    if reference.features is not None:
        arrays["features"] = reference.features.float().cpu().numpy()
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _images_in(path: Path) -> int | None:
    """Return how many images another tool's file holds, without reading them."""
    with zipfile.ZipFile(path) as archive:
        if f"{_ADM_IMAGES}.npy" not in archive.namelist():
            return None
        with archive.open(f"{_ADM_IMAGES}.npy") as file:
            read: Any = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }.get(np.lib.format.read_magic(file))
            shape = () if read is None else read(file)[0]
    return int(shape[0]) if shape else None


def _read_arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read all but another tool's images.

    Raises:
        InputError: it is no .npz file, or holds what only unpickling would read.
    """
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a whole .npz file: cut off, or of another kind")
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if name != _ADM_IMAGES}
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError, NotImplementedError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise InputError(
            f"{path} is not a readable .npz file (damaged, or of objects that would have to be "
            f"unpickled): {reason}"
        ) from error


def _tensor(arrays: dict[str, Any], name: str, dims: int, path: Path) -> Tensor:
    found = arrays[name]
    if found.ndim != dims or found.dtype.kind not in "fiu":
        raise InputError(
            f"{name} in {path} is of shape {found.shape} and type {found.dtype}; wanted "
            f"{dims}-dimensional numbers"
        )
    return torch.from_numpy(np.ascontiguousarray(found, dtype=np.float64))


def _gaussian(arrays: dict[str, Any], path: Path, count: int | None) -> Gaussian:
    if missing := [name for name in ("mu", "sigma") if name not in arrays]:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise InputError(
            f"{path} lacks {' and '.join(missing)} of a reference's statistics; it holds {held}"
        )
    mu, sigma = _tensor(arrays, "mu", 1, path), _tensor(arrays, "sigma", 2, path)
    factor = _tensor(arrays, "sqrt_sigma", 2, path) if "sqrt_sigma" in arrays else None
    if sigma.shape != (len(mu), len(mu)):
        raise InputError(
            f"sigma in {path} is {tuple(sigma.shape)} for a mu of {len(mu)}; wanted a square of it"
        )
    if bool((sigma - sigma.T).abs().max() > _SYMMETRY * sigma.abs().max()):
        raise InputError(f"sigma in {path} is not symmetric: it is no covariance")
    return Gaussian(mu=mu, sigma=(sigma + sigma.T) / 2, count=count, factor=factor)


def _foreign(arrays: dict[str, Any], path: Path) -> Reference:
    """Take what another tool's file holds."""
    is_adm = "mu_s" in arrays and "sigma_s" in arrays
    count = _images_in(path)
    gaussian = _gaussian(arrays, path, count)
    maker = "ADM's evaluator" if is_adm else "another tool (mu and sigma, as pytorch-fid's)"
    number = f"{count:,} images" if count else "an unknown number of images"
    note = (
        f"The reference {path.name} is of {maker}, of {number}: its protocol (resize, weights, "
        "which images, of which size, mirrored or not) is unknown, and so is whether values "
        "compare."
    )
    return Reference(gaussian=gaussian, source=str(path), notes=(note,))


def _own(arrays: dict[str, Any], path: Path) -> Reference:
    try:
        header = json.loads(str(arrays[HEADER]))
        version, found = header["version"], header["protocol"]
        data, weights = str(header["data_digest"]), str(header["weights_digest"])
        source = str(header["source"])
        reading = reading_of(header.get("reading"))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"the header of the reference {path} is damaged: {error}") from error
    if version != VERSION:
        raise InputError(
            f"the reference {path} is of version {version}; this program reads {VERSION}"
        )
    count = int(arrays["n"]) if "n" in arrays and arrays["n"].ndim == 0 else None
    features = _tensor(arrays, "features", 2, path).float() if "features" in arrays else None
    protocol = None if found is None else from_json(json.dumps(found), f"the protocol in {path}")
    gaussian = _gaussian(arrays, path, count)
    if features is not None and features.shape != (count, gaussian.dim):
        raise InputError(f"the features in {path} are not those of its {count} images")
    return Reference(
        gaussian=gaussian, protocol=protocol, data_digest=data, weights_digest=weights,
        source=source, reading=reading, features=features,
    )  # fmt: skip


def read_reference(path: str | Path) -> Reference:
    """Read a reference: one of this program's, pytorch-fid's, clean-fid's or ADM's.

    Raises:
        InputError: there is no such file, it is cut off, holds no statistics, or statistics that
            cannot be: shapes that do not agree, numbers that are not finite, a sigma that is not
            symmetric, a square root of another matrix.
        OSError: it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no reference file at {path}")
    arrays = _read_arrays(path)
    return _own(arrays, path) if HEADER in arrays else _foreign(arrays, path)
