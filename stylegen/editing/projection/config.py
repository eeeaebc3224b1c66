"""How an image is projected and how a generator is tuned, as plain values.

Source: Karras et al. 2020 (StyleGAN2), section 5 and appendix D; Roich et al. 2021 (pivotal
tuning), section 3.
"""

from dataclasses import dataclass
from typing import Literal

from stylegen.configs import check_range
from stylegen.errors import InputError

Space = Literal["w", "w+"]
SPACES = ("w", "w+")
NoiseMaps = Literal["after", "joint", "stored"]
Start = Literal["best", "mean"]

DISTANCES = ("discriminator", "pyramid", "squeezenet", "lpips-vgg")  # by which images are compared


def _check_choice(config: object, name: str, choices: tuple[str, ...]) -> None:
    if getattr(config, name) not in choices:
        raise InputError(f"{name} is {getattr(config, name)!r}; wanted {' or '.join(choices)}")


@dataclass(frozen=True, kw_only=True)
class ProjectionConfig:
    """How an image's latent is searched for.

    Attributes:
        space: "w": one w for all layers; "w+": one for each layer, which fits more and edits less.
        steps: of Adam on the code.
        lr: its learning rate at the top of the schedule.
        ramp_up: part of the steps in which the rate rises from zero, linearly.
        ramp_down: part of the steps at the end in which it falls to zero, as a cosine.
        latent_noise: added to the code, in standard deviations of w's coordinates. (Official tools
            count in sqrt(E |w - mean|^2), which is sqrt(D) times as much for width D.)
        latent_noise_until: part of the steps at which it has fallen to zero, as a square.
        noise_maps: "after": the code is searched with the network's stored noise, then the maps are
            fitted to it; "joint": both together, as in the paper; "stored": the maps stay.
        map_steps: further steps on the maps alone, for "after".
        map_lr: learning rate of the maps, on the same schedule.
        noise_weight: of the maps' regulariser; less lets them hold more of the image.
        start: "best": the candidate with the smallest distance; "mean": the mean w.
        candidates: number of random codes to start from the best of.
        mean_samples: number of w that the mean and the deviation are taken of.
        pull: weight of the code's distance from the mean w, for "w+".
        smoothness: weight of the differences between following layers' codes, for "w+".
        seed: of all random numbers; each image draws its own from it and from its pixels.
        traced: how many codes along the way are kept, evenly spread; for videos.
        group: images computed together; None: 1 on a CPU, 8 elsewhere. The last group is filled up
            by repetition, so that the other images do not change an image's rounding.
    """

    space: Space = "w"
    steps: int = 1000
    lr: float = 0.1
    ramp_up: float = 0.05
    ramp_down: float = 0.25
    latent_noise: float = 0.05
    latent_noise_until: float = 0.75
    noise_maps: NoiseMaps = "after"
    map_steps: int = 100
    map_lr: float = 0.01
    noise_weight: float = 1e5
    start: Start = "best"
    candidates: int = 64
    mean_samples: int = 10_000
    pull: float = 0.01
    smoothness: float = 0.01
    seed: int = 0
    traced: int = 0
    group: int | None = None

    def __post_init__(self) -> None:
        _check_choice(self, "space", SPACES)
        _check_choice(self, "noise_maps", ("after", "joint", "stored"))
        _check_choice(self, "start", ("best", "mean"))
        check_range(self, 1, 10**9, "steps", "candidates")
        check_range(self, 2, 10**9, "mean_samples")
        check_range(self, 0, 10**9, "map_steps", "traced", "latent_noise", "noise_weight")
        check_range(self, 0, 10**9, "lr", "map_lr", "pull", "smoothness")
        check_range(self, 0, 1, "ramp_up", "ramp_down", "latent_noise_until")
        check_range(self, 0, 2**63 - 1, "seed")
        if self.group is not None:
            check_range(self, 1, 4096, "group")

    @property
    def total_steps(self) -> int:
        """Steps of an image: on the code, then on the maps alone."""
        return self.steps + (self.map_steps if self.noise_maps == "after" else 0)

    @property
    def takes_known(self) -> bool:
        """Whether known latents can stand for the search: nothing else of it is asked for."""
        return self.noise_maps != "joint" and self.traced == 0


@dataclass(frozen=True, kw_only=True)
class TuningConfig:
    """How a generator is tuned to draw given images from given codes.

    Attributes:
        steps: of Adam on the synthesis network.
        lr: its learning rate.
        pixels: weight of the mean squared difference beside the distance.
        locality: weight of the regulariser that keeps other codes' images.
        locality_reach: how far from the pivot those codes lie: 0 at it, 1 at random codes.
        seed: of the random codes.
    """

    steps: int = 350
    lr: float = 3e-4
    pixels: float = 1.0
    locality: float = 0.1
    locality_reach: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        check_range(self, 1, 10**9, "steps")
        check_range(self, 0, 10**9, "lr", "pixels", "locality")
        check_range(self, 0, 1, "locality_reach")
        check_range(self, 0, 2**63 - 1, "seed")
