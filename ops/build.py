"""The compiled kernels of this package: built on first use, once, never at import.

A build lies in a folder of the user's cache, named by a digest of the sources, of the versions of
torch, CUDA, Python and the compilers, of the flags, and of the processor or GPU compiled for:
whatever changes, it is another folder. Processes that need the same build at once take turns. The
library appears in its folder whole, when all is done: what a killed build leaves is never taken
for one. A build that failed is not tried again by the same process. Where the cache cannot be
written, a process builds for itself alone.
"""

import atexit
import contextlib
import importlib.util
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import torch

from stylegen.errors import InputError
from stylegen.ops.cache import LOCK, build_folder
from stylegen.ops.compile import compile_library, remove_leftovers
from stylegen.ops.locking import alone
from stylegen.ops.recipe import SOURCES as SOURCES
from stylegen.ops.recipe import Kind, Recipe, cpu_recipe, cuda_recipe

_log = logging.getLogger(__name__)

_outcomes: dict[str, ModuleType | str] = {}  # by kind: the module, or why there is none
_one_thread = threading.Lock()


class BuildError(InputError, RuntimeError):
    """Kernels that were asked for cannot be had; one sentence says why."""


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise BuildError(str(error)) from error


def _import(recipe: Recipe, library: Path) -> ModuleType:
    """Import the library; one that is none is removed.

    Raises:
        RuntimeError: it does not load.
    """
    try:
        spec = importlib.util.spec_from_file_location(recipe.module, library)
        if spec is None or spec.loader is None:
            raise ImportError("no Python module")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError as error:
        library.unlink(missing_ok=True)
        reason = str(error).removeprefix(f"{library}: ")
        raise RuntimeError(f"what was built does not load: {library}: {reason}") from error
    return module


def _import_earlier(recipe: Recipe, library: Path) -> ModuleType | None:
    """Import what an earlier build left, if there is anything that loads."""
    if not library.is_file():
        return None
    try:
        return _import(recipe, library)
    except RuntimeError as error:
        _log.warning("%s; building it again", error)
        return None


def _folder(recipe: Recipe, root: Path) -> Path:
    return root / f"ops-{recipe.kind}-{recipe.key}"


def _compile(recipe: Recipe, folder: Path) -> Path:
    text = "building the %s kernels in %s by %s, once; this may take a minute"
    _log.warning(text, recipe.kind.upper(), folder, recipe.compilers)
    begin = time.perf_counter()
    library = compile_library(recipe, folder)
    _log.info("built %s in %.1f s", library, time.perf_counter() - begin)
    return library


def _obtain(recipe: Recipe, root: Path) -> ModuleType:
    """Return the module, built if it is not there yet."""
    folder = _folder(recipe, root)
    if module := _import_earlier(recipe, folder / recipe.library):
        return module
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / LOCK) as held:
        if module := _import_earlier(recipe, folder / recipe.library):  # another built it
            return module
        if held:
            remove_leftovers(folder)
        return _import(recipe, _compile(recipe, folder))


def _obtain_anywhere(recipe: Recipe) -> ModuleType:
    """Return the module from the cache, or built for this process alone."""
    try:
        return _obtain(recipe, build_folder())
    except OSError as error:
        alone_in = Path(tempfile.mkdtemp(prefix="stylegen-"))
        text = "builds cannot be kept (%s): this process builds its own in %s; STYLEGEN_CACHE "
        _log.warning(text + "names another folder to keep them in", error, alone_in)
    module = _obtain(recipe, alone_in)
    atexit.register(shutil.rmtree, alone_in, ignore_errors=True)
    return module


def architectures() -> str:
    """Return the compute capabilities of this machine's GPUs, such as "8.0;9.0".

    Raises:
        RuntimeError: there is no GPU.
    """
    if not torch.cuda.is_available():
        raise RuntimeError("there is no CUDA device")
    devices = range(torch.cuda.device_count())
    found = {torch.cuda.get_device_capability(device) for device in devices}
    return ";".join(f"{major}.{minor}" for major, minor in sorted(found))


def recipe_for(kind: str, arch: str | None = None, sources: Path | None = None) -> Recipe:
    """Return how the kernels of a kind are built here.

    Args:
        kind: "cpu" or "cuda".
        arch: CUDA's compute capabilities; None: those of this machine's GPUs.
        sources: the folder that holds *.h, cpu/ and cuda/; None: this package's.

    Raises:
        ValueError: there is no such kind.
        BuildError: something that the build needs is missing; a RuntimeError, too.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind is {kind!r}; wanted one of {', '.join(get_args(Kind))}")
    sources = sources or SOURCES
    with _told():
        if kind == "cpu":
            return cpu_recipe(sources)
        wanted = architectures() if arch is None else ";".join(sorted(set(arch.split(";"))))
        return cuda_recipe(wanted, sources)


def library_path(recipe: Recipe, folder: Path | None = None) -> Path:
    """Return where a library lies once it is built.

    Args:
        recipe: how it is built.
        folder: where builds are kept; None: the user's cache.
    """
    return _folder(recipe, folder or build_folder()) / recipe.library


def build(
    kind: str,
    arch: str | None = None,
    folder: Path | None = None,
    sources: Path | None = None,
) -> Path:
    """Build kernels ahead of their first use, and check that they load.

    Args:
        kind: "cpu" or "cuda"; the latter needs no GPU if ``arch`` is given.
        arch: compute capabilities, such as "9.0" or "8.0;9.0"; None: those of the GPUs here.
        folder: where builds are kept; None: the user's cache.
        sources: the folder that holds *.h, cpu/ and cuda/; None: this package's.

    Returns:
        The library, in a folder of its own below ``folder``.

    Raises:
        ValueError: there is no such kind.
        BuildError: something is missing, or a compiler fails; a RuntimeError, too.
        OSError: the folder cannot be written.
    """
    recipe = recipe_for(kind, arch, sources)
    with _told():
        _obtain(recipe, folder or build_folder())
    return library_path(recipe, folder)


def _try(kind: str) -> ModuleType | str:
    try:
        return _obtain_anywhere(recipe_for(kind))
    except (RuntimeError, OSError) as error:
        return str(error)


def kernels(kind: str) -> ModuleType:
    """Return the module of compiled kernels, building it on first use.

    It holds ``bias_act``, ``bias_act_backward``, ``bias_act_backward2``, ``upfirdn2d``,
    ``epilogue`` and ``epilogue_backward``, called as in the files of these names.

    Args:
        kind: "cpu" or "cuda".

    Raises:
        ValueError: there is no such kind.
        BuildError: they cannot be built; a RuntimeError, too. The first failure is remembered:
            it is raised again without another try.
    """
    with _one_thread:
        if kind not in _outcomes:
            _outcomes[kind] = _try(kind)
    outcome = _outcomes[kind]
    if isinstance(outcome, str):
        raise BuildError(outcome)
    return outcome


def cuda_kernels() -> ModuleType:
    """Return the module of compiled CUDA kernels; see :func:`kernels`."""
    return kernels("cuda")
