"""LPIPS: how different two images look, by the layers of a network trained on photos.

    LPIPS(x, y) = sum over layers l of mean over pixels of sum over channels c of
                  w_lc (u(f_l(x))_c - u(f_l(y))_c)^2,   u(f) = f / (|f| + 1e-10)

with the layers f_l of VGG-16, AlexNet or SqueezeNet 1.1 as torchvision has them, their length |f|
over channels, and weights w that were fitted to people's judgements (version 0.1). Two files: the
network's, and the weights w.

Source: Zhang et al. 2018, arXiv:1801.03924, equation 1.

N images, H x W pixels, L layers, C_l channels of layer l.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.perceptual.locating import find_weights
from stylegen.perceptual.weights import file_digest, load_built, load_tensors
from stylegen.perceptual.weights_table import WEIGHTS

Trunk = Literal["vgg", "alex", "squeeze"]

# Of images in [-1, 1].
_MEANS = (-0.030, -0.088, -0.188)
_DEVIATIONS = (0.458, 0.448, 0.450)
_TINY = 1e-10
_PREFIX = "features."


@dataclasses.dataclass(frozen=True, kw_only=True)
class _TrunkFacts:
    """A network whose layers are compared.

    Attributes:
        weights: name of its weights file.
        architecture: torchvision's name.
        taps: which of its parts' outputs are compared.
        smallest_px: least side of images, so that no layer is empty.
    """

    weights: str
    architecture: str
    taps: tuple[int, ...]
    smallest_px: int


_TRUNKS: dict[Trunk, _TrunkFacts] = {
    "vgg": _TrunkFacts(
        weights="vgg16", architecture="vgg16", taps=(3, 8, 15, 22, 29), smallest_px=16
    ),
    "alex": _TrunkFacts(
        weights="alexnet", architecture="alexnet", taps=(1, 4, 7, 9, 11), smallest_px=31
    ),
    "squeeze": _TrunkFacts(
        weights="squeezenet1_1",
        architecture="squeezenet1_1",
        taps=(1, 4, 7, 9, 10, 11, 12),
        smallest_px=17,
    ),
}
TRUNKS: tuple[Trunk, ...] = ("vgg", "alex", "squeeze")


TRUNK_WEIGHTS = {trunk: facts.weights for trunk, facts in _TRUNKS.items()}
"""Names of their weights files."""


def smallest_px(trunk: Trunk) -> int:
    """Return the least side of images that a network's layers can be compared on."""
    return _TRUNKS[trunk].smallest_px


def _layers(facts: _TrunkFacts, path: Path) -> nn.Sequential:
    """Read the convolutional part of a network, as far as it is compared."""
    from torchvision.models import get_model

    values = load_tensors(path, full_bytes=WEIGHTS[facts.weights].size_bytes)
    with torch.device("meta"):
        network = get_model(facts.architecture, weights=None)
    whole: nn.Sequential = network.features
    own = {k.removeprefix(_PREFIX): v for k, v in values.items() if k.startswith(_PREFIX)}
    load_built(whole, own, f"the tensors in {path}")
    kept = nn.Sequential(*list(whole)[: facts.taps[-1] + 1])
    for part in kept.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False  # tapped outputs stay as they are
    return kept


def _heads(path: Path, count: int) -> list[Tensor]:
    """Read the weights w, (1, C_l, 1, 1) each."""
    values = load_tensors(path)
    names = [f"lin{i}.model.1.weight" for i in range(count)]
    if sorted(values) != sorted(names) or any(
        v.dim() != 4 or tuple(v.shape[:1] + v.shape[2:]) != (1, 1, 1) for v in values.values()
    ):
        raise InputError(
            f"{path} does not hold LPIPS's weights of {count} layers (lin0.model.1.weight and on)"
        )
    return [values[name].float() for name in names]


