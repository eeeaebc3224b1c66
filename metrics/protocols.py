"""Named protocols: everything that a number depends on beside the images, as one typed value.

Two numbers compare if their protocols are equal; where they are not, :func:`differences` says why.

Source: the tools themselves (see :data:`TOOLS`); Parmar et al. 2022, arXiv:2104.11222, for the
resize; the sizes of differences are those that these tools' authors and users have published.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Literal

from stylegen.configs import from_dict, to_dict
from stylegen.errors import InputError
from stylegen.perceptual.names import ARITHMETICS, RESIZES, Arithmetic, Resize, resize_of

Quantisation = Literal["truncated"]
Divisor = Literal["N - 1", "N"]

_SAMPLES = 50_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a distance is taken.

    Attributes:
        network: whose features, one of :data:`~stylegen.perceptual.names.NETWORKS`.
        resize: how images are brought to its size; None becomes what is usual with the network,
            and stays where it resizes in its own way.
        arithmetic: what the network computes in.
        quantisation: how drawn images become bytes; "truncated": floor(127.5 x + 128), clamped.
        reals: how many real images, chosen by the seed; None: all.
        mirror: whether each real image counts a second time, mirrored.
        samples: how many images are drawn.
        psi: truncation; 1 is none.
        noise: layer noise, drawn anew for each image or the stored one.
        labels: classes drawn uniformly, or as frequent as in the data.
        seed: of latents, classes, layer noise and the choice of images.
        divisor: of the covariances.

    Raises:
        InputError: the network or the resize is unknown, or they do not go together.
    """

    network: str = "inception"
    resize: Resize | None = None
    arithmetic: Arithmetic = "fp32"
    quantisation: Quantisation = "truncated"
    reals: int | None = None
    mirror: bool = False
    samples: int = _SAMPLES
    psi: float = 1.0
    noise: Literal["random", "const"] = "random"
    labels: Literal["uniform", "data"] = "uniform"
    seed: int = 0
    divisor: Divisor = "N - 1"

    def __post_init__(self) -> None:
        object.__setattr__(self, "resize", resize_of(self.network, self.resize))


PROTOCOLS: dict[str, Protocol] = {
    "fid50k_full": Protocol(labels="data", divisor="N"),
    "torch-fidelity": Protocol(seed=2020),
    "pytorch-fid": Protocol(resize="pytorch"),
    "clean": Protocol(resize="clean"),
}

TOOLS: dict[str, tuple[str, ...]] = {
    "fid50k_full": (
        "As the StyleGAN2-ADA and StyleGAN3 papers take it (metric fid50k_full).",
        "Inception of 2015-12-05, pool3; the network itself resizes to 299 px as TensorFlow 1 does "
        "and takes (x - 128) / 128.",
        "All real images of the set, also where a network was trained on a part of them; never "
        "mirrored, also where it was trained on mirrored ones.",
        "50,000 images at psi 1 with random layer noise; classes as frequent as in the data; the "
        "official seeds are not fixed, here they are.",
        "Images are floor(127.5 x + 128), clamped to 0..255; grey is repeated three times.",
        "Sums in float64, covariance divided by N, the trace by scipy's sqrtm; here by symmetric "
        "eigenvalues, equal to 1e-10 of it.",
        "Its KID is of 100 subsets of 1,000 without a fixed seed; its Inception Score of 10 splits "
        "without a shuffle.",
    ),
    "torch-fidelity": (
        "As torch-fidelity 0.4 takes it (calculate_metrics with fid=True).",
        "The same network and resize as fid50k_full; float32 features and means, covariance in "
        "float64 divided by N - 1, the trace by eigenvalues of S1 S2.",
        "What the second input yields, never mirrored; as many samples as the caller says.",
        "Latents of numpy's RandomState(2020); classes uniform.",
        "Its KID is of 100 subsets of 1,000 by the same seed, in float32; its Inception Score of "
        "10 splits, shuffled by it.",
    ),
    "pytorch-fid": (
        "As pytorch-fid 0.3 takes it (two folders).",
        "The same weights; images are divided by 255, resized to 299 px by torch's bilinear "
        "interpolation (half-pixel centres, no antialias), and brought to 2 x - 1: 0.1 percent "
        "off TensorFlow's value on published examples.",
        "Covariance divided by N - 1, the trace by scipy's sqrtm.",
    ),
    "clean": (
        "As clean-fid 0.1 takes it (mode clean).",
        "The same weights; each channel is resized to 299 px by Pillow's bicubic filter on float "
        "values, with antialias, clipped to 0..255 and not rounded; then (x - 128) / 128.",
        "Covariance divided by N - 1, the trace by scipy's sqrtm.",
        "Its own drawing hands unrounded images to the network; here they are bytes, as in files.",
    ),
}

