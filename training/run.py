"""A run in progress: its networks, images and writers, and what is due after each step."""

import logging
import time
from typing import Any

import torch
from torch import Tensor

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.data import ImageSet
from stylegen.data.threads import Progress
from stylegen.devices import choose_device, choose_precision, precision_name
from stylegen.images import make_grid, save_image
from stylegen.latents import one_hot
from stylegen.memory import keep_freed_memory
from stylegen.networks import Discriminator, Generator, lay_out
from stylegen.training.config import RunConfig
from stylegen.training.feed import Feed
from stylegen.training.folder import RunFolder
from stylegen.training.grids import grid_shape, sample_grid
from stylegen.training.state import images_shown, load_state, save_state
from stylegen.training.statistics import Means, StatisticsWriter, peak_memory_mib
from stylegen.training.step import Trainer
from stylegen.version import __version__

_log = logging.getLogger(__name__)


def build_trainer(config: RunConfig, labels: Tensor) -> Trainer:
    """Build both networks and their trainer, on the device and in the layout of the run.

    Args:
        config: the run.
        labels: class of every image, int64: what generated images draw theirs from.

    Raises:
        InputError: the device is not here, or it cannot compute in the precision.
    """
    device = choose_device(config.loop.device)
    dtype = choose_precision(config.loop.precision, device)
    _log.info("training on %s in %s", device, precision_name(dtype))
    torch.manual_seed(config.loop.seed)
    if device.type == "cpu":
        keep_freed_memory()
    generator = lay_out(Generator(config.generator).to(device))
    discriminator = lay_out(Discriminator(config.discriminator).to(device))
    for network in (generator, discriminator):
        network.set_precision(dtype, config.loop.num_low_precision_res)

    def draw_labels(batch: int) -> Tensor | None:
        if config.generator.c_dim == 0:
            return None
        chosen = labels[torch.randint(len(labels), (batch,))]
        c = one_hot(chosen, config.generator.c_dim)
        return None if c is None else c.to(device)

    return Trainer(generator, discriminator, config.loss, config.optimizer, config.ema, draw_labels)


class Run:
    """A run in progress.

    Args:
        config: all of it.
        folder: where it writes.
        images: the real images.
        resume: go on from the folder's state instead of beginning.
        progress: told (files decoded, files in all) while the images are read.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: RunFolder,
        images: ImageSet,
        resume: bool,
        progress: Progress | None,
    ) -> None:
        self.config, self.folder, self.images = config, folder, images
        self.data_digest = images.digest
        shown = images_shown(folder.state) if resume else 0
        loop, device = config.loop, choose_device(config.loop.device)
        self.feed = Feed(images, loop.batch, loop.seed, shown, config.data.xflip, device, progress)
        self._tell_skipped()
        self.trainer = build_trainer(config, self.feed.labels)
        if resume:
            header = load_state(folder.state, self.trainer)
            if header.get("data_digest") != self.data_digest:
                _log.warning("the images have changed since this run began")
        self.means, self.last_means = Means(), dict[str, float]()
        self.writer = StatisticsWriter(folder.path)
        self.begin = self.tick_begin = time.perf_counter()
        self.tick_images = shown
        self.snapshot_images = shown
        self.snapshot_path = folder.snapshots()[-1] if resume and folder.snapshots() else None

    def _tell_skipped(self) -> None:
        if skipped := self.images.skipped:
            self.folder.write_skipped(skipped)
            (name, reason), count = skipped[0], len(skipped)
            text = "%d files cannot be read and are left out, such as %s (%s); all are in %s"
            _log.warning(text, count, name, reason, self.folder.skipped)

    @property
    def kimg(self) -> float:
        """Thousands of real images shown."""
        return self.trainer.images_shown / 1000

    def write_reals(self) -> None:
        """Write reals.png, the beginning of the set."""
        columns, rows = grid_shape(self.images.resolution)
        count = min(columns * rows, len(self.images))
        pixels = torch.stack([self.images[i][0] for i in range(count)])
        save_image(make_grid(pixels, columns), self.folder.reals)

    def write_snapshot(self) -> None:
        """Write a snapshot, the state and a sample grid; ticks do not count the time it takes."""
        begin = time.perf_counter()
        average = self.trainer.average.network
        assert isinstance(average, Generator)
        info = SnapshotInfo(
            generator=self.config.generator,
            discriminator=self.config.discriminator,
            kimg=self.kimg,
            class_names=self.images.class_names if self.config.generator.c_dim else (),
            provenance=self._provenance(),
        )
        self.snapshot_path = self.folder.snapshot(self.kimg)
        save_snapshot(self.snapshot_path, average, self.trainer.discriminator, info)
        save_state(self.folder.state, self.trainer, {"data_digest": self.data_digest})
        grid = sample_grid(average, self.config.loop.batch)
        save_image(grid, self.folder.fakes(self.kimg))
        self.writer.image("fakes", grid, self.trainer.images_shown)
        self.snapshot_images = self.trainer.images_shown
        self.tick_begin += time.perf_counter() - begin

    def _provenance(self) -> dict[str, Any]:
        data, loop = self.config.data, self.config.loop
        dtype = choose_precision(loop.precision, self.trainer.device)
        return {
            "run": self.config.name,
            "data": self.images.name,
            "data_digest": self.data_digest,
            "data_images": len(self.images),
            "data_filter": data.filter,
            "data_background": data.background,
            "xflip": data.xflip,
            "seed": loop.seed,
            "precision": precision_name(dtype),
            "stylegen": __version__,
            "torch": torch.__version__,
        }

    def write_tick(self) -> None:
        """Write the means since the last tick."""
        self.last_means = self.means.take()  # waits for the device
        now = time.perf_counter()
        seconds = now - self.tick_begin
        shown = self.trainer.images_shown
        self.last_means["img_per_sec"] = (shown - self.tick_images) / seconds
        self.writer.write(
            {
                "images_shown": shown,
                "kimg": self.kimg,
                "seconds": round(now - self.begin, 3),
                "data_wait_sec": round(self.feed.wait_sec, 4),
                "pl_mean": float(self.trainer.pl_mean),
                "peak_memory_mib": peak_memory_mib(self.trainer.device),
                "images_skipped": len(self.images.skipped),
                **self.last_means,
            }
        )
        self.feed.wait_sec = 0.0
        self.tick_begin, self.tick_images = now, shown

    def step(self) -> None:
        """Take one step, and write what is due after it."""
        real, labels = next(self.feed)
        c = one_hot(labels, self.config.generator.c_dim)
        self.means.add(self.trainer.step(real, c))
        loop, shown = self.config.loop, self.trainer.images_shown
        if shown - self.tick_images >= loop.tick_kimg * 1000:
            self.write_tick()
        if shown - self.snapshot_images >= loop.snapshot_kimg * 1000:
            self.write_snapshot()

    def finish(self) -> None:
        """Write what is not yet written."""
        if self.trainer.images_shown > self.tick_images:
            self.write_tick()
        if self.trainer.images_shown > self.snapshot_images or self.snapshot_path is None:
            self.write_snapshot()
        self.writer.close()
