"""Project photos into a folder: latents, images, videos, tuned generators, a report.

    OUT/photo.npz, photo.png            the latent, and what it draws
    OUT/photo.pasted.png                the photo with its crop replaced
    OUT/photo.delta.safetensors         what tuning changed, with photo.delta.json (its header to
                                        read) and photo.tuned.png
    OUT/photo.mp4                       target and projection, step by step
    OUT/contact.png, report.json, report.txt
    OUT/.stylegen-unfinished/           states and a manifest, while the work goes on

A run that was stopped goes on where its states are, if the manifest is of the same run; they are
removed when the report is written. No other file is replaced unasked, and a photo never.

N photos, C channels, H height, W width.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylegen import configs
from stylegen.checkpoints import SUFFIX
from stylegen.editing.latents import SUFFIX as LATENTS_SUFFIX
from stylegen.editing.projection.config import ProjectionConfig, TuningConfig
from stylegen.editing.projection.delta import apply_delta, is_delta_of, save_delta
from stylegen.editing.projection.distances import Distance
from stylegen.editing.projection.photos import Photo, paste
from stylegen.editing.projection.projecting import Report, about_search, project
from stylegen.editing.projection.report import as_json, as_table, contact_sheet
from stylegen.editing.projection.results import Measures, Projection, measure
from stylegen.editing.projection.starting import image_key
from stylegen.editing.projection.states import forget, read_manifest, write_manifest
from stylegen.editing.projection.tuning import about_tuning, tune
from stylegen.editing.sampling import draw
from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.images import save_image
from stylegen.images.video import check_video, open_video
from stylegen.latents import class_index
from stylegen.networks import Generator

UNFINISHED = ".stylegen-unfinished"
SUMMARY = ("report.json", "report.txt", "contact.png")
VIDEO_FPS = 30
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to write beside latents, images and the report.

    Attributes:
        paste: the photos with their crops replaced.
        tuning: tune the generator to each photo, so.
        video: suffix of videos of the search: ".mp4", ".gif" or ".webp"; None: no videos.
    """

    paste: bool = False
    tuning: TuningConfig | None = None
    video: str | None = None

    def suffixes(self) -> list[str]:
        """Return what is appended to a photo's stem."""
        tuned = [f".delta{SUFFIX}", ".delta.json", ".tuned.png"] if self.tuning else []
        pasted = [".pasted.png"] if self.paste else []
        return [".png", LATENTS_SUFFIX, *pasted, *tuned, *([self.video] if self.video else [])]

    def files(self, stems: Sequence[str]) -> list[str]:
        """Return the names of all files that are written for photos of these stems."""
        return [*SUMMARY, *(f"{stem}{suffix}" for stem in stems for suffix in self.suffixes())]


def _check_names(out: Path, paths: Sequence[Path], names: Sequence[str]) -> None:
    """Refuse names that two files would have, and those of the photos themselves."""
    for path in paths:
        if path.stem in {Path(name).stem for name in SUMMARY}:
            raise InputError(f"{path} would be taken for {out}'s {path.stem}; rename it")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"two photos would both become {twice[0]}; rename one")
    photos = {path.resolve() for path in paths}
    for name in names:
        if (out / name).resolve() in photos:
            raise InputError(f"{out / name} is one of the photos; take another folder")


def prepare(out: Path, paths: Sequence[Path], wanted: Wanted, overwrite: bool) -> bool:
    """Make sure, before the work, that a folder can take what will be written.

    Args:
        out: the folder; may be missing.
        paths: the photos.
        wanted: what will be written.
        overwrite: replace what is there, and forget an unfinished run.

    Returns:
        Whether an unfinished run goes on.

    Raises:
        InputError: a file is there already, or is a photo; two files would have one name; an
            unfinished run writes other files; or a video cannot be made.
        OSError: an unfinished run cannot be removed.
    """
    names = wanted.files([path.stem for path in paths])
    _check_names(out, paths, names)
    if wanted.video:
        check_video(out / f"{paths[0].stem}{wanted.video}", VIDEO_FPS, overwrite=True)
    if overwrite:
        forget(out / UNFINISHED)
        return False
    manifest = read_manifest(out / UNFINISHED)
    if manifest is not None and manifest.get("files") != sorted(names):
        raise InputError(_other_run(out, "photos or files to write"))
    if manifest is None:
        for name in names:
            if (out / name).exists():
                raise InputError(f"{out / name} exists already; --overwrite replaces it")
    return manifest is not None


