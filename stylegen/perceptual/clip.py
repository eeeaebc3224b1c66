"""CLIP's image part: features of networks that were trained on images with their captions.

Images are resized to the network's size (224 pixels, larger for some) and standardised with CLIP's
means and deviations; features are its embedding, not brought to unit length. So torch-fidelity
computes them: distances in them are neither clean-fid's CLIP-FID nor CMMD.

The published files are TorchScript archives. Their code is loaded from the published files, which
are known by their sha256, or where the user allows it (``torchscript:FILE``); of it only the
tensors are used. A state dict of the same tensors (torch.save or safetensors) needs neither.

Source: Radford et al. 2021, arXiv:2103.00020.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.perceptual.base import FeatureNetwork, Features
from stylegen.perceptual.fidelity import part, quiet
from stylegen.perceptual.locating import SCRIPT, find_weights, named_weights, published_notes
from stylegen.perceptual.names import NETWORKS, Arithmetic, Resize
from stylegen.perceptual.resizing import resized, standardised
from stylegen.perceptual.scripts import load_script
from stylegen.perceptual.weights import file_digest, is_torchscript, load_tensors
from stylegen.perceptual.weights_table import WEIGHTS

MEANS = (255 * 0.48145466, 255 * 0.4578275, 255 * 0.40821073)
DEVIATIONS = (255 * 0.26862954, 255 * 0.26130258, 255 * 0.27577711)
NOTE = (
    "CLIP's features are taken as torch-fidelity takes them, not brought to unit length: values "
    "do not compare with clean-fid's CLIP-FID or with CMMD."
)


def _tensors(path: Path, digest: str, name: str, allowed: bool) -> dict[str, Tensor]:
    published = digest == WEIGHTS[name].sha256
    if is_torchscript(path) and (published or allowed):
        return dict(load_script(path)[0].state_dict())
    return load_tensors(path)


def _build(values: dict[str, Tensor], path: Path, dtype: torch.dtype) -> Any:
    """Build torch-fidelity's network of the size that the tensors have."""
    build = part("feature_extractor_clip", "build_model", "CLIP")
    try:
        with quiet():
            return build(dict(values), dtype).visual
    except (KeyError, IndexError, RuntimeError, AssertionError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise InputError(f"the tensors in {path} are not those of a CLIP network: {reason}") from (
            error
        )


class CLIP(FeatureNetwork):
    """Embeddings of CLIP's image part.

    Args:
        name: of the network, such as "clip_vitb32".
        weights: its file; by default the one that STYLEGEN_WEIGHTS_<NAME> names, or the published
            one in torch.hub's folder, downloaded when it is absent. ``torchscript:FILE`` allows
            the code of another TorchScript archive.
        resize: "tf1" as torch-fidelity.
        arithmetic: one of :data:`~stylegen.perceptual.names.ARITHMETICS`.

    Raises:
        InputError: the weights are absent, cut off, another network's, or code not allowed.
    """

    means: Tensor
    deviations: Tensor

    def __init__(
        self,
        name: str,
        weights: str | Path | None = None,
        *,
        resize: Resize | None = None,
        arithmetic: Arithmetic = "fp32",
    ) -> None:
        named = named_weights(name, weights)
        path = find_weights(name, weights)
        digest = file_digest(path)
        values = _tensors(path, digest, name, allowed=str(named).startswith(SCRIPT))
        notes = (NOTE, *published_notes(name, digest))
        super().__init__(name, digest, notes, resize=resize, arithmetic=arithmetic)
        self.network = _build(values, path, torch.float32)
        self.side_px = int(self.network.input_resolution)
        if (width := self.network.output_dim) != NETWORKS[name].dim:
            raise InputError(
                f"{path} gives {width} features where {name} has {NETWORKS[name].dim}: these are "
                "the weights of another CLIP network"
            )
        self.register_buffer("means", torch.tensor(MEANS))
        self.register_buffer("deviations", torch.tensor(DEVIATIONS))
        self.settle(self.network)

    def features(self, images: Tensor) -> Features:
        """Compute the embeddings of (N, 3, H, W) uint8."""
        x = resized(images, self.side_px, self.resize or "tf1")
        x = standardised(x, self.means, self.deviations)
        return Features(self.network(self.laid_out(x)).float(), None)
