"""DINOv2: features of vision transformers that were trained on images without labels.

Images are resized to 224 pixels and standardised with ImageNet's means and deviations; features
are the class token after the last normalisation. A block is

    x = x + g1 * attention(norm(x)),   x = x + g2 * mlp(norm(x))

with a learned gain g for each channel. Positions were learned for 37 x 37 patches; for fewer they
are interpolated, bicubic, with the scale that the official code has, (16 + 0.1) / 37.

The network is written out here, so that a weights file is all that is needed: torch-fidelity takes
code and weights from torch.hub. Its resize is the usual one here ("tf1"); papers that report
FD-DINOv2 resize with antialias, closer to "clean".

Source: Oquab et al. 2023, arXiv:2304.07193; Dosovitskiy et al. 2021, arXiv:2010.11929; Touvron et
al. 2021 (CaiT), arXiv:2103.17239, for g; Shazeer 2020, arXiv:2002.05202, for the largest one's mlp.

N images, S pixels of a side, P patches of a side, T = P^2 + 1 tokens, E width, A heads.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylegen.errors import InputError
from stylegen.perceptual.base import FeatureNetwork, Features
from stylegen.perceptual.locating import find_weights, published_notes
from stylegen.perceptual.names import NETWORKS, Arithmetic, Resize
from stylegen.perceptual.resizing import resized, standardised
from stylegen.perceptual.vgg16 import IMAGENET_DEVIATIONS, IMAGENET_MEANS
from stylegen.perceptual.weights import file_digest, load_built, load_tensors

SIDE_PX = 224
PATCH_PX = 14
_HEAD_WIDTH = 64
_EPS = 1e-6
_OFFSET = 0.1  # that the official code adds to the number of patches
NOTE = (
    "Distances in DINOv2's features depend on the resize: papers take FD-DINOv2 with antialias, "
    "torch-fidelity without (tf1)."
)


class Gain(nn.Module):
    """A learned factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Scale (N, T, E)."""
        return x * self.gamma


class Attention(nn.Module):
    """Self-attention of all tokens, with queries, keys and values of one linear layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // _HEAD_WIDTH
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend, (N, T, E) to the same."""
        n, t, width = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.proj(found.transpose(1, 2).reshape(n, t, width))
        return out


class Mlp(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, T, E) to the same."""
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class GatedMlp(nn.Module):
    """SwiGLU: one half of a linear layer's outputs gates the other."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w12 = nn.Linear(width, 2 * hidden)
        self.w3 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, T, E) to the same."""
        gate, value = self.w12(x).chunk(2, dim=-1)
        out: Tensor = self.w3(F.silu(gate) * value)
        return out


class Block(nn.Module):
    """Attention and mlp, each beside the identity."""

    def __init__(self, width: int, hidden: int, gated: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPS)
        self.attn = Attention(width)
        self.ls1 = Gain(width)
        self.norm2 = nn.LayerNorm(width, eps=_EPS)
        self.mlp = (GatedMlp if gated else Mlp)(width, hidden)
        self.ls2 = Gain(width)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, T, E) to the same."""
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class _Patches(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH_PX, stride=PATCH_PX)


class VisionTransformer(nn.Module):
    """DINOv2's network, with the official names of tensors.

    Args:
        width: E.
        depth: number of blocks.
        hidden: width of the mlp's hidden layer.
        gated: whether the mlp is gated.
        patches: P that positions were learned for.
    """

    def __init__(self, width: int, depth: int, hidden: int, gated: bool, patches: int) -> None:
        super().__init__()
        self.patches = patches
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, patches**2 + 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # of training only
        self.patch_embed = _Patches(width)
        self.blocks = nn.ModuleList([Block(width, hidden, gated) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=_EPS)

    def positions(self, patches: int) -> Tensor:
        """Return the positions (1, T, E) of P x P patches."""
        if patches == self.patches:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].float().view(1, self.patches, self.patches, -1)
        scale = (patches + _OFFSET) / self.patches
        grid = F.interpolate(grid.permute(0, 3, 1, 2), scale_factor=(scale, scale), mode="bicubic")
        rows = grid.permute(0, 2, 3, 1).flatten(1, 2).to(self.pos_embed.dtype)
        return torch.cat([self.pos_embed[:, :1], rows], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the class token (N, E) of images (N, 3, S, S), S a multiple of 14."""
        tokens = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        first = self.cls_token.expand(len(x), -1, -1)
        tokens = torch.cat([first, tokens], dim=1) + self.positions(x.shape[2] // PATCH_PX)
        for block in self.blocks:
            tokens = block(tokens)
        out: Tensor = self.norm(tokens)[:, 0]
        return out


def _build(values: dict[str, Tensor], name: str, path: Path) -> VisionTransformer:
    """Build the network of the size that the tensors have."""
    what = f"the tensors in {path}"
    gated = "blocks.0.mlp.w3.weight" in values
    last = values.get("blocks.0.mlp.w3.weight" if gated else "blocks.0.mlp.fc2.weight")
    places = values.get("pos_embed")
    if last is None or last.dim() != 2 or places is None or places.dim() != 3:
        raise InputError(f"{what} are not those of a DINOv2 network")
    width, hidden = last.shape
    if width != NETWORKS[name].dim:
        raise InputError(
            f"{path} gives {width} features where {name} has {NETWORKS[name].dim}: these are the "
            "weights of another DINOv2 network"
        )
    depth = len([k for k in values if k.endswith(".norm1.weight")])
    patches = round((places.shape[1] - 1) ** 0.5)
    with torch.device("meta"):
        network = VisionTransformer(width, depth, hidden, gated, patches)
    load_built(network, values, what)
    return network


class DINOv2(FeatureNetwork):
    """Class tokens of DINOv2.

    Args:
        name: of the network, such as "dinov2_vitl14".
        weights: the official state dict; by default the one that STYLEGEN_WEIGHTS_<NAME> names,
            or that lies in torch.hub's folder.
        resize: "tf1" as torch-fidelity.
        arithmetic: one of :data:`~stylegen.perceptual.names.ARITHMETICS`.

    Raises:
        InputError: the weights are absent, cut off, or another network's.
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
        path = find_weights(name, weights)
        digest = file_digest(path)
        notes = (NOTE, *published_notes(name, digest))
        super().__init__(name, digest, notes, resize=resize, arithmetic=arithmetic)
        self.network = _build(load_tensors(path), name, path)
        self.register_buffer("means", torch.tensor(IMAGENET_MEANS))
        self.register_buffer("deviations", torch.tensor(IMAGENET_DEVIATIONS))
        self.settle(self.network)

    def features(self, images: Tensor) -> Features:
        """Compute the class tokens of (N, 3, H, W) uint8."""
        x = resized(images, SIDE_PX, self.resize or "tf1")
        x = standardised(x, self.means, self.deviations)
        return Features(self.network(self.laid_out(x)).float(), None)
