"""Latents of whatever people name: seeds, latent files, photos.

A seed is mapped, a latent file (.npz) is read, and any other file is a photo, which is projected
into the network's latents first (:mod:`stylegen.editing.photos`). Truncation acts on all alike.

N latents, L number of layers that take a w, D width of w.
"""

import logging
import numbers
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stylegen.editing.latents import SHOWN_DIGITS, SUFFIX, Latents, file_sources, latents_digest
from stylegen.editing.photos import check_photo
from stylegen.editing.photos import photo_projector as photo_projector
from stylegen.editing.sampling import seeds_to_ws
from stylegen.errors import InputError
from stylegen.latents import class_index, parse_seeds
from stylegen.networks import Generator

Source = int | str | Path | Latents
PhotoProjector = Callable[[Sequence[Path]], Latents]

_log = logging.getLogger(__name__)
_MOST_COMMAS = 8  # in the name of a file within a list
_SEEDS = re.compile(r"\s*\d+(\s*-\s*\d+)?\s*")
_WANTED = f"wanted seeds such as 85 or 0-3, latent files (*{SUFFIX}) or photos"


def _parts(text: str) -> Iterator[str]:
    """Part a text at its commas, but for those within names of files that exist."""
    words, first = text.split(","), 0
    while first < len(words):
        last = first + 1
        for end in range(min(len(words), first + _MOST_COMMAS + 1), first + 1, -1):
            seed = _SEEDS.fullmatch(words[end - 1])  # a list of seeds looks for no file
            if not seed and os.path.isfile(",".join(words[first:end]).strip()):
                last = end
                break
        yield ",".join(words[first:last])
        first = last


def parse_sources(text: str) -> list[int | Path]:
    """Read "0-3,85,photo.jpg,w.npz" as seeds and files.

    Args:
        text: comma-separated seeds, ranges of them (both ends included), and names of files; a
            file whose name looks like a seed is written ./85, and one with commas is found where
            it exists.

    Returns:
        Seeds and paths, in the order given; files need not exist.

    Raises:
        InputError: a part is empty, a range runs backwards, or a seed is above 2**32 - 1.
    """
    sources: list[int | Path] = []
    for part in _parts(text):
        if not part.strip():
            raise InputError(f"{text!r} is no list of sources: {_WANTED}, separated by commas")
        sources += parse_seeds(part) if _SEEDS.fullmatch(part) else [Path(part.strip())]
    return sources


def flatten(sources: Source | Sequence[Source]) -> list[int | Path | Latents]:
    """Return sources as seeds, paths and latents; texts are read by :func:`parse_sources`."""
    if isinstance(sources, str):
        return list(parse_sources(sources))
    if isinstance(sources, numbers.Integral):
        return [int(sources)]
    if isinstance(sources, Path | Latents):
        return [sources]
    assert not isinstance(sources, int)  # an Integral, which mypy does not know
    return [one for source in sources for one in flatten(source)]


def is_photo(source: int | Path | Latents) -> bool:
    """Tell whether a source is to be projected."""
    return isinstance(source, Path) and source.suffix.lower() != SUFFIX


def _names_of(source: int | Path | Latents) -> Sequence[str]:
    if isinstance(source, int):
        return [str(source)]
    if isinstance(source, Latents):
        return source.sources
    if not source.exists():
        raise InputError(f"{source} does not exist; {_WANTED}")
    if is_photo(source):
        check_photo(source)
        return [source.name]
    return file_sources(source, len(Latents.load(source)))


def source_names(sources: Source | Sequence[Source]) -> list[str]:
    """Name each latent that :func:`resolve` will give, without a network: 85, w.npz, photo.jpg.

    Files are looked into, so that a mistake shows before any work.

    Raises:
        InputError: a file is missing, no latent file, or no image.
    """
    return [name for source in flatten(sources) for name in _names_of(source)]


