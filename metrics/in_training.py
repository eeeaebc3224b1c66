"""Metrics of a generator while it trains: a callable for the loop, by one process or several.

Real images are looked at once. The same latents, classes and layer noise are drawn every time, so
that successive values can be compared, and they are those that ``stylegen evaluate`` draws; but
classes are as frequent as in the data. Several processes share the images and find what one would.

Sizes need not agree: while a network grows, its smaller images are measured against the data as
they are, since feature networks resize both.
"""

import logging
import math
from collections.abc import Callable

import torch
from torch import Tensor

from stylegen.data import ImageSet, open_images
from stylegen.devices import seeded
from stylegen.errors import InputError
from stylegen.metrics.config import (
    TrainingMetricConfig,
    compares,
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
from stylegen.metrics.frechet import distance_of_moments
from stylegen.metrics.kernel import subset_distances, summary
from stylegen.metrics.score import inception_score
from stylegen.metrics.sharing import ALONE, Processes, first_, joined, own_rows, total_
from stylegen.metrics.sides import chosen_names, decoded_batches
from stylegen.networks import Generator
from stylegen.perceptual import FeatureNetwork

_log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, images done, and images in all; of this process."""


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
        self._progress = progress
        self._real: Extracted | None = None
        self.names = tuple(training_key(config, metric) for metric in self._wanted)

    def _told(self, stage: str, count: int) -> Callable[[int], None]:
        progress = self._progress
        return lambda done: progress(stage, done, count) if progress else None

    def _read(self, world: Processes) -> Extracted:
        """Look at the real images."""
        config, images = self._config, self._images
        names = chosen_names(images.names, config.max_images, config.seed)
        own = own_rows(len(names), config.batch, world)
        found = extract(
            decoded_batches(images, tuple(names[i] for i in own), config.batch),
            self._network,
            keep_features="kid" in self._wanted,
            progress=self._told("features of the real images", len(own)),
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

    def _draw(self, generator: Generator, world: Processes) -> Extracted | None:
        """Draw and look at this process's share of the images; None: they are not finite."""
        config = self._config
        drawn = draw_images(
            generator,
            config.samples,
            config.batch,
            config.seed,
            noise=config.noise,
            labels=self._labels(generator),
            share=(world.rank, world.size),
        )
        count = len(own_rows(config.samples, config.batch, world))
        with evaluating(generator), in_float32(generator):
            try:
                return extract(
                    drawn,
                    self._network,
                    keep_logits="is" in self._wanted,
                    keep_features="kid" in self._wanted,
                    progress=self._told("features of generated images", count),
                )
            except NotFiniteError:
                return None

    def _kernel(self, real: Extracted, fake: Extracted, world: Processes) -> float:
        """Return the kernel distance; each process takes some of the subsets."""
        if fake.features is None or real.features is None:
            raise InputError("there are no images to take a kernel distance on")
        device = fake.moments.total.device
        share = (world.rank, world.size)
        found = subset_distances(fake.features, real.features, device=device, share=share)
        values = found.to(device)
        total_(world, [values])
        return summary(values).mean

    def _value(
        self, metric: str, real: Extracted | None, fake: Extracted, world: Processes
    ) -> float:
        if metric == "is":
            logits = fake.logits
            return math.nan if logits is None else inception_score(logits, self._config.splits)[0]
        if real is None:
            raise InputError(f"{metric} needs real images")
        if metric == "kid":
            return self._kernel(real, fake, world)
        return distance_of_moments(fake.moments, real.moments)

    def _measure(self, generator: Generator, world: Processes) -> list[float] | None:
        """Return the values in order, in all processes the same; None: images are not finite."""
        if self._real is None and compares(self._wanted):
            self._real = self._read(world)
        found, device = self._draw(generator, world), device_of(generator)
        failed = torch.tensor([float(found is None)], dtype=torch.float64, device=device)
        total_(world, [failed])
        if found is None or bool(failed > 0.5):
            return None
        config = self._config
        rows = own_rows(config.samples, config.batch, world)
        fake = joined(found, rows, config.samples, world)
        values = [self._value(metric, self._real, fake, world) for metric in self._wanted]
        shared = torch.tensor(values, dtype=torch.float64, device=device)
        first_(world, shared)
        return [float(value) for value in shared]

    def __call__(self, generator: Generator, world: Processes = ALONE) -> dict[str, float]:
        """Measure a generator, and leave it and all random states as they were.

        Args:
            generator: usually the moving average; drawn in float32, with psi 1.
            world: the processes that call this at the same time with the same weights, each of
                which takes its share; the same at every call.

        Returns:
            Values by name, in the order of the metrics, the same in all processes; NaN if the
            generator draws images that are not finite.

        Raises:
            InputError: the classes are not those of the data, or too few real images can be read.
        """
        self._network.to(device_of(generator))
        values = self._measure(generator, world)
        if values is None:
            if world.rank == 0:
                text = "no %s this time: the network draws images that are not finite"
                _log.warning(text, ", ".join(self.names))
            values = [math.nan] * len(self.names)
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
    if compares(wanted) and len(images) < 2:
        raise InputError(f"{config.data.path} has 1 usable image; metrics need at least 2")

    def fitting(done: int, total: int) -> None:
        if progress is not None:
            progress("fitting the demo features", done, total)

    with seeded(config.seed, torch.device("cpu")):
        network = open_network(config.features, config.weights, "cpu", fitting)
    return TrainingMetric(config, images, network, progress)
