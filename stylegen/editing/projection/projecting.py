"""Project images: find the latents that draw them.

Images are searched for in groups; no image's result depends on which others are projected with it.

N images, C channels, H height, W width, L number of layers that take a w, D width of w.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegen import configs
from stylegen.devices import full_float32, precision_name
from stylegen.editing.latents import Latents, latents_digest, network_digest
from stylegen.editing.projection.config import ProjectionConfig
from stylegen.editing.projection.distances import PIXEL_WEIGHT, Distance
from stylegen.editing.projection.results import Projection, measure
from stylegen.editing.projection.searching import Rows, Search
from stylegen.editing.projection.starting import Beginning, begin, image_key
from stylegen.editing.projection.states import Known, Progress, StateFolder
from stylegen.editing.sampling import GROUP, draw
from stylegen.errors import InputError
from stylegen.images import to_uint8
from stylegen.latents import class_index
from stylegen.networks import Generator

# Told after each step: steps done and steps in all, over all images, and the mean distance.
Report = Callable[[int, int, float], None]
_SAVE_EVERY_SEC = 15.0


def _check(generator: Generator, images: Tensor, sources: Sequence[str] | None) -> tuple[str, ...]:
    config = generator.config
    wanted = (config.img_channels, config.height, config.width)
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] != wanted:
        raise InputError(
            f"this network's images are uint8 (N, {', '.join(map(str, wanted))}); images to "
            f"project came as {images.dtype} {tuple(images.shape)}"
        )
    if not len(images):
        raise InputError("no images were given; wanted at least one to project")
    names = tuple(f"image {i}" for i in range(len(images))) if sources is None else tuple(sources)
    if len(names) != len(images):
        raise InputError(f"{len(images)} images were given, but {len(names)} sources")
    return names


def _check_known(
    generator: Generator, config: ProjectionConfig, known: Sequence[Known | None], count: int
) -> None:
    if known and len(known) != count:
        raise InputError(f"{count} images were given, but {len(known)} known latents or None")
    some = [one for one in known if one is not None]
    if some and not config.takes_known:
        raise InputError("known latents have no codes along the way and no noise maps of their own")
    for one in some:
        one.latents.check(generator, latents_digest(generator))


def about_search(
    generator: Generator, distance: Distance, config: ProjectionConfig, chosen: int | None
) -> dict[str, Any]:
    """Return what a state must agree in for a search to go on with it; how many go together not."""
    settings = configs.to_dict(config)
    del settings["group"]
    dtype, low_resolutions = generator.synthesis.precision
    return {
        "config": settings,
        "network": network_digest(generator),
        "precision": [precision_name(dtype), low_resolutions],
        "distance": [distance.name, distance.digest, PIXEL_WEIGHT],
        "class": chosen,
    }


class _Run:
    """A projection in progress."""

    def __init__(
        self,
        generator: Generator,
        distance: Distance,
        config: ProjectionConfig,
        beginning: Beginning,
        targets: Tensor,
        states: StateFolder | None,
        known: Sequence[Known | None],
        progress: Report | None,
    ) -> None:
        self.generator, self.distance, self.config = generator, distance, config
        self.beginning, self.targets, self.progress = beginning, targets.cpu(), progress
        self.states = states
        self.names = [f"{image_key(target, 0):016x}" for target in self.targets]
        fresh = (Progress() for _ in self.names)
        self.images = list(fresh if states is None else map(states.load, self.names))
        device = beginning.mean.device
        self.group = config.group or (1 if device.type == "cpu" else GROUP)
        self.known = [one is not None and self.images[i].step == 0 for i, one in enumerate(known)]
        for i, one in enumerate(known):
            if one is not None and self.known[i]:
                self.images[i] = self._begin_behind(i, one)

    def _begin_behind(self, i: int, known: Known) -> Progress:
        """Return the state behind the search for an image's code, which is known."""
        w = known.latents.w.to(self.beginning.mean.device)
        rows = self.search([i]).at(w[:, :1] if self.config.space == "w" else w)
        rows["best.loss"] = torch.zeros_like(rows["best.loss"])  # nothing is compared with it
        rows["best.step"] = torch.full_like(rows["best.step"], float(known.step))
        own = {name: value.cpu() for name, value in rows.items()}
        return Progress(rows=own, step=self.config.steps, seconds=known.seconds)

    def groups(self) -> Iterator[list[int]]:
        """Yield the images that are not finished, in groups that are equally far."""
        waiting = [i for i, p in enumerate(self.images) if p.step < self.config.total_steps]
        waiting.sort(key=lambda i: self.images[i].step)
        for _, same in itertools.groupby(waiting, key=lambda i: self.images[i].step):
            members = list(same)
            for first in range(0, len(members), self.group):
                yield members[first : first + self.group]

    def search(self, members: list[int]) -> Search:
        """Prepare the search of a group, filled up by repeating its last image."""
        filled = members + members[-1:] * (self.group - len(members))
        return Search(
            self.generator, self.distance, self.config, self.beginning, self.targets[filled]
        )

    def _rows(self, search: Search, members: list[int]) -> Rows:
        """Return a group's state; behind the search, some images still have its moments."""
        if self.images[members[0]].step == 0:
            return search.begin()
        filled = members + members[-1:] * (self.group - len(members))
        each, device = [self.images[i].rows for i in filled], self.beginning.mean.device
        names = [name for name in each[0] if all(name in rows for rows in each)]
        return {name: torch.cat([rows[name] for rows in each]).to(device) for name in names}

    def _note(self, members: list[int], rows: Rows, step: int, seconds: float) -> None:
        """Keep a group's state, and write it; of a finished image, only what is best."""
        if step == self.config.total_steps:
            rows = {k: v for k, v in rows.items() if k.startswith("best.") or k == "trace"}
        for place, i in enumerate(members):
            own = {name: value[place : place + 1].cpu().clone() for name, value in rows.items()}
            share = self.images[i].seconds + seconds / len(members)
            self.images[i] = Progress(rows=own, step=step, seconds=share)
            if self.states is not None:
                self.states.save(self.names[i], own, step, share)

    def _tell(self, members: list[int], step: int, distances: Tensor) -> None:
        if self.progress is not None:
            others = sum(p.step for i, p in enumerate(self.images) if i not in members)
            done = others + (step + 1) * len(members)
            total = self.config.total_steps * len(self.images)
            self.progress(done, total, distances[: len(members)].mean().item())

    def run(self, members: list[int]) -> None:
        """Search for a group to the end, keeping its state from time to time."""
        search, first = self.search(members), self.images[members[0]].step
        rows, total = self._rows(search, members), self.config.total_steps
        started = time.monotonic()
        for step in range(first, total):
            rows, distances = search.step(rows, step)
            self._tell(members, step, distances)
            seconds = time.monotonic() - started
            due = self.states is not None and seconds > _SAVE_EVERY_SEC
            if due or step + 1 == total:
                self._note(members, rows, step + 1, seconds)
                started = time.monotonic()

    def with_maps(self) -> Tensor:
        """Draw all images with their maps, (N, C, H, W) uint8 on the CPU."""
        drawn = []
        for i in range(len(self.images)):
            filled = [i] * self.group
            search = self.search(filled)
            rows = {k: v.to(search.device) for k, v in self.images[i].rows.items()}
            rows = {k: v.expand(self.group, *v.shape[1:]) for k, v in rows.items()}
            drawn.append(to_uint8(search.with_maps(rows))[:1].cpu())
        return torch.cat(drawn)

    def finished(self, name: str) -> Tensor:
        """Return a tensor of all images' states, N rows."""
        return torch.cat([image.rows[name] for image in self.images])


