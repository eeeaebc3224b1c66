"""Which files a projection writes into its folder, and whether it may.

    OUT/photo.npz, photo.png            the latent, and what it draws
    OUT/photo.pasted.png                the photo with its crop replaced
    OUT/photo.delta.safetensors         what tuning changed, with photo.delta.json (its header to
                                        read) and photo.tuned.png
    OUT/photo.mp4                       target and projection, step by step
    OUT/contact.png, report.json, report.txt
    OUT/.stylegen-unfinished/           states and a manifest, while the work goes on

A run that was stopped goes on where its states are, if the manifest is of the same run. No other
file is replaced unasked, and a photo never.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegen.checkpoints import SUFFIX
from stylegen.editing.latents import SUFFIX as LATENTS_SUFFIX
from stylegen.editing.projection.config import TuningConfig
from stylegen.editing.projection.states import forget, read_manifest, write_manifest
from stylegen.errors import InputError
from stylegen.images.video import check_video

UNFINISHED = ".stylegen-unfinished"
SUMMARY = ("report.json", "report.txt", "contact.png")
VIDEO_FPS = 30


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


def start(out: Path, about: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Write the manifest, or find it the same; return whether an unfinished run goes on.

    Args:
        out: the folder.
        about: settings and images, plain values.
        names: of the files that will be written.

    Raises:
        InputError: an unfinished run is about something else.
        OSError: the folder cannot be written to.
    """
    manifest = read_manifest(out / UNFINISHED)
    if manifest is None:
        write_manifest(out / UNFINISHED, about, names)
    elif (manifest.get("about"), manifest.get("files")) != (dict(about), sorted(names)):
        raise InputError(_other_run(out, "settings or photos"))
    return manifest is not None
