"""Adapt a snapshot's network into a new snapshot, at once or with interruptions.

    OUT.safetensors, OUT.json            the adapted network, as far as it came
    PREVIEW.png                          samples before and after
    .OUT.unfinished.safetensors, .json   while steps are missing: what to go on with

An adaptation that was stopped goes on where its state is, if that is of the same network, styles
and settings; only the number of steps may change. It replaces what it has written itself, which it
knows by digests, and no other file unasked. The state is removed when all steps are done, or when
the first step of another adaptation is.

N style images, C channels, H height, W width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from stylegen import configs
from stylegen.checkpoints import SUFFIX, read_header, read_info, read_tensors, write_tensors
from stylegen.checkpoints.checksums import checksum, tensor_digest, verify_checksum
from stylegen.checkpoints.files import DamagedError
from stylegen.checkpoints.snapshot import load_discriminator
from stylegen.editing.adapting import Adapted, Progress, adapt
from stylegen.editing.latents import Latents
from stylegen.editing.lineage import Parent, check_snapshot_name, save_child
from stylegen.editing.restyle_config import AdaptConfig
from stylegen.editing.sources import Source
from stylegen.editing.styles import before_and_after, style_digests, style_images
from stylegen.errors import InputError
from stylegen.files import check_writable, file_digest
from stylegen.images import check_image_name, save_image
from stylegen.networks import Discriminator

KIND = "stylegen adaptation"
MADE_BY = "stylegen adapt"
PREVIEWED = range(8)  # seeds


@dataclass(frozen=True, kw_only=True)
class AdaptFiles:
    """The files of an adaptation.

    Attributes:
        out: the new snapshot.
        preview: a picture of samples before and after; None: no picture.
    """

    out: Path
    preview: Path | None = None

    @property
    def state(self) -> Path:
        """What an unfinished adaptation goes on with."""
        return self.out.with_name(f".{self.out.stem}.unfinished{SUFFIX}")

    @property
    def results(self) -> list[Path]:
        """What is written for the user."""
        preview = [] if self.preview is None else [self.preview]
        return [self.out, self.out.with_suffix(".json"), *preview]

    @property
    def paths(self) -> list[Path]:
        """All files that may be written."""
        return [*self.results, self.state, self.state.with_suffix(".json")]

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each result, when all have been written."""
        return {path.name: file_digest(path) for path in self.results}

    def written(self) -> dict[str, str]:
        """Return the SHA-256 of what an unfinished adaptation has written by now, by names."""
        return dict(read_header(self.state, KIND).get("written", {}))

    def _damaged(self, error: Exception) -> InputError:
        return InputError(
            f"{self.state} is damaged ({error}); move it away, then start anew, which --overwrite "
            "without --resume does at once"
        )

    def _is_unfinished(self, anew: bool) -> bool:
        """Tell whether there is a state; refuse what is none, and a damaged one unless ``anew``."""
        if not self.state.exists():
            return False
        try:
            read_header(self.state, KIND)
        except DamagedError as error:
            if not anew:
                raise self._damaged(error) from error
        except InputError as error:
            raise InputError(f"{error}; move it away") from error
        return True

    def _refuse_finished(self) -> None:
        """Say so if the new snapshot is there with all its steps."""
        try:
            said = read_info(self.out).provenance
        except InputError:
            return
        steps, settings = said.get("steps"), said.get("settings", {})
        if said.get("made_by") == MADE_BY and steps == settings.get("steps"):
            raise InputError(
                f"{self.out} is finished with {steps} steps, there is nothing to go on with; "
                "--overwrite makes it anew"
            )

    def _refuse_existing(self, written: Mapping[str, str]) -> None:
        for path in self.results:
            if path.exists() and written.get(path.name) != file_digest(path):
                raise InputError(f"{path} exists already; --overwrite replaces it")

    def check(self, resume: bool = False, overwrite: bool = False) -> bool:
        """Make sure, before the work, that everything can be written.

        Args:
            resume: go on with what is unfinished, if there is such a thing.
            overwrite: replace what is there; without ``resume``, begin whatever is unfinished.

        Returns:
            Whether an unfinished adaptation goes on.

        Raises:
            InputError: a name or folder does not do; a file exists that may not be replaced; there
                is an unfinished adaptation, and neither was said; or it is damaged; or there is
                nothing to go on with, since all is done.
        """
        check_snapshot_name(self.out)
        for path in (self.out, *([self.preview] if self.preview else [])):
            check_writable(path, parents=True)
        if self.preview is not None:
            check_image_name(self.preview)
        unfinished = self._is_unfinished(anew=overwrite and not resume)
        if overwrite:
            return unfinished and resume
        if unfinished and not resume:
            raise InputError(
                f"{self.out} is unfinished: --resume goes on with it, --overwrite starts anew"
            )
        if resume and not unfinished:
            self._refuse_finished()
        self._refuse_existing(self.written() if unfinished else {})
        return unfinished

    def load(self, about: Mapping[str, Any]) -> dict[str, Tensor]:
        """Read an unfinished adaptation.

        Raises:
            InputError: it is damaged, or of another network, styles or settings.
        """
        if read_header(self.state, KIND).get("about") != about:
            raise InputError(
                f"{self.state} is of an adaptation of another network, or with other styles or "
                "settings; take those, or start anew with --overwrite and without --resume"
            )
        try:
            verify_checksum(self.state)
        except InputError as error:
            raise self._damaged(error) from error
        return read_tensors(self.state)

    def keep(
        self, state: Mapping[str, Tensor], about: Mapping[str, Any], written: Mapping[str, str]
    ) -> None:
        """Write an unfinished adaptation.

        Args:
            state: of :func:`~stylegen.editing.adapting.adapt`.
            about: see :func:`about_adaptation`.
            written: SHA-256 of each file that it has written for the user so far, by names.
        """
        header = {"kind": KIND, "about": dict(about), "written": dict(written)}
        write_tensors(self.state, state, header)

    def forget(self) -> None:
        """Remove an unfinished adaptation.

        Raises:
            InputError: a file of that name is something else.
        """
        if self._is_unfinished(anew=True):
            self.state.unlink()
            self.state.with_suffix(".json").unlink(missing_ok=True)


