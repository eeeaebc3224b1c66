"""The training loop: begin a run or go on with one, and when to stop.

A run is a folder (see :mod:`stylegen.training.folder`). :func:`train` begins one, :func:`resume`
goes on with one. Both are the same in each process that torchrun starts.
"""

import logging
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from stylegen.data import ImageSet, open_images
from stylegen.data.threads import Progress
from stylegen.devices import choose_precision, full_float32
from stylegen.errors import InputError
from stylegen.training.cautions import check_classes, check_schedule
from stylegen.training.changes import CHANGEABLE, with_changes
from stylegen.training.claiming import claimed
from stylegen.training.config import RunConfig
from stylegen.training.driver import Driver
from stylegen.training.finding import run_folder, state_of
from stylegen.training.folder import RunFolder, new_run_folder
from stylegen.training.outcomes import MakeMetric, Metric, Outcome, Report, Status
from stylegen.training.retention import try_write
from stylegen.training.run import Run, schedule_of
from stylegen.training.state import Saved, read_saved
from stylegen.training.words import kimg_words
from stylegen.training.world import World, world_of

_log = logging.getLogger(__name__)

__all__ = ["CHANGEABLE", "MakeMetric", "Metric", "Outcome", "Report", "Status", "resume", "train"]


def _check_images(config: RunConfig, size: tuple[int, int]) -> None:
    wanted = (config.generator.height, config.generator.width)
    if size != wanted:
        raise InputError(
            f"the images are read at {size[1]}x{size[0]} px, but the networks are for "
            f"{wanted[1]}x{wanted[0]} px"
        )


def train(
    config: RunConfig,
    out: str | Path,
    report: Report | None = None,
    progress: Progress | None = None,
    make_metric: MakeMetric | None = None,
    profile: int = 0,
) -> Outcome:
    """Begin a run and train it to its end.

    Args:
        config: all of it.
        out: the folder of all runs; the run gets the next free number in it.
        report: told after each step.
        progress: told (files decoded, files in all) while the images are read.
        make_metric: makes what measures the averaged generator, for ``config.loop.metrics``.
        profile: profile so many of the first steps into the run's folder.

    Returns:
        Where the run lies and how it ended. Ctrl-C and SIGTERM end it after a step, saved.

    Raises:
        InputError: the images or a setting cannot be used, or the training diverges again and
            again.
        OSError: a file cannot be written, or a full disk took nothing of the run's end.
    """
    with world_of(config.loop.device) as world, full_float32():
        images = open_images(config.data)
        _check_images(config, (images.height, images.width))
        check_classes(config, images)
        choose_precision(config.loop.precision, world.device)
        check_schedule(config, schedule_of(config, world))
        metric = None if make_metric is None else make_metric(config)
        run = Run(config, images, world, None, progress)
        with closing(run.feed):
            folder = RunFolder(world.first_says(str(_new_folder(config, out, world))))
            with claimed(folder.path, world):
                driver = Driver(run, folder, None, metric, profile)
                driver.begin()
                return driver.drive(report)


def _new_folder(config: RunConfig, out: str | Path, world: World) -> Path | str:
    if not world.is_first:
        return ""
    folder = new_run_folder(out, config.name)
    folder.write_config(config)
    return folder.path


def _moved(config: RunConfig, data: str | Path | None) -> RunConfig:
    """Return the configuration with the place where a run's images lie now; None: the old one.

    Raises:
        InputError: there is nothing at the old one.
    """
    if data is not None:
        return replace(config, data=replace(config.data, path=str(Path(data).resolve())))
    if not Path(config.data.path).exists():
        raise InputError(
            f"the run's images are no longer at {config.data.path}; if they have moved, say where "
            "they are with --data"
        )
    return config


def _open_again(config: RunConfig, digest: str, is_moved: bool) -> ImageSet:
    """Open a run's images, and compare them with those that it began with.

    Raises:
        InputError: they cannot be used, or they have moved and are others.
    """
    images = open_images(config.data)
    _check_images(config, (images.height, images.width))
    if images.digest != digest:
        if is_moved:
            raise InputError(
                f"the images at {config.data.path} are not those of this run: names or contents "
                "differ, or a zip has become a folder; begin a run on them, with --transfer to "
                "keep what was learned"
            )
        _log.warning("the images have changed since this run began")
    return images


def _as_it_stands(
    path: str | Path, data: str | Path | None, changes: dict[str, Any]
) -> tuple[RunFolder, RunConfig]:
    """Return the folder of the run that is meant, and its configuration from now on."""
    folder = run_folder(path)
    return folder, _moved(with_changes(folder.read_config(), changes), data)


def _note_changes(folder: RunFolder, config: RunConfig) -> None:
    """Write the configuration if it has changed; a full disk is warned of."""
    if folder.read_config() != config:
        write = partial(folder.change_config, config)
        try_write(write, folder.config.name, "the one without the changes", folder.path)


def _tell_earlier(saved: Saved, world: World) -> None:
    if world.is_first:
        kimg = kimg_words(saved.images_shown / 1000)
        _log.warning("going on from %s kimg, the state before the last one, which goes", kimg)


def resume(
    path: str | Path,
    report: Report | None = None,
    progress: Progress | None = None,
    make_metric: MakeMetric | None = None,
    profile: int = 0,
    data: str | Path | None = None,
    **changes: Any,
) -> Outcome:
    """Go on with a run, in its own folder.

    Args:
        path: the run's folder, or its newest snapshot, or training-state-earlier.safetensors in
            it, the state before the last one: what came after it is then done anew.
        report: told after each step.
        progress: told (files decoded, files in all) while the images are read.
        make_metric: makes what measures the averaged generator, for the run's metrics.
        profile: profile so many of the first steps into the run's folder.
        data: where the images lie now, if they have moved; None: where they lay.
        changes: what may differ from now on: see ``CHANGEABLE``.

    Returns:
        Where the run lies and how it ended.

    Raises:
        InputError: the folder is no run, another process trains in it, its state is damaged, or
            the images are gone, or others at the place they have moved to.
        OSError: a file cannot be written, or a full disk took nothing of the run's end.
    """
    folder, config = _as_it_stands(path, data, changes)
    with (
        world_of(config.loop.device) as world,
        full_float32(),
        claimed(folder.path, world),
    ):
        folder, config = _as_it_stands(path, data, changes)  # nobody else writes it any more
        saved = read_saved(state_of(path, folder))
        images = _open_again(config, saved.header["data_digest"], data is not None)
        metric = None if make_metric is None else make_metric(config)
        run = Run(config, images, world, saved, progress)
        with closing(run.feed):
            driver = Driver(run, folder, saved, metric, profile)
            if world.is_first:
                _note_changes(folder, config)
            if saved.path != folder.state:
                _tell_earlier(saved, world)
                driver.begin_again()
            return driver.drive(report)
