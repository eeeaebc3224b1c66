"""Colours and frequencies of both sides, seen in the pass that takes their features."""

from collections.abc import Mapping

import torch
from torch import Tensor

from stylegen.metrics.extraction import Watcher
from stylegen.metrics.report_curves import (
    ColourStatistics,
    Histogram,
    Spectrum,
    count_between,
)
from stylegen.metrics.spectrum import ImageStatistics, StatisticsTally

_NAMES = {1: ("grey",), 3: ("red", "green", "blue")}
_LABELS = {"a": "samples", "against": "real images"}
_BINS = 32


class Tally:
    """Sums of one side's images, begun with the first batch."""

    def __init__(self) -> None:
        self._tally: StatisticsTally | None = None

    def update(self, images: Tensor) -> None:
        """See another batch, uint8 (n, C, H, W)."""
        if self._tally is None:
            _, channels, height, width = images.shape
            self._tally = StatisticsTally(channels, height, width, images.device)
        self._tally.update(images)

    def found(self) -> ImageStatistics | None:
        """Return the statistics; None: nothing was seen."""
        return None if self._tally is None else self._tally.finish()


class Looks:
    """What was seen of both sides beside their features."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}

    def take(self, other: "Looks") -> None:
        """Take what other looks have seen in place of one's own."""
        self.tallies.update(other.tallies)

    def statistics(self) -> dict[str, ImageStatistics]:
        """Return the statistics by side."""
        found = {name: tally.found() for name, tally in self.tallies.items()}
        return {name: value for name, value in found.items() if value is not None}


def watchers_of(wanted: tuple[str, ...], side: str, looks: Looks) -> tuple[Watcher, ...]:
    """Return what is to watch a side's images beside the networks, noted in ``looks``."""
    if not {"spectrum", "colour"} & set(wanted):
        return ()
    looks.tallies[side] = Tally()
    return (looks.tallies[side],)


def spectrum_of(found: Mapping[str, ImageStatistics]) -> Spectrum | None:
    """Return both sides' spectra; None: a side was not seen, or their sizes differ."""
    frequencies = [value.frequency for value in found.values()]
    if len(found) < 2 or not torch.equal(*frequencies):
        return None
    return Spectrum(
        frequency_cycles_per_px=tuple(frequencies[0].tolist()),
        power={name: tuple(value.power.tolist()) for name, value in found.items()},
    )


def _brightness(found: Mapping[str, ImageStatistics]) -> dict[str, Histogram]:
    edges = [256 * i / _BINS for i in range(_BINS + 1)]
    return {
        name: count_between(_LABELS[name], value.brightness.tolist(), edges)
        for name, value in found.items()
    }


def colours_of(found: Mapping[str, ImageStatistics]) -> dict[str, ColourStatistics] | None:
    """Return the colours of the sides that were seen; None: none was."""
    brightness = _brightness(found)
    return {
        name: ColourStatistics(
            channels=_NAMES[len(value.mean)],
            mean=tuple(value.mean.tolist()),
            sd=tuple(value.sd.tolist()),
            brightness=brightness[name],
        )
        for name, value in found.items()
    } or None
