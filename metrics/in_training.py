"""Metrics of a generator while it trains: a callable for the loop, by one process or several.

Real images are looked at once. The same latents, classes and layer noise are drawn every time, so
that successive values can be compared, and they are those that ``stylegen evaluate`` draws; but
classes are as frequent as in the data. Several processes share the images and find what one would;
none waits for another longer than a batch. A measurement that takes too long is given up.

Sizes need not agree: while a network grows, its smaller images are measured against the data as
they are, since feature networks resize both.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from stylegen.data import ImageSet, open_images
from stylegen.devices import seeded
from stylegen.errors import InputError
from stylegen.metrics.config import (
    TrainingMetricConfig,
    compares,
    keeps_features,
    least_images,
    training_key,
    wanted_metrics,
)
from stylegen.metrics.demo import open_network
from stylegen.metrics.drawing import (
    NotFiniteError,
    device_of,
    draw_images,
    evaluating,
    in_float32,
)
from stylegen.metrics.extraction import Extracted, extract
from stylegen.metrics.frechet import Gaussian
from stylegen.metrics.kernel import subset_distances, summary
from stylegen.metrics.measuring import MEASURES, Pair
from stylegen.metrics.planning import usual_arithmetic
from stylegen.metrics.sharing import (
    ALONE,
    Processes,
    TookTooLongError,
    first_,
    joined,
    own_rows,
    rounds_of,
    together,
    total_,
)
from stylegen.metrics.sides import chosen_names, decoded_batches
from stylegen.metrics.telling import Told
from stylegen.networks import Generator
from stylegen.perceptual import FeatureNetwork

_log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, images done, and images in all; of this process."""


class _Real:
    """What is known of the real images."""

    def __init__(self, found: Extracted) -> None:
        self.found = found
        self.gaussian = Gaussian.fitted(found.moments)


