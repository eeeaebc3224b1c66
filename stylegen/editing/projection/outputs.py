"""Which files a projection writes into its folder, and whether it may.

    OUT/photo.npz, photo.png            the latent, and what it draws
    OUT/photo.pasted.png                the photo with its crop replaced
    OUT/photo.delta.safetensors         what tuning changed, with photo.delta.json (its header to
                                        read) and photo.tuned.png
    OUT/photo.mp4                       target and projection, step by step
    OUT/contact.png, report.json, report.txt
    OUT/.stylegen-unfinished/           states and a manifest, while the work goes on

A run that was stopped goes on where its states are, if the manifest is of the same run. It replaces
what it has written itself, which it knows by digests, and no other file unasked; and a photo or the
network never.
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
from stylegen.files import file_digest, refuse_replacing
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
    """Refuse names that two files would have."""
    for path in paths:
        if path.stem in {Path(name).stem for name in SUMMARY}:
            raise InputError(f"{path} would be taken for {out}'s {path.stem}; rename it")
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"two photos would both become {twice[0]}; rename one")


def _refuse_existing(out: Path, names: Sequence[str], manifest: Mapping[str, Any] | None) -> None:
    """Refuse to replace files but those that an unfinished run has written."""
    written = {} if manifest is None else manifest.get("written", {})
    goes_on = "" if manifest is None else "; to go on with the unfinished run, move it away"
    for path in (out / name for name in names):
        if path.exists() and (path.is_dir() or written.get(path.name) != file_digest(path)):
            raise InputError(f"{path} exists already; --overwrite replaces it{goes_on}")


def prepare(
    out: Path, paths: Sequence[Path], wanted: Wanted, overwrite: bool, network: Path | None = None
) -> bool:
    """Make sure, before the work, that a folder can take what will be written.

    Args:
        out: the folder; may be missing.
        paths: the photos.
        wanted: what will be written.
        overwrite: replace what is there, and begin whatever is unfinished; :func:`start` forgets
            that.
        network: the snapshot, which is not replaced either.

    Returns:
        Whether an unfinished run goes on.

    Raises:
        InputError: a file is there already, or is a photo; two files would have one name; an
            unfinished run writes other files; or a video cannot be made.
    """
    names = wanted.files([path.stem for path in paths])
    _check_names(out, paths, names)
    read = dict.fromkeys(paths, "one of the photos")
    own = {} if network is None else {network: "the network itself"}
    refuse_replacing([out / name for name in names], {**read, **own})
    if wanted.video:
        check_video(out / f"{paths[0].stem}{wanted.video}", VIDEO_FPS, overwrite=True)
    manifest = read_manifest(out / UNFINISHED)
    if overwrite:
        return False
    if manifest is not None and manifest.get("files") != sorted(names):
        raise InputError(_other_run(out, "photos or files to write"))
    _refuse_existing(out, names, manifest)
    return manifest is not None


def _other_run(out: Path, what: str) -> str:
    return (
        f"{out / UNFINISHED} is of an unfinished run with other {what}; take those, another "
        "folder, or start anew with --overwrite"
    )


def start(out: Path, about: Mapping[str, Any], names: Sequence[str], anew: bool = False) -> bool:
    """Write the manifest, or find it the same; return whether an unfinished run goes on.

    Args:
        out: the folder.
        about: settings and images, plain values.
        names: of the files that will be written.
        anew: forget an unfinished run, whatever it is about.

    Raises:
        InputError: an unfinished run is about something else.
        OSError: the folder cannot be written to, or an unfinished run not be removed.
    """
    if anew:
        forget(out / UNFINISHED)
    manifest = read_manifest(out / UNFINISHED)
    if manifest is None:
        write_manifest(out / UNFINISHED, about, names)
    elif (manifest.get("about"), manifest.get("files")) != (dict(about), sorted(names)):
        raise InputError(_other_run(out, "settings or photos"))
    return manifest is not None
