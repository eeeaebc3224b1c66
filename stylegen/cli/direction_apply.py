"""``stylegen directions apply``: strips, planes and videos along directions."""

from pathlib import Path
from typing import Any

import click

from stylegen.cli.direction_files import check_directions, load_directions, other_network_option
from stylegen.cli.latent_options import SOURCES, open_latents, photo_options, source_stems
from stylegen.cli.options import (
    Network,
    class_option,
    device_option,
    load_network,
    network_option,
    new_folder,
    noise_option,
    overwrite_option,
    precision_option,
    psi_option,
)
from stylegen.errors import InputError

_VIDEO_SUFFIXES = (".mp4", ".gif")
_FRAMES = 60
_FPS = "30"


@click.command("apply")
@network_option
@click.option(
    "--direction", "files", required=True, multiple=True, type=click.Path(path_type=Path),
    help="A direction file; given twice, a plane: the first across, the second down.",
)  # fmt: skip
@click.option("--sources", required=True, help=f"What to move: {SOURCES}.")
@click.option(
    "--strength", default="-3..3", show_default=True,
    help="From..to, or one number, in standard deviations of w along the direction.",
)  # fmt: skip
@click.option("--steps", type=int, default=7, show_default=True, help="Images from end to end.")
@click.option(
    "--layers",
    help="Layers to move, such as 0-3,7, coarse, middle, fine or RES:16-32.  [default: the file's]",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path),
    help="An image file: a row for each source. Or .mp4 or .gif; or a folder for strip.png, every "
    "image and its latent.",
)  # fmt: skip
@click.option(
    "--frames", type=click.IntRange(2),
    help=f"Write a video there and back of this many frames.  [default: {_FRAMES} for .mp4, .gif]",
)  # fmt: skip
@click.option("--fps", help=f"Frames a second of a video.  [default: {_FPS}]")
@other_network_option
@psi_option
@class_option
@noise_option
@photo_options
@device_option
@precision_option
@overwrite_option
def apply(
    network: Network,
    files: tuple[Path, ...],
    sources: str,
    strength: str,
    steps: int,
    layers: str | None,
    out: Path,
    frames: int | None,
    fps: str | None,
    other_network: bool,
    noise: str,
    device: str,
    precision: str,
    overwrite: bool,
    **options: Any,
) -> None:
    """Move sources along a direction: as a strip, as a plane of two directions, or as a video."""
    from stylegen.cli import direction_output as output
    from stylegen.editing.directions import parse_strengths, strengths, with_units

    ends = parse_strengths(strength)
    amounts = strengths(*ends, steps if ends[0] != ends[1] else 1)
    is_video = frames is not None or out.suffix.lower() in _VIDEO_SUFFIXES
    _check(files, is_video, ends, fps)
    stems = source_stems([sources])[0]
    plan = output.Plan(out, stems, amounts, is_video, len(files) == 2)
    plan.check(network, sources, overwrite, fps or _FPS)
    generator = load_network(network, device, precision)
    chosen = with_units(generator, load_directions(files, generator, layers, other_network))
    with new_folder(plan.folder):
        latents = open_latents(network, generator, [sources], **options)[0]
        if is_video:
            said = output.write_video(
                plan, generator, latents, chosen[0], ends, frames or _FRAMES, fps or _FPS, noise,
                overwrite,
            )  # fmt: skip
        else:
            said = output.write_images(plan, generator, latents, chosen, noise)
    click.echo(said)


def _check(
    files: tuple[Path, ...], is_video: bool, ends: tuple[float, float], fps: str | None
) -> None:
    if len(files) > 2:
        raise InputError(f"--direction was given {len(files)} times; wanted one or two")
    if is_video and len(files) == 2:
        raise InputError("a video follows one direction; --direction was given twice")
    if is_video and ends[0] == ends[1]:
        raise InputError(f"a video needs a range of strengths such as -3..3, not {ends[0]:g} alone")
    if fps is not None and not is_video:
        raise InputError("--fps is for videos: wanted --out NAME.mp4 or NAME.gif, or --frames")
    check_directions(files)