def _other_run(out: Path, what: str) -> str:
    return (
        f"{out / UNFINISHED} is of an unfinished run with other {what}; take those, another "
        "folder, or start anew with --overwrite"
    )


def _start(
    generator: Generator, photos: Sequence[Photo], distance: Distance, out: Path,
    config: ProjectionConfig, wanted: Wanted, class_name: str | int | None,
) -> bool:  # fmt: skip
    """Write the manifest, or find it the same; return whether an unfinished run goes on."""
    chosen = class_index(class_name, generator.config.c_dim, generator.class_names)
    images = sorted(f"{image_key(photo.target, 0):016x}" for photo in photos)
    about = {**about_search(generator, distance, config, chosen), "images": images}
    names = wanted.files([photo.path.stem for photo in photos])
    manifest = read_manifest(out / UNFINISHED)
    if manifest is None:
        write_manifest(out / UNFINISHED, about, names)
    elif (manifest.get("about"), manifest.get("files")) != (about, sorted(names)):
        raise InputError(_other_run(out, "settings or photos"))
    return manifest is not None


def _tuned_images(
    generator: Generator, found: Projection, distance: Distance, config: TuningConfig,
    paths: Sequence[Path], goes_on: bool, progress: Report | None,
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
    out: Path, photos: Sequence[Photo], found: Projection, best: Tensor, wanted: Wanted
) -> None:
    for i, photo in enumerate(photos):
        stem = photo.path.stem
        found.latents[i].save(out / f"{stem}{LATENTS_SUFFIX}")
        save_image(found.images[i], out / f"{stem}.png")
        if wanted.paste:
            save_image(paste(photo, best[i]), out / f"{stem}.pasted.png")
        if wanted.tuning:
            save_image(best[i], out / f"{stem}.tuned.png")


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
    progress: Callable[[str], Report] | None = None,
) -> dict[str, Any]:
    """Project photos and write everything into a folder.

    Args:
        generator: from :func:`stylegen.load`.
        photos: at least one, see :func:`~stylegen.editing.projection.photos.read_photo`.
        distance: to minimise.
        out: an existing folder, see :func:`prepare`.
        config: the recipe.
        wanted: what to write beside latents, images and the report.
        class_name: for conditional networks, see :func:`project`.
        others: further distances to report.
        progress: given a stage's name ("projecting" or "tuning"), returns who is told of it.

    Returns:
        The report, as in report.json.

    Raises:
        InputError: as :func:`project`; or an unfinished run has other settings or photos.
        OSError: a file cannot be written.
    """

    def told(stage: str) -> Report | None:
        return None if progress is None else progress(stage)

    goes_on = _start(generator, photos, distance, out, config, wanted, class_name)
    states, targets = out / UNFINISHED, torch.stack([photo.target for photo in photos])
    found = project(
        generator, targets, distance, config, sources=[photo.path.name for photo in photos],
        class_name=class_name, progress=told("projecting"), states=states, others=others,
    )  # fmt: skip
    stems, columns, more = [photo.path.stem for photo in photos], [found.images], {}
    tuned: tuple[Measures, ...] = ()
    if wanted.tuning:
        files = [out / f"{stem}.delta{SUFFIX}" for stem in stems]
        images, notes = _tuned_images(
            generator, found, distance, wanted.tuning, files, goes_on, told("tuning")
        )
        columns.append(images)
        tuned = measure(images, targets, distance, next(generator.parameters()).device, others)
        more = {"tuning": configs.to_dict(wanted.tuning), "deltas": notes}
    _write_images(out, photos, found, columns[-1], wanted)
    if wanted.video:
        for i, stem in enumerate(stems):
            _write_video(generator, found, i, out / f"{stem}{wanted.video}")
    save_image(contact_sheet(targets, columns), out / "contact.png")
    report = as_json(found, config, tuned, more)
    _write_text(out / "report.txt", as_table(report))
    _write_text(out / "report.json", json.dumps(report, indent=1) + "\n")
    forget(states)
    return report