def _adopt(
    generator: Generator, latents: Latents, digest: str, psi: float, cutoff: int | None
) -> Latents:
    """Take latents as this network's: of its shape, truncated; tell if they are another's."""
    latents.check(generator)
    if latents.network not in ("", digest):
        _log.warning(
            "%s: latents of network %s, drawn by %s",
            ", ".join(latents.sources[:3]), latents.network[:SHOWN_DIGITS], digest[:SHOWN_DIGITS],
        )  # fmt: skip
    w = latents.w
    if psi != 1:
        w = generator.mapping.truncate(w.to(generator.mapping.w_avg.device), psi, cutoff)
    return Latents(w=w, sources=latents.sources, network=digest)


def _project(photos: PhotoProjector | None, paths: Sequence[Path]) -> dict[Path, Latents]:
    if not paths:
        return {}
    if photos is None:
        raise InputError(
            f"{paths[0]} is taken as a photo, which must be projected first; hand "
            "photos=photo_projector(...) over, or a latent file (*.npz)"
        )
    projected = photos(paths)
    return {path: projected[i] for i, path in enumerate(paths)}


def resolve_groups(
    generator: Generator,
    groups: Sequence[Source | Sequence[Source]],
    *,
    psi: float = 1.0,
    cutoff: int | None = None,
    class_name: str | int | None = None,
    photos: PhotoProjector | None = None,
) -> list[Latents]:
    """Return the latents of several lists of sources, whose photos are projected together.

    Args:
        generator: from :func:`stylegen.load`.
        groups: lists of sources; see :func:`resolve`.
        psi: see there, as all others.
        cutoff: likewise.
        class_name: likewise.
        photos: likewise.

    Returns:
        The latents of each list, in its order.

    Raises:
        InputError: see :func:`resolve`.
    """
    digest = latents_digest(generator)
    class_index(class_name, generator.config.c_dim, generator.class_names)
    flat = [flatten(group) for group in groups]
    paths = list(dict.fromkeys(s for group in flat for s in group if isinstance(s, Path)))
    files = {path: Latents.load(path) for path in paths if not is_photo(path)}
    for latents in files.values():
        latents.check(generator)
    files |= _project(photos, [path for path in paths if is_photo(path)])

    def open_one(source: int | Path | Latents) -> Latents:
        if isinstance(source, int):
            w = seeds_to_ws(generator, [source], psi, cutoff, class_name)
            return Latents(w=w, sources=(str(source),), network=digest)
        given = files[source] if isinstance(source, Path) else source
        return _adopt(generator, given, digest, psi, cutoff)

    joined = [Latents.join([open_one(source) for source in group]) for group in flat]
    if not all(len(latents) for latents in joined):
        raise InputError("a list of sources holds no latent; wanted at least one")
    return joined


def resolve(
    generator: Generator,
    sources: Source | Sequence[Source],
    *,
    psi: float = 1.0,
    cutoff: int | None = None,
    class_name: str | int | None = None,
    photos: PhotoProjector | None = None,
) -> Latents:
    """Return the latents of seeds, latent files and photos.

    Args:
        generator: from :func:`stylegen.load`.
        sources: seeds, files, texts for :func:`parse_sources`, or latents; in any mixture. A
            latent file gives all that it holds; other files are photos.
        psi: truncation, of all: 1 leaves them as they are, less pulls them to the mean.
        cutoff: number of layers that it acts on, from the first; None: all.
        class_name: class of the seeds, by name or number; None: for conditional networks, each
            seed modulo the number of classes.
        photos: projects photos, from :func:`photo_projector`; None: there are none.

    Returns:
        The latents, in the order of the sources. Files of another network of the same shape are
        taken, with a warning.

    Raises:
        InputError: there is no source, seed, file or class as named; a latent file has another
            number of layers or width than the network; a photo cannot be read.
    """
    (latents,) = resolve_groups(
        generator, [sources], psi=psi, cutoff=cutoff, class_name=class_name, photos=photos
    )
    return latents
