"""Project photos into a folder: latents, images, videos, tuned generators, a report.

Which files these are: :mod:`stylegen.editing.projection.outputs`. Latents are kept beside their
photos too, and those that are there are not searched for again
(:mod:`stylegen.editing.projection.keeping`).

N photos, C channels, H height, W width.
"""

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegen import configs
from stylegen.checkpoints import SUFFIX, read_info
from stylegen.editing.latents import SUFFIX as LATENTS_SUFFIX
from stylegen.editing.projection.config import ProjectionConfig, TuningConfig
from stylegen.editing.projection.delta import apply_delta, is_delta_of, save_delta
from stylegen.editing.projection.distances import Distance
from stylegen.editing.projection.keeping import about_latents, find_kept, keep
from stylegen.editing.projection.outputs import UNFINISHED, VIDEO_FPS, Wanted, start
from stylegen.editing.projection.photos import Photo, parse_crop, paste, read_photo
from stylegen.editing.projection.projecting import Report, about_search, project
from stylegen.editing.projection.report import as_json, as_table, contact_sheet
from stylegen.editing.projection.results import Measures, Projection, measure
from stylegen.editing.projection.starting import image_key
from stylegen.editing.projection.states import forget, note_written
from stylegen.editing.projection.tuning import about_tuning, tune
from stylegen.editing.sampling import draw
from stylegen.files import atomic_path
from stylegen.images import save_image
from stylegen.images.video import open_video
from stylegen.latents import class_index
from stylegen.networks import Generator

Stages = Callable[[str], Report]
Wrote = Callable[..., None]  # is told which files have been written
_log = logging.getLogger(__name__)


def read_all(paths: Sequence[Path], network: Path, crop: str | None = None) -> list[Photo]:
    """Read photos for a snapshot's network, before that is loaded.

    Args:
        paths: the photos.
        network: the snapshot.
        crop: of all of them, see :func:`~stylegen.editing.projection.photos.parse_crop`; None: all
            of each.

    Raises:
        InputError: a photo, the snapshot or the crop cannot be read.
    """
    box = None if crop is None else parse_crop(crop)
    shape = read_info(network).generator
    return [read_photo(path, shape, box) for path in paths]


def _search(
    generator: Generator, photos: Sequence[Photo], distance: Distance, config: ProjectionConfig,
    states: Path, class_name: str | int | None, others: Sequence[Distance], told: Report | None,
) -> Projection:  # fmt: skip
    """Project photos whose latents are not kept beside them, and keep those that are found."""
    chosen = class_index(class_name, generator.config.c_dim, generator.class_names)
    abouts = [about_latents(generator, distance, config, chosen, photo.crop) for photo in photos]
    pairs = list(zip(photos, abouts, strict=True))
    kept = [find_kept(photo.path, photo.target, about) for photo, about in pairs]
    found = project(
        generator, torch.stack([photo.target for photo in photos]), distance, config,
        sources=[photo.path.name for photo in photos], class_name=class_name, progress=told,
        states=states, known=kept if config.takes_known else (), others=others,
    )  # fmt: skip
    for i, (photo, about) in enumerate(pairs):
        if kept[i] is None:
            keep(photo.path, photo.target, about, found.as_known(i))
    return found


def _tuned_images(
    generator: Generator, found: Projection, distance: Distance, config: TuningConfig,
    paths: Sequence[Path], goes_on: bool, progress: Report | None, wrote: Wrote,
) -> tuple[Tensor, list[dict[str, Any]]]:  # fmt: skip
    """Tune to each photo by itself and draw it as its file does.

    In a run that goes on, deltas of the same code, target, distance and settings are kept.
    """
    images: list[Tensor] = []
    notes: list[dict[str, Any]] = []
    for i, path in enumerate(paths):
        latents, target = found.latents[i], found.targets[i : i + 1]
        about = about_tuning(latents, target, distance, config)
        if goes_on and is_delta_of(path, generator, about):
            _log.info("%s is there already", path)
            notes.append({})
        else:
            tuning = tune(generator, latents, target, distance, config, progress)
            info = save_delta(path, generator, tuning.generator, latents, target, about=about)
            wrote(path, path.with_suffix(".json"))
            seconds = round(tuning.seconds, 2)
            notes.append({**configs.to_dict(info), "step": tuning.step, "seconds": seconds})
        device = next(generator.parameters()).device
        images.append(draw(apply_delta(generator, path), latents.w.to(device)))
    return torch.cat(images), notes


