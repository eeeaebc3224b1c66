"""The feature networks there are, as plain facts: nothing here imports torch."""

import dataclasses

from stylegen.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkFacts:
    """What is known of a feature network before it is built.

    Attributes:
        dim: width D of its features.
        classifies: whether it gives class logits, which the Inception Score needs.
        about: one line for people.
    """

    dim: int
    classifies: bool
    about: str


NETWORKS = {
    "inception": NetworkFacts(
        dim=2048, classifies=True, about="Inception-v3 of 2015-12-05, the network of FID and IS"
    ),
    "squeezenet": NetworkFacts(
        dim=512, classifies=False, about="SqueezeNet 1.1 trained on ImageNet, spatial average"
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


def distance_name(name: str) -> str:
    """Name the Frechet distance in a network's features: FID for Inception only."""
    return "FID" if name == "inception" else f"FD ({name})"


def score_name(name: str) -> str:
    """Name the Inception Score computed with a network's classes."""
    return "IS" if name == "inception" else f"IS ({name})"