def _result(run: _Run, names: tuple[str, ...], others: Sequence[Distance]) -> Projection:
    generator, targets, device = run.generator, run.targets, run.beginning.mean.device
    if not math.isfinite(run.finished("best.loss").max().item()):
        raise InputError("the distance was never a finite number; take another precision, or lr")
    num_ws = generator.config.num_ws
    w = run.finished("best.code").expand(-1, num_ws, -1).contiguous()
    images, with_maps = draw(generator, w.to(device)), run.with_maps()
    return Projection(
        latents=Latents(w=w, sources=names, network=latents_digest(generator)),
        targets=targets,
        images=images,
        with_maps=with_maps,
        measures=measure(images, targets, run.distance, device, others),
        measures_with_maps=measure(with_maps, targets, run.distance, device, others),
        distance=run.distance.name,
        steps=tuple(int(step) for step in run.finished("best.step")),
        seconds=tuple(image.seconds for image in run.images),
        trace=run.finished("trace").expand(-1, -1, num_ws, -1).contiguous(),
        known=tuple(run.known),
    )


@full_float32()
def project(
    generator: Generator,
    images: Tensor,
    distance: Distance,
    config: ProjectionConfig = ProjectionConfig(),  # noqa: B008  # frozen
    *,
    sources: Sequence[str] | None = None,
    class_name: str | int | None = None,
    progress: Report | None = None,
    states: Path | None = None,
    known: Sequence[Known | None] = (),
    others: Sequence[Distance] = (),
) -> Projection:
    """Find the latents that draw images.

    Args:
        generator: from :func:`stylegen.load`.
        images: (N, C, H, W) uint8, of the network's shape.
        distance: from :func:`~stylegen.editing.projection.opening.open_distance`.
        config: the recipe.
        sources: N names for people; None: image 0, image 1, ...
        class_name: for conditional networks: begin among this class; None: among all.
        progress: told after each step: steps done, steps in all, the mean distance.
        states: folder in which unfinished searches are kept; one that was stopped goes on, and
            images finished in it are not searched for again. The caller removes it.
        known: N latents that are not searched for again, or None for those that are; noise maps
            are still fitted to them. Empty: none is known.
        others: further distances to report.

    Returns:
        Codes, images and how near they come.

    Raises:
        InputError: the images are of another shape than the network's, there is no such class, or
            the states are of other settings; or more of the search is wanted than known latents
            give.
        OSError: the states cannot be written.
    """
    names = _check(generator, images, sources)
    chosen = class_index(class_name, generator.config.c_dim, generator.class_names)
    about = about_search(generator, distance, config, chosen) if states is not None else {}
    folder = None if states is None else StateFolder(states, about)
    _check_known(generator, config, known, len(names))
    beginning = begin(generator, config, class_name)
    found = list(known) or [None] * len(names)
    run = _Run(generator, distance, config, beginning, images, folder, found, progress)
    for members in run.groups():
        run.run(members)
    return _result(run, names, others)