def about_adaptation(
    parent: Parent,
    discriminator: Discriminator,
    codes: Latents,
    images: Tensor,
    config: AdaptConfig,
) -> dict[str, Any]:
    """Return what an adaptation depends on but for its number of steps, as plain values.

    Args:
        parent: the network before.
        discriminator: its snapshot's.
        codes: N latents of the styles.
        images: (N, C, H, W) uint8, the styles.
        config: the recipe.
    """
    settings = configs.to_dict(config)
    del settings["steps"]
    state = discriminator.state_dict()
    return {
        "network": parent.digest,
        "discriminator": checksum(state, state.__getitem__, ""),
        "codes": tensor_digest(codes.w),
        "images": tensor_digest(images),
        "settings": settings,
    }


def _write(
    files: AdaptFiles, parent: Parent, adapted: Adapted, said: Mapping[str, Any], images: Tensor
) -> None:
    said = {
        **said,
        "layers": list(adapted.layers),
        "steps": len(adapted.losses),
        "loss": adapted.losses[-1],
    }
    save_child(files.out, adapted.generator, [parent], MADE_BY, said)
    if files.preview is not None:
        sheet = before_and_after(parent.generator, adapted.generator, images, PREVIEWED)
        save_image(sheet, files.preview)


def adapt_snapshot(
    parent: Parent,
    styles: Source | Sequence[Source],
    codes: Latents,
    config: AdaptConfig,
    files: AdaptFiles,
    *,
    class_name: str | int | None = None,
    goes_on: bool = False,
    progress: Progress | None = None,
    stopped: Callable[[], bool] | None = None,
) -> Adapted:
    """Adapt a snapshot's network to styles, and write what becomes of it.

    Args:
        parent: the snapshot.
        styles: N sources, see :func:`~stylegen.editing.styles.style_images`.
        codes: their N latents.
        config: the recipe.
        files: what to write, see :meth:`AdaptFiles.check`.
        class_name: of seeds among the styles.
        goes_on: go on with what is unfinished.
        progress: see :func:`~stylegen.editing.adapting.adapt`.
        stopped: likewise; what is done by then is written, and can be gone on with.

    Returns:
        The adapted network; without losses, nothing was done or written.

    Raises:
        InputError: see :func:`~stylegen.editing.adapting.adapt` and :meth:`AdaptFiles.load`.
        OSError: a file cannot be written.
    """
    images = style_images(parent.generator, styles, class_name)
    device = next(parent.generator.parameters()).device
    discriminator = load_discriminator(parent.path, device)
    about = about_adaptation(parent, discriminator, codes, images, config)
    earlier = files.written() if goes_on else {}

    def told(done: int, total: int, loss: float) -> None:
        if done == 1:  # of a new one
            files.forget()
        if progress is not None:
            progress(done, total, loss)

    adapted = adapt(
        parent.generator, discriminator, codes, images, config,
        begun=files.load(about) if goes_on else None,
        keep=partial(files.keep, about=about, written=earlier), progress=told, stopped=stopped,
    )  # fmt: skip
    if adapted.losses:
        said = {"styles": style_digests(styles), "settings": configs.to_dict(config)}
        _write(files, parent, adapted, said, images)
        if len(adapted.losses) < config.steps:
            files.keep(adapted.state, about, {**earlier, **files.digests()})
        else:
            files.forget()
    return adapted
