"""``stylegen ops``: compiled operators, built ahead of their first use, or removed."""

import re
import time
from pathlib import Path
from typing import Any

import click

from stylegen.errors import InputError

_KINDS = ("cpu", "cuda")


@click.group("ops")
def ops() -> None:
    """Build the compiled operators ahead of their first use, or remove them."""


def _architectures(text: str | None) -> str | None:
    """Read "8.0,9.0" as "8.0;9.0"."""
    if text is None:
        return None
    parts = re.split(r"[;,\s]+", text.strip())
    if not all(re.fullmatch(r"\d+\.\d[af]?", part) for part in parts):
        raise InputError(f"--arch is {text!r}; wanted compute capabilities, such as 9.0 or 8.0,9.0")
    return ";".join(parts)


def _why_not_cuda(arch: str | None) -> str | None:
    import torch

    if arch is not None or torch.cuda.is_available():
        return None
    return "there is no GPU here; to build for another machine's, name it, such as --arch 9.0"


def _build(kind: Any, arch: str | None, folder: Path | None) -> None:
    from stylegen.ops.build import build, library_path, recipe_for

    was_there = library_path(recipe_for(kind, arch), folder).is_file()
    begin = time.perf_counter()
    library = build(kind, arch, folder)
    said = "there already" if was_there else f"built in {time.perf_counter() - begin:.1f} s"
    click.echo(f"{kind}: {said}: {library}")


@ops.command("build")
@click.option(
    "--kind",
    type=click.Choice([*_KINDS, "all"]),
    default="all",
    show_default=True,
    help="For which device; all: for the CPU, and for CUDA if there is a GPU or --arch.",
)
@click.option("--arch", help="CUDA compute capabilities, such as 9.0.  [default: of the GPUs here]")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Where builds are kept.  [default: the user's cache]",
)
def build_command(kind: str, arch: str | None, folder: Path | None) -> None:
    """Compile the operators now, rather than on first use; no GPU is needed.

    To use a FOLDER of builds, name it in TORCH_EXTENSIONS_DIR.
    """
    arch = _architectures(arch)
    reason = _why_not_cuda(arch) if kind != "cpu" else None
    if kind == "cuda" and reason:
        raise InputError(f"cuda: {reason}")
    wanted = [name for name in _KINDS if kind in (name, "all")]
    if reason:
        wanted.remove("cuda")
        click.echo(f"cuda: left out, since {reason}")
    for name in wanted:
        _build(name, arch if name == "cuda" else None, folder)


@ops.command("clean")
@click.option("--yes", is_flag=True, help="Do not ask first.")
def clean_command(yes: bool) -> None:
    """Remove the compiled operators in the user's cache; they are built again when needed."""
    from stylegen.ops.cache import build_folder, cached_builds, remove_build

    builds = cached_builds()
    free = [found for found in builds if not found.in_use]
    for found in builds:
        if found.in_use:
            click.echo(f"left alone, since a process is building there: {found.path}")
    if not free:
        click.echo(f"{build_folder()}: no builds to remove")
        return
    size = f"{len(free)} builds, {sum(found.size_bytes for found in free) / 2**20:.1f} MiB"
    if not yes:
        click.confirm(f"{build_folder()}: remove {size}?", abort=True)
    for found in free:
        remove_build(found)
    click.echo(f"{build_folder()}: removed {size}")
