"""Build the compiled kernels of this package: on first use, once.

A build lies in a folder of the user's cache, named by a digest of the sources and of the versions
of torch, CUDA, the compiler, Python and the GPU architecture: whatever changes, it is another
folder. Processes that need the same build at once take turns by a file lock that the system frees
when its holder dies. A build that failed is not tried again by the same process.

TORCH_EXTENSIONS_DIR, or else STYLEGEN_CACHE or XDG_CACHE_HOME, says where the cache is.
"""

import contextlib
import functools
import hashlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import torch

from stylegen.files import cache_folder
from stylegen.ops.compile import SOURCES, compile_module
from stylegen.ops.toolkit import Toolkit, find_toolkit

if sys.platform != "win32":
    import fcntl

_log = logging.getLogger(__name__)

_DONE = "done"  # the file that names the finished library, written last


def build_folder() -> Path:
    """Return the folder in which builds are kept; it may not exist yet."""
    root = os.environ.get("TORCH_EXTENSIONS_DIR")
    return Path(root) if root else cache_folder()


def _digest(toolkit: Toolkit, arch: str) -> str:
    versions = [torch.__version__, str(torch.version.cuda), toolkit.version, arch]
    digest = hashlib.sha256(repr([*versions, sys.implementation.cache_tag]).encode())
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system frees should this process die."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "in_use").open("w") as file:
        if sys.platform != "win32":
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _log.warning("waiting for another process that is building in %s", folder)
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _import(library: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(library.stem, library)
    if spec is None or spec.loader is None:
        raise ImportError(f"{library} is no Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _obtain(arch: str, folder: Path | None) -> tuple[ModuleType, Path]:
    """Return the module and its file, built if it is not there yet."""
    toolkit = find_toolkit()
    folder = (folder or build_folder()) / f"ops-{_digest(toolkit, arch)}"
    with _alone_in(folder):
        done = folder / _DONE
        if done.exists():
            library = folder / done.read_text()
            return _import(library), library
        module, library = compile_module(toolkit, arch, folder)
        done.write_text(library.name)
    return module, library


def compile_cuda(arch: str = "9.0", folder: Path | None = None) -> Path:
    """Compile and link the CUDA kernels; no GPU is needed.

    Args:
        arch: compute capabilities, such as "9.0" or "8.0;9.0".
        folder: where builds are kept; None: the user's cache.

    Returns:
        The library, in a folder of its own below ``folder``.

    Raises:
        RuntimeError: there is no compiler that fits, or it fails.
        OSError: the folder cannot be written.
    """
    return _obtain(arch, folder)[1]


def _architectures() -> str:
    devices = range(torch.cuda.device_count())
    found = {torch.cuda.get_device_capability(device) for device in devices}
    return ";".join(f"{major}.{minor}" for major, minor in sorted(found))


@functools.cache
def _kernels_or_failure() -> ModuleType | str:
    if not torch.cuda.is_available():
        return "there is no CUDA device"
    try:
        return _obtain(_architectures(), None)[0]
    except (RuntimeError, OSError, ImportError) as error:
        return str(error)


def cuda_kernels() -> ModuleType:
    """Return the module of compiled CUDA kernels, building it on first use.

    It holds ``bias_act``, ``bias_act_backward``, ``bias_act_backward2`` and ``upfirdn2d``, called
    as in the files of these names.

    Raises:
        RuntimeError: they cannot be built, in one sentence. The first failure is remembered: it
            is raised again without another try.
    """
    outcome = _kernels_or_failure()
    if isinstance(outcome, str):
        raise RuntimeError(outcome)
    return outcome
