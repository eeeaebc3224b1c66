"""Latents on the command line: seeds, latent files and photos, wherever a latent is wanted."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from stylegen.cli.options import Network, bar
from stylegen.editing.projection.config import DISTANCES, ProjectionConfig, Space
from stylegen.errors import InputError

if TYPE_CHECKING:
    from stylegen.editing.latents import Latents
    from stylegen.editing.sources import Source

SOURCES = "seeds, latent files (.npz) and photos, such as 85,0-3,w.npz,photo.jpg"

_Command = TypeVar("_Command", bound=Callable[..., Any])

_PHOTO_OPTIONS = (
    click.option(
        "--project-space", type=click.Choice(get_args(Space)), default=ProjectionConfig.space,
        show_default=True, help="Photos: one w for all layers, or w+, one for each.",
    ),
    click.option(
        "--project-steps", type=int, default=ProjectionConfig.steps, show_default=True,
        help="Photos: steps of the search for their latents.",
    ),
    click.option(
        "--distance", type=click.Choice(DISTANCES), default="discriminator", show_default=True,
        help="Photos, and constant speed: what compares images.",
    ),
    click.option(
        "--distance-weights", type=click.Path(path_type=Path), metavar="FILE",
        help="Photos: weights file of the distance, if it needs one.",
    ),
)  # fmt: skip

PHOTO_NAMES = ("project_space", "project_steps", "distance", "distance_weights")


def photo_options(command: _Command) -> _Command:
    """Add the options of photos that are taken as latents: --project-space and others.

    The command hands them to :func:`open_latents` by their names.
    """
    for option in reversed(_PHOTO_OPTIONS):
        command = option(command)
    return command


def source_stems(texts: "Sequence[Source | Sequence[Source]]") -> list[list[str]]:
    """Read sources before any work, and name files after them, each name once in its list.

    Args:
        texts: lists of sources, as users write them or read already.

    Returns:
        For each list, a name for each of its latents that can be part of a file's name: 85 for
        a seed, w for w.npz, photo for photo.jpg.

    Raises:
        InputError: a text cannot be read, or a file is missing or of another kind.
    """
    from stylegen.editing.sources import source_names

    return [unique_names([_stem(name) for name in source_names(text)]) for text in texts]


def _stem(name: str) -> str:
    """Take the suffix off, and turn what file names should not hold into dashes."""
    stem = re.sub(r"\.\w+(?=$|:\d+$)", "", name)
    return re.sub(r"[^\w.+-]+", "-", stem).strip(".-") or "latent"


def unique_names(stems: list[str]) -> list[str]:
    """Number names that came before: a, b, a becomes a, b, a-2."""
    names: dict[str, None] = {}
    numbers = dict.fromkeys(stems, 1)
    for stem in stems:
        name = stem
        while name in names:
            numbers[stem] += 1
            name = f"{stem}-{numbers[stem]}"
        names[name] = None
    return list(names)


def check_weights_use(
    texts: "Sequence[Source | Sequence[Source]]", weights: Path | None, measured: bool = False
) -> None:
    """Refuse weights of a distance that nothing is compared by.

    Args:
        texts: lists of sources.
        weights: what --distance-weights names.
        measured: the distance is used for something else than photos, too.

    Raises:
        InputError: there are weights, but neither photos nor another use.
    """
    from stylegen.editing.sources import flatten, is_photo

    photos = any(is_photo(source) for text in texts for source in flatten(text))
    if weights is not None and not (photos or measured):
        raise InputError(
            f"--distance-weights {weights} is for photos, but there is none among the sources"
        )


def check_photo_options(
    texts: "Sequence[Source | Sequence[Source]]",
    project_space: Space,
    project_steps: int,
    distance: str,
    distance_weights: Path | None,
    measured: bool = False,
) -> ProjectionConfig:
    """Return how photos are projected, before any work and even if there are none.

    Args:
        texts: lists of sources.
        project_space: as all up to distance_weights, see :func:`photo_options`.
        project_steps: likewise.
        distance: likewise.
        distance_weights: likewise.
        measured: the distance is used for something else, too.

    Raises:
        InputError: an option cannot be used.
    """
    check_weights_use(texts, distance_weights, measured)
    return ProjectionConfig(space=project_space, steps=project_steps, noise_maps="stored")


def _before_tuning(network: "Path | Network", generator: Any) -> Any:
    """Return what photos are projected with: of a tuned network, the one before."""
    from stylegen.checkpoints import load

    if not (isinstance(network, Network) and network.delta):
        return generator
    before = load(network.snapshot, next(generator.parameters()).device)
    before.set_precision(*generator.synthesis.precision)
    return before


def open_latents(
    network: "Path | Network",
    generator: Any,
    texts: "Sequence[Source | Sequence[Source]]",
    *,
    project_space: Space,
    project_steps: int,
    distance: str,
    distance_weights: Path | None,
    psi: float = 1.0,
    cutoff: int | None = None,
    class_name: str | None = None,
    measured: bool = False,
) -> "list[Latents]":
    """Turn lists of sources into latents; photos are projected, and kept beside the photos.

    With a tuned network, photos are projected with the one before: tuning was fitted around the
    latents that this one finds.

    Args:
        network: the snapshot, whose discriminator compares photos if it is asked to; and its delta.
        generator: from :func:`~stylegen.cli.options.load_network`.
        texts: lists of sources, as users write them or read already.
        project_space: as all up to distance_weights, see :func:`photo_options`.
        project_steps: likewise.
        distance: likewise.
        distance_weights: likewise.
        psi: truncation of all of them.
        cutoff: number of layers that it acts on; None: all.
        class_name: class of seeds and photos.
        measured: the distance is used for something else, too.

    Returns:
        The latents of each list.

    Raises:
        InputError: a source or an option cannot be used.
    """
    from stylegen.checkpoints.snapshot import load_discriminator
    from stylegen.editing.photos import photo_projector
    from stylegen.editing.sources import resolve_groups

    config = check_photo_options(
        texts, project_space, project_steps, distance, distance_weights, measured
    )
    device = next(generator.parameters()).device

    def project(paths: Sequence[Path]) -> "Latents":
        own = distance == "discriminator"
        with bar("projecting", "step") as progress:
            photos = photo_projector(
                _before_tuning(network, generator),
                load_discriminator(Path(network), device) if own else None, config=config,
                distance=distance, weights=distance_weights, class_name=class_name,
                progress=progress,
            )  # fmt: skip
            return photos(paths)

    return resolve_groups(
        generator, texts, psi=psi, cutoff=cutoff, class_name=class_name, photos=project
    )
