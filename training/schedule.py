"""What a run's numbers are at each moment: growing resolutions, and numbers that change.

A schedule is part of a run's configuration; the loop asks it for the state at kimg t and sets what
it says. It has phases, each at a resolution, of which a grown one fades its new block in over the
first ``fade_kimg``; and ramps, each a number that moves along given points.

Source: Karras et al. 2018 (progressive growing), section 2 and appendix A; Karras et al. 2021
(StyleGAN3), appendix D, for the blur of the discriminator's input at the start.
"""

import itertools
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stylegen import configs
from stylegen.errors import InputError
from stylegen.training.augment.config import Kind

RampOf = Literal["batch", "lr", "gamma", "style_mixing", "blur_sigma_px"]


@dataclass(frozen=True, kw_only=True)
class PhaseConfig:
    """A stretch of training at one resolution.

    Attributes:
        resolution: of images and networks, a power of two.
        from_kimg: where it begins.
        to_kimg: where it ends; None: with the run.
        batch: images of a step; None: the run's.
        lr: learning rate of both networks; None: the run's.
        gamma: R1 weight; None: the run's.
        augment: kind of augmentation; None: the run's.
    """

    resolution: int
    from_kimg: float = 0.0
    to_kimg: float | None = None
    batch: int | None = None
    lr: float | None = None
    gamma: float | None = None
    augment: Kind | None = None


@dataclass(frozen=True, kw_only=True)
class RampConfig:
    """A number that changes with kimg.

    Attributes:
        of: which one.
        points: (kimg, value), in order; before the first and after the last, theirs hold.
        steps: hold each value until the next point, instead of moving in a straight line.
    """

    of: RampOf
    points: tuple[tuple[float, ...], ...]
    steps: bool = False

    def __post_init__(self) -> None:
        if not self.points or any(len(p) != 2 for p in self.points):
            raise InputError(f"the ramp of {self.of} needs points (kimg, value)")
        kimgs = [p[0] for p in self.points]
        if not all(a < b for a, b in itertools.pairwise([-1e-9, *kimgs])) or kimgs[0] < 0:
            raise InputError(f"the points of the ramp of {self.of} should have rising kimg from 0")
        least = 1 if self.of == "batch" else 0
        if wrong := [v for _, v in self.points if not least <= v <= 1e9]:
            raise InputError(
                f"the ramp of {self.of} goes through {wrong[0]:g}; wanted {least} or more"
            )
        if self.of == "style_mixing" and any(v > 1 for _, v in self.points):
            raise InputError("the ramp of style_mixing goes beyond 1, but it is a probability")

    def at(self, kimg: float) -> float:
        """Return the value at a moment."""
        reached = [p for p in self.points if p[0] <= kimg]
        if not reached:
            return self.points[0][1]
        (begin, value), rest = reached[-1], self.points[len(reached) :]
        if self.steps or not rest:
            return value
        end, target = rest[0]
        return value + (target - value) * (kimg - begin) / (end - begin)


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """Phases and ramps of a run.

    Attributes:
        phases: one after the other without a gap, each of the resolution before it or of twice
            that; none: the run's resolution all along.
        fade_kimg: over how many the new block of a grown phase fades in.
        ramps: numbers that change; they win over what a phase says.
    """

    phases: tuple[PhaseConfig, ...] = ()
    fade_kimg: float = 0.0
    ramps: tuple[RampConfig, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.fade_kimg <= 1e9:
            raise InputError(f"fade_kimg is {self.fade_kimg!r}; wanted 0 or more")
        if self.phases and self.phases[0].from_kimg != 0:
            raise InputError(f"the first phase begins at {self.phases[0].from_kimg:g} kimg, not 0")
        for phase in self.phases:
            _check_phase(phase)
        for a, b in itertools.pairwise(self.phases):
            _check_successors(a, b, self.fade_kimg)
        names = [ramp.of for ramp in self.ramps]
        if twice := {name for name in names if names.count(name) > 1}:
            raise InputError(f"there are two ramps of {min(twice)}; give one")


def _check_phase(phase: PhaseConfig) -> None:
    r = phase.resolution
    if r < 4 or r & (r - 1):
        raise InputError(f"a phase's resolution is {r}; wanted a power of two from 4 on")
    if phase.to_kimg is not None and phase.to_kimg <= phase.from_kimg:
        raise InputError(
            f"the phase at {r} px ends at {phase.to_kimg:g} kimg, but begins at "
            f"{phase.from_kimg:g}; wanted a later end"
        )
    if phase.batch is not None and phase.batch < 1:
        raise InputError(f"the batch of the phase at {r} px is {phase.batch}; wanted 1 or more")
    for name in ("lr", "gamma"):
        value = getattr(phase, name)
        if value is not None and not 0 <= value <= 1e9:
            raise InputError(f"{name} of the phase at {r} px is {value!r}; wanted 0 or more")


def _check_successors(a: PhaseConfig, b: PhaseConfig, fade_kimg: float) -> None:
    if a.to_kimg != b.from_kimg:
        ends = "never ends" if a.to_kimg is None else f"ends at {a.to_kimg:g} kimg"
        raise InputError(
            f"the phase at {a.resolution} px {ends}, but the next begins at {b.from_kimg:g}; "
            "phases should follow each other without a gap"
        )
    if b.resolution not in (a.resolution, 2 * a.resolution):
        raise InputError(
            f"a phase at {a.resolution} px is followed by one at {b.resolution} px; wanted the "
            "same or twice as many"
        )
    grows, end = b.resolution > a.resolution, b.to_kimg
    if grows and end is not None and end - b.from_kimg < fade_kimg:
        raise InputError(
            f"the phase at {b.resolution} px lasts {end - b.from_kimg:g} kimg, but its block fades "
            f"in over {fade_kimg:g}"
        )


_PHASE = re.compile(r"(\d+)\s*:\s*([\d.]+)\s*-\s*([\d.]*)")
_FADE = re.compile(r"fade\s*=\s*(\d+\.?\d*|\.\d+)")


def _inline_phase(text: str, number: int) -> PhaseConfig:
    match = _PHASE.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        begin, end = float(match[2]), float(match[3]) if match[3] else None
    except ValueError:
        raise InputError(
            f"part {number} of the schedule is {text!r}; wanted resolution:kimg-kimg such as "
            "8:0-40, or fade=20"
        ) from None
    return PhaseConfig(resolution=int(match[1]), from_kimg=begin, to_kimg=end)


def _inline(text: str) -> ScheduleConfig:
    phases: list[PhaseConfig] = []
    fades: list[float] = []
    for i, part in enumerate(part.strip() for part in text.split(",")):
        if match := _FADE.fullmatch(part):
            fades.append(float(match[1]))
        else:
            phases.append(_inline_phase(part, i + 1))
    if len(fades) > 1:
        raise InputError(f"the schedule {text!r} says fade {len(fades)} times; say it once")
    return ScheduleConfig(phases=tuple(phases), fade_kimg=sum(fades))


def read_schedule(text: str) -> ScheduleConfig:
    """Read a schedule from its inline form, or from a JSON file of that name.

    Args:
        text: such as "8:0-40,16:40-100,32:100-,fade=20", or a path.

    Raises:
        InputError: it is neither, or says what cannot be.
    """
    path = Path(text)
    if not os.path.isfile(text):  # Path's own raises where the text is too long for a name
        if text.endswith(".json"):
            raise InputError(f"{path} is no file; wanted a schedule such as 8:0-40,16:40-,fade=20")
        return _inline(text)
    try:
        values = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid JSON: {error}") from error
    return configs.from_dict(ScheduleConfig, values, str(path))