def unit_length(x: Tensor) -> Tensor:
    """Divide features by their length over channels, (N, C, h, w) to the same."""
    tiny = torch.finfo(x.dtype).tiny  # a gradient of 0, not NaN, where all channels are 0
    return x / (x.square().sum(1, keepdim=True).clamp_min(tiny).sqrt() + _TINY)


class Lpips(nn.Module):
    """LPIPS of one of three networks, frozen; differentiable with respect to images.

    Args:
        trunk: "vgg" for perceptual path length, "alex" for comparing images, or "squeeze".
        weights: the network's file, as torchvision publishes it; None: where it is looked for
            (an environment variable, torch.hub's folder, a download).
        heads: the file of LPIPS's own weights of its layers; None: likewise.

    Attributes:
        name: "lpips_vgg" and so on.
        weights_digest: sha256 of both files, joined by "+".
        smallest_px: least side of images.

    Raises:
        InputError: there is no such network, or a file is absent, cut off or another network's.
    """

    means: Tensor
    deviations: Tensor

    def __init__(
        self,
        trunk: Trunk = "vgg",
        weights: str | Path | None = None,
        heads: str | Path | None = None,
    ) -> None:
        super().__init__()
        if trunk not in _TRUNKS:
            raise InputError(f"LPIPS has no network {trunk!r}; known: {', '.join(TRUNKS)}")
        facts = _TRUNKS[trunk]
        self.name, self.smallest_px, self._taps = f"lpips_{trunk}", facts.smallest_px, facts.taps
        files = (
            find_weights(facts.weights, weights, flag="--lpips-weights"),
            find_weights(self.name, heads),
        )
        self.weights_digest = "+".join(file_digest(path) for path in files)
        self.layers = _layers(facts, files[0])
        self.heads = nn.ParameterList(_heads(files[1], len(facts.taps)))
        self.register_buffer("means", torch.tensor(_MEANS).view(1, 3, 1, 1))
        self.register_buffer("deviations", torch.tensor(_DEVIATIONS).view(1, 3, 1, 1))
        self.eval()
        self.requires_grad_(False)

    def activations(self, images: Tensor) -> list[Tensor]:
        """Return the layers' outputs of images.

        Args:
            images: (N, 1 or 3, H, W) float, in about [-1, 1].

        Returns:
            (N, C_l, h_l, w_l) each.

        Raises:
            InputError: images are too small, not float or of other channels.
        """
        self._check(images)
        x = (images.expand(-1, 3, -1, -1) - self.means) / self.deviations
        kept = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self._taps:
                kept.append(x)
        return kept

    def _check(self, images: Tensor) -> None:
        fits = images.dim() == 4 and images.shape[1] in (1, 3) and images.is_floating_point()
        if not fits or min(images.shape[2:]) < self.smallest_px:
            raise InputError(
                "LPIPS compares float images (N, 1 or 3, H, W) in [-1, 1] of at least "
                f"{self.smallest_px} px, not {images.dtype} of shape {tuple(images.shape)}"
            )

    def weighed(self, squares: Sequence[Tensor]) -> Tensor:
        """Weigh squared differences of unit-length layers, (N, C_l, h_l, w_l) each: (N,)."""
        sums = [(h * s).sum(1).mean((1, 2)) for h, s in zip(self.heads, squares, strict=True)]
        return torch.stack(sums).sum(0)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Compare images row by row.

        Args:
            a: (N, 1 or 3, H, W) float, in [-1, 1].
            b: the same.

        Returns:
            (N,), 0 for equal images.

        Raises:
            InputError: shapes differ, or images are too small, not float or of other channels.
        """
        if a.shape != b.shape:
            raise InputError(
                f"LPIPS compares images of one shape, not {tuple(a.shape)} and {tuple(b.shape)}"
            )
        pairs = zip(self.activations(a), self.activations(b), strict=True)
        return self.weighed([(unit_length(x) - unit_length(y)).square() for x, y in pairs])
