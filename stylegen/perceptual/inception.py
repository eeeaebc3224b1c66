"""Inception-v3 of 2015-12-05: the network of FID and of the Inception Score.

The port of the TensorFlow graph is torch-fidelity's: TensorFlow 1 bilinear resize to 299 pixels
(no half-pixel offset, no antialiasing), (x - 128) / 128, float32. Features are pool3 (D = 2048);
logits are the 1008-way classifier's without its bias.
Source: Heusel et al. 2017, arXiv:1706.08500; Salimans et al. 2016, arXiv:1606.03498.
"""

import contextlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.perceptual.base import FeatureNetwork, Features
from stylegen.perceptual.weights import check_names, fetch, file_digest, load_tensors

URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
FILE_NAME = URL.rsplit("/", 1)[1]
FULL_BYTES = 95_628_359
SHA256_PREFIX = "6726825d"
FLAG = "--inception-weights"
_LAYERS = ["2048", "logits_unbiased"]


def cached_path() -> Path:
    """Return where torch-fidelity, and so this module, keeps the weights file."""
    return Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAME


def find_weights() -> Path:
    """Return the cached weights file, downloading it first where it is absent.

    Raises:
        InputError: it is absent and cannot be downloaded.
    """
    path = cached_path()
    if path.is_file():
        return path
    try:
        fetch(URL, path, SHA256_PREFIX)
    except OSError as error:
        raise InputError(
            f"the Inception weights are not on this machine and could not be downloaded ({error}): "
            f"get {URL} and either put it at {path} or name it with {FLAG} FILE"
        ) from error
    return path


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep warning filters as they are and discard what is printed on import."""
    with warnings.catch_warnings(), open(os.devnull, "w") as nowhere:
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(nowhere):
            yield


def _extractor_class() -> Any:
    with _quiet():
        try:
            # Heavy, and it sets global warning filters: only imported where it is used.
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except (ImportError, RuntimeError) as error:
            raise InputError(
                "the Inception network needs torch-fidelity, and it a torchvision that matches "
                f"torch (pip install --upgrade torch torchvision torch-fidelity): {error}"
            ) from error
    return FeatureExtractorInceptionV3


def _build(values: dict[str, Tensor], path: Path) -> Any:
    """Build torch-fidelity's network with tensors already read safely.

    Its constructor insists on loading a file itself, as a pickle with code allowed: it is handed
    an empty one in memory, never the file, and then the tensors in place of what it read.
    """
    base = _extractor_class()

    class Loaded(base):  # type: ignore[misc, valid-type]
        def load_state_dict(self, _: object) -> None:
            check_names(self.state_dict(), values, f"the tensors in {path}")
            super().load_state_dict(dict(values))

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with _quiet():
        return Loaded("inception-v3-compat", list(_LAYERS), feature_extractor_weights_path=nothing)


class Inception(FeatureNetwork):
    """Features and logits of Inception-v3.

    Args:
        weights: a weights file; by default torch-fidelity's in torch.hub's cache, downloaded
            when it is absent.

    Raises:
        InputError: the weights are absent, cut off, or another network's.
    """

    def __init__(self, weights: str | Path | None = None) -> None:
        path = Path(weights) if weights is not None else find_weights()
        values = load_tensors(path, full_bytes=FULL_BYTES)
        digest = file_digest(path)
        super().__init__("inception", digest, _notes(digest))
        self.network = _build(values, path)
        # Channels last is a quarter faster and moves features in the sixth digit: published
        # numbers are taken without it.
        self.freeze(torch.contiguous_format)

    def features(self, images: Tensor) -> Features:
        """Compute pool3 and unbiased logits of (N, 3, H, W) uint8."""
        pool, logits = self.network(images.contiguous())
        return Features(pool, logits)


def _notes(digest: str) -> tuple[str, ...]:
    if digest.startswith(SHA256_PREFIX):
        return ()
    return (
        "The Inception weights are not the published file "
        f"(sha256 {SHA256_PREFIX}...): values compare only with others taken with the same file.",
    )