class TrainingMetric:
    """Measures a generator; made by :func:`metric_for_training`.

    Args:
        config: what is measured, and how.
        images: the real ones.
        network: the feature network.
        progress: told of long work.

    Attributes:
        names: what the values are called, in order; the first decides which snapshot is the best.
    """

    def __init__(
        self,
        config: TrainingMetricConfig,
        images: ImageSet,
        network: FeatureNetwork,
        progress: Progress | None = None,
    ) -> None:
        self._config, self._images, self._network = config, images, network
        self._wanted = wanted_metrics(config)
        self._keeps = keeps_features(self._wanted)
        self._told = Told(progress)
        self._real: _Real | None = None
        self.names = tuple(training_key(config, metric) for metric in self._wanted)

    def _read(self, world: Processes, device: torch.device) -> Extracted:
        """Look at the real images; however long that takes, it is done once."""
        config, images = self._config, self._images
        names = chosen_names(images.names, config.max_images, config.seed)
        own = own_rows(len(names), config.batch, world)
        batches = decoded_batches(images, tuple(names[i] for i in own), config.batch)
        rounds = rounds_of(len(names), config.batch, world)
        found = extract(
            together(batches, rounds, world, device, lambda: False),
            self._network,
            keep_features=self._keeps,
            progress=self._told.of("features of the real images", len(own)),
        )
        broken = {name for name, _ in images.skipped}
        rows = [i for i in own if names[i] not in broken]
        return joined(found, rows, len(names), world)

    def _labels(self, generator: Generator) -> Tensor | None:
        """Return the classes to draw from: as they are in the data."""
        if generator.config.c_dim == 0:
            return None
        if self._images.num_classes != generator.config.c_dim:
            raise InputError(
                f"the generator has {generator.config.c_dim} classes and the images "
                f"{self._images.num_classes}: metrics need the labels that the run has"
            )
        return self._images.labels

    def _drawn(self, generator: Generator, world: Processes) -> Iterator[Tensor]:
        """Draw this process's share, until the time is over for one of them."""
        config, begin = self._config, time.monotonic()
        limit_sec = math.inf if config.minutes is None else 60 * config.minutes
        own = draw_images(
            generator,
            config.samples,
            config.batch,
            config.seed,
            noise=config.noise,
            labels=self._labels(generator),
            share=(world.rank, world.size),
        )
        rounds = rounds_of(config.samples, config.batch, world)
        return together(
            own, rounds, world, device_of(generator), lambda: time.monotonic() - begin > limit_sec
        )

    def _look(self, generator: Generator, world: Processes) -> Extracted:
        """Draw and look at the images, and put together what all processes found."""
        config = self._config
        rows = own_rows(config.samples, config.batch, world)
        with evaluating(generator), in_float32(generator):
            found = extract(
                self._drawn(generator, world),
                self._network,
                keep_logits="is" in self._wanted,
                keep_features=self._keeps,
                progress=self._told.of("features of generated images", len(rows)),
            )
        return joined(found, rows, config.samples, world)

    def _kernel(self, pair: Pair, world: Processes) -> float:
        """Return the kernel distance; each process takes some of the subsets."""
        share = (world.rank, world.size)
        found = subset_distances(*pair.rows("kid"), device=pair.device, share=share)
        values = found.to(pair.device)
        total_(world, [values])
        return summary(values).mean

    def _values(self, fake: Extracted, world: Processes) -> list[float]:
        real = self._real
        pair = Pair(
            features=self._config.features,
            a=fake,
            against=None if real is None else real.found,
            reference=None if real is None else real.gaussian,
            splits=self._config.splits,
        )
        return [
            self._kernel(pair, world) if metric == "kid" else MEASURES[metric](pair).value
            for metric in self._wanted
        ]

    def _measure(self, generator: Generator, world: Processes) -> list[float]:
        """Return the values in order, in all processes the same."""
        device = device_of(generator)
        if self._real is None and compares(self._wanted):
            self._real = _Real(self._read(world, device))
        values = self._values(self._look(generator, world), world)
        shared = torch.tensor(values, dtype=torch.float64, device=device)
        first_(world, shared)
        return [float(value) for value in shared]

    def _give_up(self, world: Processes, reason: str) -> list[float]:
        if world.rank == 0:
            _log.warning("no %s this time: %s", ", ".join(self.names), reason)
        return [math.nan] * len(self.names)

    def __call__(self, generator: Generator, world: Processes = ALONE) -> dict[str, float]:
        """Measure a generator, and leave it and all random states as they were.

        Args:
            generator: usually the moving average; drawn in float32, with psi 1.
            world: the processes that call this at the same time with the same weights, each of
                which takes its share; the same at every call.

        Returns:
            Values by name, in the order of the metrics, the same in all processes; NaN if the
            generator draws images that are not finite, or the time was over.

        Raises:
            InputError: the classes are not those of the data, or too few real images can be read.
        """
        self._network.to(device_of(generator))
        try:
            values = self._measure(generator, world)
        except NotFiniteError:
            values = self._give_up(world, "the network draws images that are not finite")
        except TookTooLongError:
            values = self._give_up(
                world,
                f"it took longer than {self._config.minutes:g} minutes; draw fewer images, or "
                "give it more time",
            )
        return dict(zip(self.names, values, strict=True))


def _check_channels(config: TrainingMetricConfig) -> None:
    if config.data.channels not in (1, 3):
        raise InputError(
            f"metrics while training need images of 1 or 3 channels, not {config.data.channels}: "
            "feature networks know no transparency; leave --metrics out, and evaluate samples "
            "that are composited on a background"
        )


def metric_for_training(
    config: TrainingMetricConfig, progress: Progress | None = None
) -> TrainingMetric:
    """Return a callable that measures a generator while it trains.

    All that can be refused is refused here, before the run begins. The real images are looked at
    when it is first called. KID keeps the features of all images, Inception's of 70,000 in 0.6 GB.

    Args:
        config: what is measured, and how.
        progress: told of long work.

    Raises:
        InputError: the images or the feature network cannot be opened, a metric is unknown or not
            possible with the network, there are too few images, or they have transparency.
        OSError: a file cannot be read.
    """
    wanted = wanted_metrics(config)
    _check_channels(config)
    if config.samples < (least := least_images(wanted, config.splits)):
        raise InputError(f"{' and '.join(wanted)} need at least {least} images, not the "
                         f"{config.samples} of --metric-images")  # fmt: skip
    images = open_images(config.data)
    least = least_images(wanted, config.splits, judged=False)
    if compares(wanted) and len(images) < least:
        raise InputError(
            f"{config.data.path} has {len(images)} usable images; {' and '.join(wanted)} need at "
            f"least {least}"
        )

    def fitting(done: int, total: int) -> None:
        if progress is not None:
            progress("fitting the demo features", done, total)

    with seeded(config.seed, torch.device("cpu")):
        network = open_network(
            config.features, config.weights, "cpu", fitting,
            arithmetic=usual_arithmetic(config.features),
        )  # fmt: skip
    return TrainingMetric(config, images, network, progress)
