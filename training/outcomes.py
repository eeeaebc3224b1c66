"""What a run tells of itself while it lasts, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stylegen.networks import Generator
from stylegen.training.config import RunConfig
from stylegen.training.world import World

Reason = Literal["finished", "interrupted", "out of time"]
Metric = Callable[[Generator, World], dict[str, float]]
MakeMetric = Callable[[RunConfig], Metric | None]


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a run stands after a step.

    Attributes:
        folder: the run's folder.
        images_shown: so far.
        images_total: when it will end.
        means: statistics of the last whole tick; empty before it.
        advice: what was said of the run's health since the last step, in sentences.
        unwell: what is wrong with it for now, in a word each.
    """

    folder: Path
    images_shown: int
    images_total: int
    means: dict[str, float]
    advice: tuple[str, ...] = ()
    unwell: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        folder: the run's folder.
        snapshot: its newest snapshot; None: another process writes them.
        kimg: thousands of images shown.
        reason: why it stopped.
        best: its best snapshot by the first metric; None: none was taken.
        profile: table of the slowest operators; empty: none was wanted.
    """

    folder: Path
    snapshot: Path | None
    kimg: float
    reason: Reason
    best: Path | None = None
    profile: str = ""


Report = Callable[[Status], None]
