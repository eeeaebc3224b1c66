"""Inception-v3 of 2015-12-05: the network of FID and of the Inception Score.

The port of the TensorFlow graph is torch-fidelity's: images are resized to 299 pixels and brought
to about [-1, 1]; features are pool3 (D = 2048); logits are the 1008-way classifier's without its
bias. Tools differ in the resize and in the range:

    tf1, clean   (x - 128) / 128
    pytorch      2 (x / 255) - 1

Source: Heusel et al. 2017, arXiv:1706.08500; Salimans et al. 2016, arXiv:1606.03498.
"""

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from stylegen.perceptual.base import FeatureNetwork, Features
from stylegen.perceptual.fidelity import part, quiet
from stylegen.perceptual.locating import find_weights, hub_path, published_notes
from stylegen.perceptual.names import Arithmetic, Resize
from stylegen.perceptual.resizing import resized
from stylegen.perceptual.weights import check_names, file_digest, load_tensors
from stylegen.perceptual.weights_table import WEIGHTS

URL = WEIGHTS["inception"].url
FILE_NAME = WEIGHTS["inception"].file
FULL_BYTES = WEIGHTS["inception"].size_bytes
SIDE_PX = 299
_LAYERS = ["2048", "logits_unbiased"]
_BODY = (
    *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1"),
    *("Conv2d_3b_1x1", "Conv2d_4a_3x3", "MaxPool_2"),
    *("Mixed_5b", "Mixed_5c", "Mixed_5d"),
    *("Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
    *("Mixed_7a", "Mixed_7b", "Mixed_7c", "AvgPool"),
)


def cached_path() -> Path:
    """Return where torch-fidelity, and so this module, keeps the weights file."""
    return hub_path(WEIGHTS["inception"])


def _build(values: dict[str, Tensor], path: Path) -> Any:
    """Build torch-fidelity's network with tensors already read safely.

    Its constructor insists on loading a file itself, as a pickle with code allowed: it is handed
    an empty one in memory, never the file, and then the tensors in place of what it read.
    """
    base = part("feature_extractor_inceptionv3", "FeatureExtractorInceptionV3", "Inception")

    class Loaded(base):  # type: ignore[misc, valid-type]
        def load_state_dict(self, _: object) -> None:
            check_names(self.state_dict(), values, f"the tensors in {path}")
            super().load_state_dict(dict(values))

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with quiet():
        return Loaded("inception-v3-compat", list(_LAYERS), feature_extractor_weights_path=nothing)


def fold_norms(network: nn.Module) -> None:
    """Put each batch normalisation into the convolution before it: bf16 would round its numbers."""
    for block in network.modules():
        norm = getattr(block, "bn", None)
        if isinstance(norm, nn.BatchNorm2d) and isinstance(block.conv, nn.Conv2d):
            block.conv = fuse_conv_bn_eval(block.conv, norm)
            block.bn = nn.Identity()


def _ranged(x: Tensor, resize: Resize | None) -> Tensor:
    """Bring 0..255 to about [-1, 1], as the tools do that resize so."""
    return 2 * (x / 255) - 1 if resize == "pytorch" else (x - 128) / 128


class Inception(FeatureNetwork):
    """Features and logits of Inception-v3.

    Args:
        weights: a weights file; by default the one that STYLEGEN_WEIGHTS_INCEPTION names, or
            torch-fidelity's in torch.hub's folder, downloaded when it is absent.
        resize: "tf1" as all papers' FID, "pytorch" as pytorch-fid, "clean" as clean-fid.
        arithmetic: "fp32" computes what torch-fidelity does, bit for bit.

    Raises:
        InputError: the weights are absent, cut off, or another network's.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        resize: Resize | None = None,
        arithmetic: Arithmetic = "fp32",
    ) -> None:
        path = find_weights("inception", weights)
        values = load_tensors(path, full_bytes=FULL_BYTES)
        digest = file_digest(path)
        super().__init__(
            "inception",
            digest,
            published_notes("inception", digest),
            resize=resize,
            arithmetic=arithmetic,
        )
        self.network = _build(values, path)
        if self.dtype != torch.float32:
            fold_norms(self.network)
        self.settle(*(getattr(self.network, name) for name in _BODY))

    def features(self, images: Tensor) -> Features:
        """Compute pool3 and unbiased logits of (N, 3, H, W) uint8."""
        x = _ranged(resized(images, SIDE_PX, self.resize or "tf1"), self.resize)
        x = self.laid_out(x)
        for name in _BODY:
            x = getattr(self.network, name)(x)
        pool = x.flatten(1).float()
        return Features(pool, pool.mm(self.network.fc.weight.T))
