"""How a walk goes from latent to latent, as plain values."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from stylegen.errors import InputError

WalkSpace = Literal["w", "z"]
WalkPath = Literal["linear", "slerp", "cubic", "loop"]
StillNoise = Literal["const", "none"]  # the same in all frames


@dataclass(frozen=True, kw_only=True)
class WalkConfig:
    """A walk through points.

    Attributes:
        frames: of the whole walk. Each point has a frame of its own.
        path: between the points: "linear", straight; "slerp", along great circles of z's sphere;
            "cubic", a natural spline, whose speed and bend are continuous; "loop", a closed one.
        space: of the points, "w" or "z".
        closed: go back to the first point, without showing its frame twice.
        constant_speed: equal steps as a distance between images sees them; else each way from one
            point to the next takes the same time.
        layers: which layers of w move, as in :func:`stylegen.latents.parse_layers`; the others
            stay as in the first point. None: all.
        sweep: instead of a walk from point to point, pull each of the points to the mean by psi
            from the first of these values to the second: 1 is the point, 0 the mean, and less
            goes beyond it.
        walks: number of walks side by side, which share the points: the first ones belong to the
            first walk. All must have equally many.
    """

    frames: int = 240
    path: WalkPath = "linear"
    space: WalkSpace = "w"
    closed: bool = False
    constant_speed: bool = False
    layers: str | None = None
    sweep: tuple[float, float] | None = None
    walks: int = 1

    def __post_init__(self) -> None:
        for name, known in (("path", get_args(WalkPath)), ("space", get_args(WalkSpace))):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}; wanted one of {', '.join(known)}"
                )
        if self.path == "slerp" and self.space != "z":
            raise InputError(
                "path 'slerp' follows the sphere of z: take space z, or another path in w"
            )
        if self.frames < 2:
            raise InputError(f"frames is {self.frames}; wanted at least 2")
        if self.walks < 1:
            raise InputError(f"walks is {self.walks}; wanted at least 1")
        if self.sweep is not None and (self.space != "w" or self.path != "linear"):
            raise InputError(
                "a truncation sweep goes straight through w: leave out other spaces and paths"
            )

    @property
    def is_closed(self) -> bool:
        """Whether the walk ends one step before its first point."""
        return self.closed or self.path == "loop"

    def points_of_each(self, count: int) -> int:
        """Return how many of ``count`` points belong to each walk.

        Raises:
            InputError: there are too few points, more than frames, or they cannot be shared
                equally.
        """
        each, rest = divmod(count, self.walks)
        if self.sweep is not None and (each != 1 or rest):
            raise InputError(
                f"a truncation sweep takes one point for each walk, {self.walks} in all, but "
                f"there are {count}"
            )
        if self.sweep is None and (each < 2 or rest):
            raise InputError(
                f"a walk needs at least two points, but there is {count}"
                if self.walks == 1
                else f"{self.walks} walks need equally many points, at least two for each, but "
                f"there are {count}"
            )
        if each > self.frames:
            raise InputError(
                f"{self.frames} frames cannot show {each} points; wanted at least {each}"
            )
        return each


def parse_sweep(text: str) -> tuple[float, float]:
    """Read "-1..1" as (-1.0, 1.0).

    Raises:
        InputError: the text has another form, or both ends are equal.
    """
    number = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)"
    match = re.fullmatch(rf"\s*({number})\s*\.\.\s*({number})\s*", text)
    if match is None or float(match[1]) == float(match[2]):
        raise InputError(f"the truncation sweep is {text!r}; wanted two values such as -1..1")
    return float(match[1]), float(match[2])