def _write_video(generator: Generator, found: Projection, i: int, path: Path) -> None:
    """Write target and projection side by side, step by step."""
    device = next(generator.parameters()).device
    with open_video(path, VIDEO_FPS) as video:
        for w in found.trace[i]:
            image = draw(generator, w[None].to(device))[0]
            video.add(torch.cat([found.targets[i], image], dim=2))


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _write_images(
    out: Path,
    photos: Sequence[Photo],
    found: Projection,
    best: Tensor,
    wanted: Wanted,
    wrote: Wrote,
) -> None:
    for i, photo in enumerate(photos):
        stem = photo.path.stem
        found.latents[i].save(out / f"{stem}{LATENTS_SUFFIX}")
        wrote(out / f"{stem}{LATENTS_SUFFIX}")
        images: dict[str, Any] = {".png": found.images[i]}
        if wanted.paste:
            images[".pasted.png"] = paste(photo, best[i])
        if wanted.tuning:
            images[".tuned.png"] = best[i]
        for suffix, image in images.items():
            save_image(image, out / f"{stem}{suffix}")
            wrote(out / f"{stem}{suffix}")


def _write_report(out: Path, report: dict[str, Any], sheet: Tensor, wrote: Wrote) -> None:
    save_image(sheet, out / "contact.png")
    wrote(out / "contact.png")
    texts = {"txt": as_table(report), "json": json.dumps(report, indent=1) + "\n"}
    for suffix, text in texts.items():
        _write_text(out / f"report.{suffix}", text)
        wrote(out / f"report.{suffix}")


def _tune_all(
    generator: Generator, found: Projection, distance: Distance, config: TuningConfig,
    files: Sequence[Path], goes_on: bool, others: Sequence[Distance], progress: Report | None,
    wrote: Wrote,
) -> tuple[Tensor, tuple[Measures, ...], dict[str, Any]]:  # fmt: skip
    """Tune to all photos; return images, their measures, and what the report says of it."""
    images, notes = _tuned_images(
        generator, found, distance, config, files, goes_on, progress, wrote
    )
    device = next(generator.parameters()).device
    measures = measure(images, found.targets, distance, device, others)
    return images, measures, {"tuning": configs.to_dict(config), "deltas": notes}


def _begin(
    generator: Generator, photos: Sequence[Photo], distance: Distance, out: Path,
    config: ProjectionConfig, wanted: Wanted, class_name: str | int | None, anew: bool,
) -> bool:  # fmt: skip
    """Begin a run or go on with the same one; return whether it goes on."""
    chosen = class_index(class_name, generator.config.c_dim, generator.class_names)
    images = sorted(f"{image_key(photo.target, 0):016x}" for photo in photos)
    about = {**about_search(generator, distance, config, chosen), "images": images}
    return start(out, about, wanted.files([photo.path.stem for photo in photos]), anew)


def project_photos(
    generator: Generator,
    photos: Sequence[Photo],
    distance: Distance,
    out: Path,
    config: ProjectionConfig,
    wanted: Wanted,
    *,
    class_name: str | int | None = None,
    others: Sequence[Distance] = (),
    anew: bool = False,
    progress: Stages | None = None,
) -> dict[str, Any]:
    """Project photos and write everything into a folder.

    Args:
        generator: from :func:`stylegen.load`.
        photos: at least one, see :func:`~stylegen.editing.projection.photos.read_photo`.
        distance: to minimise.
        out: an existing folder, see :func:`~stylegen.editing.projection.outputs.prepare`.
        config: the recipe.
        wanted: what to write beside latents, images and the report.
        class_name: for conditional networks, see
            :func:`~stylegen.editing.projection.projecting.project`.
        others: further distances to report.
        anew: forget an unfinished run first.
        progress: given a stage's name ("projecting" or "tuning"), returns who is told of it.

    Returns:
        The report, as in report.json.

    Raises:
        InputError: as :func:`~stylegen.editing.projection.projecting.project`; or an unfinished
            run has other settings or photos.
        OSError: a file cannot be written.
    """

    def told(stage: str) -> Report | None:
        return None if progress is None else progress(stage)

    goes_on = _begin(generator, photos, distance, out, config, wanted, class_name, anew)
    wrote = partial(note_written, out / UNFINISHED)
    states, stems = out / UNFINISHED, [photo.path.stem for photo in photos]
    found = _search(
        generator, photos, distance, config, states, class_name, others, told("projecting")
    )
    columns, more = [found.images], dict[str, Any]()
    tuned: tuple[Measures, ...] = ()
    if wanted.tuning:
        files = [out / f"{stem}.delta{SUFFIX}" for stem in stems]
        images, tuned, more = _tune_all(
            generator, found, distance, wanted.tuning, files, goes_on, others, told("tuning"),
            wrote,
        )  # fmt: skip
        columns.append(images)
    _write_images(out, photos, found, columns[-1], wanted, wrote)
    for i, stem in enumerate(stems if wanted.video else []):
        _write_video(generator, found, i, out / f"{stem}{wanted.video}")
        wrote(out / f"{stem}{wanted.video}")
    report = as_json(found, config, tuned, more)
    _write_report(out, report, contact_sheet(found.targets, columns), wrote)
    forget(states)
    return report
