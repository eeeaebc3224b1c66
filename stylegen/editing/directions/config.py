"""How boundaries are fitted and how directions are judged, as plain values."""

from dataclasses import dataclass
from typing import Literal

from stylegen.configs import check_range
from stylegen.errors import InputError

BoundaryMethod = Literal["logistic", "least-squares"]
METHODS = ("logistic", "least-squares")
MIN_GROUP = 10


@dataclass(frozen=True, kw_only=True)
class BoundaryConfig:
    """How a linear boundary is found in labelled samples of w.

    Attributes:
        method: "logistic" regression, or "least-squares" to +-1.
        ridge: weight of the normal's squared length; more of it turns the normal from the best
            boundary towards the line between the groups' means.
        held_out: share of each group that the boundary is only tried on.
        samples: drawn where labels do not come with seeds: from classes or factors.
        seed: of the samples, and of which are held out.
    """

    method: BoundaryMethod = "logistic"
    ridge: float = 0.01
    held_out: float = 0.2
    samples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"method is {self.method!r}; wanted one of {', '.join(METHODS)}")
        check_range(self, 1e-9, 1e9, "ridge")
        check_range(self, 0.05, 0.95, "held_out")
        check_range(self, 2 * MIN_GROUP, 10**7, "samples")
        check_range(self, 0, 2**63 - 1, "seed")


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """How directions are judged.

    Attributes:
        strength: s: images at -s are compared with those at s.
        samples: number of seeds, 0, 1, ..., that are moved.
        path_samples: number of places at which path lengths are measured.
        epsilon: step of the path lengths, as a share of the way between two latents.
        seed: of these latents.
    """

    strength: float = 2.0
    samples: int = 128
    path_samples: int = 512
    epsilon: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        check_range(self, 1e-3, 100, "strength")
        check_range(self, 2, 10**6, "samples", "path_samples")
        check_range(self, 1e-6, 0.1, "epsilon")
        check_range(self, 0, 2**63 - 1, "seed")


DEFAULT_BOUNDARY = BoundaryConfig()
DEFAULT_REPORT = ReportConfig()