# What the features of given images depend on: protocols that agree in these share an extraction.
_FEATURES = ("network", "resize", "arithmetic")


def protocol(name: str) -> Protocol:
    """Return a named protocol.

    Raises:
        InputError: there is none of that name; the known ones are listed.
    """
    if name not in PROTOCOLS:
        raise InputError(f"no protocol is called {name!r}; known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def name_of(value: Protocol) -> str | None:
    """Return what a protocol is called; None: it is none of the named ones."""
    return next((name for name, known in PROTOCOLS.items() if known == value), None)


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def digest(value: Protocol) -> str:
    """Return the sha256 of a whole protocol, hexadecimal."""
    return _digest(to_dict(value))


def feature_digest(value: Protocol) -> str:
    """Return the sha256 of what the features of given images depend on, hexadecimal.

    Protocols that share it share extractions, and caches of them.
    """
    return _digest({name: getattr(value, name) for name in _FEATURES})


def to_json(value: Protocol) -> str:
    """Write a protocol as JSON."""
    return json.dumps(to_dict(value), sort_keys=True)


def from_json(text: str, where: str = "protocol") -> Protocol:
    """Read a protocol from JSON.

    Raises:
        InputError: it is none, or of a later version.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InputError(f"{where} is no JSON: {error}") from error
    return from_dict(Protocol, values, where)


def _resize_words(value: Resize | None) -> str:
    return "its own" if value is None else f"{value}, {RESIZES[value]}"


def _reals_words(value: int | None) -> str:
    return "all real images" if value is None else f"{value:,} of the real images"


_SENTENCES: dict[str, Callable[[Protocol, Protocol], str]] = {
    "network": lambda a, b: (
        f"Features are of {a.network} here and of {b.network} there: these are different "
        "quantities, and their values do not compare at all."
    ),
    "resize": lambda a, b: (
        f"Images are resized to the network in different ways ({_resize_words(a.resize)}; "
        f"against {_resize_words(b.resize)}). That moves FID by 0.01 to 8, most on large images."
    ),
    "arithmetic": lambda a, b: (
        f"The network computes in {a.arithmetic} ({ARITHMETICS[a.arithmetic]}) here and in "
        f"{b.arithmetic} there."
    ),
    "quantisation": lambda a, b: (
        f"Drawn images become bytes in different ways ({a.quantisation}, {b.quantisation}): small "
        "but systematic."
    ),
    "reals": lambda a, b: (
        f"The reference is of {_reals_words(a.reals)} here and of {_reals_words(b.reals)} there: "
        "with few images FID is larger, up to twice as large with 1,000."
    ),
    "mirror": lambda a, b: (
        f"The real images are {'' if a.mirror else 'not '}mirrored here and "
        f"{'' if b.mirror else 'not '}mirrored there: these are different references."
    ),
    "samples": lambda a, b: (
        f"{a.samples:,} images are drawn here and {b.samples:,} there: FID has a bias of about "
        "c / N, so that of fewer images is larger."
    ),
    "psi": lambda a, b: (
        f"Truncation psi is {a.psi:g} here and {b.psi:g} there: that trades variety for quality, "
        "and moves every value."
    ),
    "noise": lambda a, b: f"Layer noise is {a.noise} here and {b.noise} there.",
    "labels": lambda a, b: (
        f"Classes are drawn {_label_words(a.labels)} here and {_label_words(b.labels)} there: "
        "that matters as far as the data's classes are uneven."
    ),
    "seed": lambda a, b: (
        f"Seeds are {a.seed} and {b.seed}: at 50,000 images that moves FID by 0.02 to 0.03 near 3."
    ),
    "divisor": lambda a, b: (
        f"Covariances are divided by {a.divisor} here and by {b.divisor} there: at most 0.001 of "
        "FID at 50,000 images, 0.01 at 1,000."
    ),
}


def _label_words(value: str) -> str:
    return "as frequent as in the data" if value == "data" else "uniformly"


def differences(a: Protocol, b: Protocol) -> list[str]:
    """Say why numbers of two protocols differ, the weightiest reasons first.

    Args:
        a: called "here".
        b: called "there".

    Returns:
        Sentences; none if the protocols are equal.
    """
    fields = [name for name in _SENTENCES if getattr(a, name) != getattr(b, name)]
    return [_SENTENCES[name](a, b) for name in fields]


def shared_extractions(protocols: Iterable[str]) -> dict[str, list[str]]:
    """Group named protocols by what their features depend on.

    One network serves a group: the images are decoded or drawn once for all of them, see
    :func:`stylegen.perceptual.several.open_several`.

    Args:
        protocols: their names.

    Returns:
        The names of each group by its :func:`feature_digest`, in order.

    Raises:
        InputError: a name is unknown.
    """
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(protocols):
        groups.setdefault(feature_digest(protocol(name)), []).append(name)
    return groups
