"""Adapt a snapshot's network into a new snapshot, at once or with interruptions.

    OUT.safetensors, OUT.json            the adapted network, as far as it came
    PREVIEW.png                          samples before and after
    .OUT.unfinished.safetensors, .json   while steps are missing: what to go on with

An adaptation that was stopped goes on where its state is, if that is of the same network, styles
and settings; only the number of steps may change. It replaces what it has written itself, and no
other file unasked. The state is removed when all steps are done.

N style images, C channels, H height, W width.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from stylegen import configs
from stylegen.checkpoints import SUFFIX, read_header, read_tensors, write_tensors
from stylegen.checkpoints.checksums import checksum
from stylegen.checkpoints.snapshot import load_discriminator
from stylegen.editing.adapting import Adapted, Progress, adapt
from stylegen.editing.latents import Latents
from stylegen.editing.lineage import Parent, check_snapshot_name, save_child
from stylegen.editing.restyle_config import AdaptConfig
from stylegen.editing.sources import Source
from stylegen.editing.styles import before_and_after, style_digests, style_images
from stylegen.errors import InputError
from stylegen.files import check_writable
from stylegen.images import check_image_name, save_image
from stylegen.networks import Discriminator

KIND = "stylegen adaptation"
PREVIEWED = range(8)  # seeds


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each result that is there."""
        return {path.name: _sha256(path) for path in self.results if path.exists()}

    def _refuse_state(self) -> None:
        if self.state.exists():
            raise InputError(
                f"{self.out} is unfinished: --resume goes on with it, --overwrite starts anew"
            )

    def check(self, resume: bool = False, overwrite: bool = False) -> bool:
        """Make sure, before the work, that everything can be written.

        Args:
            resume: go on with what is unfinished, if there is such a thing.
            overwrite: replace what is there; without ``resume``, forget what is unfinished.

        Returns:
            Whether an unfinished adaptation goes on.

        Raises:
            InputError: a name or folder does not do; a file exists that may not be replaced; or
                there is an unfinished adaptation, and neither was said.
        """
        check_snapshot_name(self.out)
        for path in (self.out, *([self.preview] if self.preview else [])):
            check_writable(path)
        if self.preview is not None:
            check_image_name(self.preview)
        goes_on = resume and self.state.exists()
        own = read_header(self.state, KIND).get("written", {}) if goes_on else {}
        if not overwrite:
            if not resume:
                self._refuse_state()
            for path in self.results:
                if path.exists() and own.get(path.name) != _sha256(path):
                    raise InputError(f"{path} exists already; --overwrite replaces it")
        elif not resume:
            self.forget()
        return goes_on

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
        return read_tensors(self.state)

    def keep(self, state: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
        """Write an unfinished adaptation, and which results it has written so far."""
        header = {"kind": KIND, "about": dict(about), "written": self.digests()}
        write_tensors(self.state, state, header)

    def forget(self) -> None:
        """Remove an unfinished adaptation.

        Raises:
            InputError: a file of that name is something else.
        """
        if self.state.exists():
            read_header(self.state, KIND)
            self.state.unlink()
            self.state.with_suffix(".json").unlink(missing_ok=True)


def _digest(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.cpu().contiguous().numpy().tobytes()).hexdigest()


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
        "codes": _digest(codes.w),
        "images": _digest(images),
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
    save_child(files.out, adapted.generator, [parent], "stylegen adapt", said)
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
    adapted = adapt(
        parent.generator, discriminator, codes, images, config,
        begun=files.load(about) if goes_on else None, keep=partial(files.keep, about=about),
        progress=progress, stopped=stopped,
    )  # fmt: skip
    if adapted.losses:
        said = {"styles": style_digests(styles), "settings": configs.to_dict(config)}
        _write(files, parent, adapted, said, images)
        if len(adapted.losses) < config.steps:
            files.keep(adapted.state, about)
        else:
            files.forget()
    return adapted
