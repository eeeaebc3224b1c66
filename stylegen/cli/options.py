"""Options and readings that several commands share."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from stylegen.errors import InputError
from stylegen.precision import PRECISIONS

Progress = Callable[..., None]

network_option = click.option(
    "--network", required=True, type=click.Path(path_type=Path), help="A snapshot (.safetensors)."
)
psi_option = click.option(
    "--psi",
    default=1.0,
    show_default=True,
    help="Truncation: 1 is the full variety, less is closer to the mean image.",
)
class_option = click.option(
    "--class", "class_name", help="Class of the images, by name or number (conditional networks)."
)
noise_option = click.option(
    "--noise",
    type=click.Choice(["const", "random", "none"]),
    default="const",
    show_default=True,
    help="The layers' noise: the stored one, drawn from the seed, or none.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="fp32",
    show_default=True,
    help="fp32 draws the same on every machine; auto: bf16 where the device computes in it.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
)
compile_option = click.option(
    "--compile/--no-compile",
    "compiled",
    default=False,
    help="Compile the network first: ten seconds or more, won back by thousands of images only.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace files that exist.")


def load_network(path: Path, device: str, precision: str, compiled: bool = False) -> Any:
    """Load a snapshot's generator onto a device named as users name it.

    Args:
        path: the snapshot.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32, bf16 or fp16.
        compiled: let torch.compile have the synthesis network; with CUDA graphs on a GPU.

    Raises:
        InputError: the file, the device or the precision cannot be used.
    """
    from stylegen.checkpoints import load
    from stylegen.devices import choose_device, choose_precision, precision_name
    from stylegen.memory import keep_freed_memory

    place = choose_device(device)
    if place.type == "cpu":
        keep_freed_memory()
    dtype = choose_precision(precision, place)
    generator = load(path, place)
    if precision_name(dtype) == "fp16" and generator.config.conv_clamp is None:
        raise InputError(
            f"precision is 'fp16', whose numbers end at 65504, but the network in {path} has no "
            "conv_clamp; take bf16 or fp32"
        )
    generator.set_precision(dtype)
    if compiled:
        compile_network(generator)
    return generator


def compile_network(generator: Any) -> None:
    """Let torch.compile have a generator's synthesis network; with CUDA graphs on a GPU."""
    device = next(generator.parameters()).device
    generator.synthesis.compile(mode="reduce-overhead" if device.type == "cuda" else None)


def parse_grid(text: str, count: int) -> tuple[int, int]:
    """Read "8x4" as (columns, rows) with room for ``count`` images.

    Raises:
        InputError: the text has another form, or there is no room.
    """
    match = re.fullmatch(r"\s*([1-9]\d{0,4})\s*x\s*([1-9]\d{0,4})\s*", text)
    if match is None:
        raise InputError(f"--grid is {text!r}; wanted columns x rows, such as 8x4")
    columns, rows = int(match[1]), int(match[2])
    if columns * rows < count:
        raise InputError(f"--grid {text} has {columns * rows} places, but there are {count} images")
    return columns, rows


def refuse_existing(paths: list[Path], overwrite: bool) -> None:
    """Refuse to replace files unless asked to.

    Raises:
        InputError: one exists.
    """
    for path in paths:
        if path.exists() and not overwrite:
            raise InputError(f"{path} exists already; --overwrite replaces it")


@contextmanager
def new_folder(path: Path) -> Iterator[None]:
    """Make a folder for output, before the work; take it away again if the work fails at once.

    Raises:
        InputError: there is a file of that name.
        OSError: it cannot be made.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file; wanted a folder")
    missing = [p for p in (path, *path.parents) if not p.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for made in missing:
            if not any(made.iterdir()):
                made.rmdir()
        raise


@contextmanager
def bar(description: str, unit: str) -> Iterator[Progress]:
    """A progress bar on stderr; silent when stderr is no terminal.

    It is a callable of what is done, the total, and if there is one, the distance to a goal.
    """
    from tqdm import tqdm

    with tqdm(desc=description, unit=unit, disable=None, leave=False) as line:

        def show(done: int, total: int, distance: float | None = None) -> None:
            line.total = total
            if distance is not None:
                line.set_postfix_str(f"distance {distance:.4g}", refresh=False)
            line.update(done - line.n)

        yield show
