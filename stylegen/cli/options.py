"""Options and readings that several commands share."""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylegen.errors import InputError
from stylegen.files import refuse_replacing
from stylegen.precision import PRECISIONS

if TYPE_CHECKING:
    from stylegen.editing.sources import Source

Progress = Callable[..., None]

snapshot_option = click.option(
    "--network", required=True, type=click.Path(path_type=Path), help="A snapshot (.safetensors)."
)
_delta_option = click.option(
    "--delta",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take the network as tuning left it: photo.delta.safetensors of project --tune.",
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


@dataclass(frozen=True)
class Network:
    """The network that a command draws with; as a path or a text, its snapshot.

    Attributes:
        snapshot: its file.
        delta: what tuning changed in it, if anything.
    """

    snapshot: Path
    delta: Path | None = None

    def __fspath__(self) -> str:
        return str(self.snapshot)

    __str__ = __fspath__

    @property
    def files(self) -> dict[Path, str]:
        """Its files, with what each is."""
        delta = {} if self.delta is None else {self.delta: "the delta itself"}
        return {self.snapshot: "the network itself", **delta}


def network_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --network and --delta, which the command gets as one :class:`Network`."""

    @snapshot_option
    @_delta_option
    @functools.wraps(command)
    def joined(*args: Any, network: Path, delta: Path | None, **options: Any) -> Any:
        return command(*args, network=Network(network, delta), **options)

    return joined


def load_network(
    network: "Path | Network", device: str, precision: str, compiled: bool = False
) -> Any:
    """Load a generator onto a device named as users name it.

    Args:
        network: its snapshot, or snapshot and delta.
        device: auto, cpu, cuda or cuda:N.
        precision: auto, fp32, bf16 or fp16.
        compiled: let torch.compile have the synthesis network; with CUDA graphs on a GPU.

    Raises:
        InputError: a file, the device or the precision cannot be used.
    """
    from stylegen.checkpoints import load
    from stylegen.devices import choose_device, choose_precision, precision_name
    from stylegen.memory import keep_freed_memory

    place = choose_device(device)
    if place.type == "cpu":
        keep_freed_memory()
    dtype = choose_precision(precision, place)
    generator = load(Path(network), place)
    if isinstance(network, Network) and network.delta is not None:
        from stylegen.editing.projection import apply_delta

        generator = apply_delta(generator, network.delta)
    if precision_name(dtype) == "fp16" and generator.config.conv_clamp is None:
        raise InputError(
            "precision is 'fp16', whose numbers end at 65504, but the network in "
            f"{Path(network)} has no conv_clamp; take bf16 or fp32"
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


def refuse_sources(
    outputs: Iterable[Path], texts: "Sequence[Source | Sequence[Source]]", network: Network
) -> None:
    """Refuse to write over what is read, whatever --overwrite says.

    Args:
        outputs: files that will be written.
        texts: lists of sources.
        network: whose files are read, too.

    Raises:
        InputError: an output is a source, the network or its delta.
    """
    from stylegen.editing.sources import flatten, is_photo

    files = [one for text in texts for one in flatten(text) if isinstance(one, Path)]
    read = {path: f"one of the {'photos' if is_photo(path) else 'latents'}" for path in files}
    refuse_replacing(outputs, {**read, **network.files})


def is_given(name: str) -> bool:
    """Tell whether an option of the command that runs was written by the user."""
    source = click.get_current_context().get_parameter_source(name)
    return source is not None and source is not click.core.ParameterSource.DEFAULT


def check_picture(path: Path, channels: int) -> None:
    """Make sure, before the work, that an image file can hold what a network draws.

    Raises:
        InputError: the name is no image's, or its format has no transparency, which is drawn.
    """
    from stylegen.images import check_image_name

    suffix = check_image_name(path)
    if channels in (2, 4) and suffix in (".jpg", ".jpeg", ".bmp"):
        raise InputError(
            f"{path}: this network draws transparency, which {suffix} cannot hold; wanted .png or "
            ".webp"
        )


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


def say(text: str) -> None:
    """Print a line while progress bars are shown."""
    from tqdm import tqdm

    tqdm.write(text)


@contextmanager
def bars(unit: str, figure: str = "distance") -> Iterator[Callable[[str], Progress]]:
    """Progress bars on stderr, one for each stage that is named; silent without a terminal.

    Args:
        unit: what is counted.
        figure: what the number beside it is called, if there is one.

    Yields:
        A function of a stage's name; it returns a callable of what is done, the total, and if
        there is one, the figure.
    """
    from tqdm import tqdm

    with ExitStack() as stack:

        def stage(name: str) -> Progress:
            line = stack.enter_context(tqdm(desc=name, unit=unit, disable=None, leave=False))

            def show(done: int, total: int, value: float | None = None) -> None:
                line.total = total
                if value is not None:
                    line.set_postfix_str(f"{figure} {value:.4g}", refresh=False)
                line.update(done - line.n)

            return show

        yield stage


@contextmanager
def bar(description: str, unit: str, figure: str = "distance") -> Iterator[Progress]:
    """A progress bar on stderr: one stage of :func:`bars`, to which the arguments go."""
    with bars(unit, figure) as stage:
        yield stage(description)
