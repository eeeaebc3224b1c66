"""``stylegen generate``: images of seeds, saved latents and photos."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylegen.cli.latent_options import (
    check_photo_options,
    open_latents,
    photo_options,
    source_stems,
    unique_names,
)
from stylegen.cli.options import (
    Network,
    bar,
    class_option,
    compile_network,
    compile_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    noise_option,
    overwrite_option,
    parse_grid,
    precision_option,
    psi_option,
    refuse_existing,
    refuse_sources,
)
from stylegen.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from stylegen.editing.latents import Latents


def _in_groups(
    generator: Any, seeds: list[int], saved: "list[Latents]", digest: str, **mapping: Any
) -> "Iterator[Latents]":
    """Yield the latents of seeds, then the saved ones, a few at a time."""
    from stylegen.editing.latents import Latents
    from stylegen.editing.sampling import GROUP, seeds_to_ws

    for i in range(0, len(seeds), GROUP):
        part = seeds[i : i + GROUP]
        w = seeds_to_ws(generator, part, **mapping)
        yield Latents(w=w, sources=tuple(str(seed) for seed in part), network=digest)
    for latents in saved:
        for i in range(0, len(latents), GROUP):
            yield latents[i : i + GROUP]


def _write(
    generator: Any, groups: "Iterator[Latents]", noise: Any, paths: list[Path], beside: list[Path]
) -> "Iterator[Tensor]":
    """Draw each group, write its images, and its latents if files for them are named."""
    from stylegen.editing.sampling import draw_latents
    from stylegen.images import save_image

    done = 0
    for group in groups:
        images = draw_latents(generator, group, noise)
        for i, image in enumerate(images, done):
            save_image(image, paths[i])
            if beside:
                group[i - done].save(beside[i])
        done += len(images)
        yield images


def _paths(out: Path, seeds: list[int], texts: list[str]) -> list[Path]:
    """Name the images: seed0085.png, and photo.png for photo.jpg."""
    named = [f"seed{seed:04d}" for seed in seeds]
    named += [stem for stems in source_stems(texts) for stem in stems]
    return [out / f"{name}.png" for name in unique_names(["grid", *named])[1:]]


@click.command("generate")
@network_option
@click.option("--seeds", help="Numbers and ranges, such as 0-31,40.")
@click.option(
    "--latents", help="Latent files (.npz) and photos to draw as well, such as w.npz,photo.jpg."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the PNGs.")
@click.option("--grid", help="Also write grid.png of this many columns x rows, such as 8x4.")
@click.option("--save-latents", is_flag=True, help="Also write each image's latent beside it.")
@psi_option
@click.option("--cutoff", type=int, help="Truncate only this many layers.  [default: all]")
@class_option
@noise_option
@photo_options
@device_option
@precision_option
@compile_option
@overwrite_option
def generate(
    network: Network,
    seeds: str | None,
    latents: str | None,
    out: Path,
    grid: str | None,
    save_latents: bool,
    psi: float,
    cutoff: int | None,
    class_name: str | None,
    noise: Any,
    device: str,
    precision: str,
    compiled: bool,
    overwrite: bool,
    **photos: Any,
) -> None:
    """Draw samples by seed: OUT/seed0000.png and so on; and latents: OUT/w.png of w.npz.

    A seed gives the same latent as in the official StyleGAN2 tools, and a latent file is read as
    they write it. A photo is projected first, and its latent kept beside it.
    With --delta, what project --tune made of a photo: generate --latents OUT/photo.npz --delta
    OUT/photo.delta.safetensors draws OUT/photo.tuned.png.
    """
    import torch

    from stylegen.editing.latents import latents_digest
    from stylegen.images import make_grid, save_image
    from stylegen.latents import parse_seeds

    if seeds is None and latents is None:
        raise InputError("there is nothing to draw; wanted --seeds such as 0-31, or --latents")
    numbers = [] if seeds is None else parse_seeds(seeds)
    texts = [] if latents is None else [latents]
    paths = _paths(out, numbers, texts)
    shape = None if grid is None else parse_grid(grid, len(paths))
    sheet = [] if shape is None else [out / "grid.png"]
    beside = [path.with_suffix(".npz") for path in paths] if save_latents else []
    refuse_sources(paths + sheet + beside, texts, network)
    refuse_existing(paths + sheet + beside, overwrite)
    check_photo_options(texts, **photos)
    generator = load_network(network, device, precision)
    mapping: dict[str, Any] = {"psi": psi, "cutoff": cutoff, "class_name": class_name}
    kept, done = [], 0
    with new_folder(out):
        saved = open_latents(network, generator, texts, **mapping, **photos) if texts else []
        if compiled:
            compile_network(generator)
        digest = latents_digest(generator) if save_latents else ""
        groups = _in_groups(generator, numbers, saved, digest, **mapping)
        with bar("drawing", "img") as progress:
            for images in _write(generator, groups, noise, paths, beside):
                kept += [images] if shape else []
                done += len(images)
                progress(done, len(paths))
    if shape is not None:
        save_image(make_grid(torch.cat(kept), shape[0]), out / "grid.png")
    click.echo(f"{out}: {len(paths)} images" + (", grid.png" if shape else ""))
