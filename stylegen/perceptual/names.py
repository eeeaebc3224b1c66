"""The feature networks there are, as plain facts: nothing here imports torch.

What a network makes of an image also depends on how the image is brought to the network's size
(the resize) and on the arithmetic; both are named here, and both belong to a protocol.
"""

import dataclasses
from typing import Literal

from stylegen.errors import InputError

Resize = Literal["tf1", "pytorch", "clean"]
RESIZES: dict[Resize, str] = {
    "tf1": "bilinear as in TensorFlow 1: corners aligned at 0, no half-pixel offset, no antialias",
    "pytorch": "bilinear with half-pixel centres, no antialias, as pytorch-fid resizes",
    "clean": "bicubic with antialias on float values, clipped to 0..255, as clean-fid resizes",
}

Arithmetic = Literal["fp32", "fast", "bf16"]
ARITHMETICS: dict[Arithmetic, str] = {
    "fp32": "float32, as published numbers are taken",
    "fast": "float32 in channels_last: sums in another order, so rounded otherwise",
    "bf16": "bfloat16 in channels_last: three digits, not comparable with published numbers",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """What is known of a feature network before it is built.

    Attributes:
        dim: width D of its features; None: its file says.
        classifies: whether it gives class logits, which the Inception Score needs.
        about: one line for people.
        resizes: the resizes it can be used with, the usual one first; none: it has its own.
    """

    dim: int | None
    classifies: bool
    about: str
    resizes: tuple[Resize, ...] = ()


_ANY: tuple[Resize, ...] = ("tf1", "pytorch", "clean")

_CLIP = {
    "clip_rn50": (1024, "ResNet-50"),
    "clip_rn101": (512, "ResNet-101"),
    "clip_rn50x4": (640, "ResNet-50x4"),
    "clip_rn50x16": (768, "ResNet-50x16"),
    "clip_rn50x64": (1024, "ResNet-50x64"),
    "clip_vitb32": (512, "ViT-B/32"),
    "clip_vitb16": (512, "ViT-B/16"),
    "clip_vitl14": (768, "ViT-L/14"),
    "clip_vitl14_336": (768, "ViT-L/14 at 336 px"),
}
_DINOV2 = {
    "dinov2_vits14": (384, "ViT-S/14"),
    "dinov2_vitb14": (768, "ViT-B/14"),
    "dinov2_vitl14": (1024, "ViT-L/14"),
    "dinov2_vitg14": (1536, "ViT-g/14"),
}

NETWORKS = {
    "inception": NetworkFacts(
        dim=2048,
        classifies=True,
        about="Inception-v3 of 2015-12-05, the network of FID and IS",
        resizes=_ANY,
    ),
    "squeezenet": NetworkFacts(
        dim=512, classifies=False, about="SqueezeNet 1.1 trained on ImageNet, spatial average"
    ),
    "vgg16": NetworkFacts(
        dim=4096,
        classifies=False,
        about="VGG-16 up to its second hidden layer, the network of precision and recall",
        resizes=_ANY,
    ),
    **{
        name: NetworkFacts(
            dim=dim, classifies=False, about=f"CLIP's image part, {kind}", resizes=_ANY
        )
        for name, (dim, kind) in _CLIP.items()
    },
    **{
        name: NetworkFacts(dim=dim, classifies=False, about=f"DINOv2, {kind}", resizes=_ANY)
        for name, (dim, kind) in _DINOV2.items()
    },
    "custom": NetworkFacts(
        dim=None, classifies=False, about="a network of your own, from a file that describes it"
    ),
    "demo": NetworkFacts(
        dim=128, classifies=True, about="a small classifier of the built-in faces' factors"
    ),
}


def network_facts(name: str) -> NetworkFacts:
    """Return the facts of a feature network.

    Raises:
        InputError: there is no network of that name; the known ones are listed.
    """
    if name not in NETWORKS:
        raise InputError(f"no feature network is called {name!r}; known: {', '.join(NETWORKS)}")
    return NETWORKS[name]


def resize_of(name: str, resize: Resize | None = None) -> Resize | None:
    """Return how a network's images are resized: as asked for, or as is usual with it.

    Raises:
        InputError: the network or the resize is unknown, or they do not go together.
    """
    able = network_facts(name).resizes
    if resize is None:
        return able[0] if able else None
    if resize not in RESIZES:
        raise InputError(f"no resize is called {resize!r}; known: {', '.join(RESIZES)}")
    if resize not in able:
        raise InputError(
            f"the feature network {name} resizes images in its own way; leave out the resize "
            f"{resize}"
        )
    return resize


def check_arithmetic(arithmetic: str) -> None:
    """Make sure that an arithmetic is known.

    Raises:
        InputError: it is not; the known ones are listed.
    """
    if arithmetic not in ARITHMETICS:
        raise InputError(f"no arithmetic is called {arithmetic!r}; known: {', '.join(ARITHMETICS)}")


def distance_name(name: str, resize: Resize | None = None) -> str:
    """Name the Frechet distance in a network's features: FID for Inception only."""
    if name != "inception":
        return f"FD ({name})"
    return "clean-FID" if resize == "clean" else "FID"


def score_name(name: str) -> str:
    """Name the Inception Score computed with a network's classes."""
    return "IS" if name == "inception" else f"IS ({name})"
