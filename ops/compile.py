"""Compile and link this package's CUDA sources with ninja, through torch's extension builder."""

import contextlib
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from stylegen.ops.toolkit import Toolkit, extra_includes, runtime_folder

SOURCES = Path(__file__).resolve().parent / "csrc"

_log = logging.getLogger(__name__)

_ERROR = re.compile(r"\berror ?:|\bfatal\b|undefined reference|cannot find", re.IGNORECASE)
_NO_ERROR = re.compile(r"^collect2:|ld returned|compilation terminated")


def last_error(output: str) -> str:
    """Return the last line by which a compiler or linker says what is wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.search(line) and not _NO_ERROR.search(line)]
    return (errors or lines or ["no message"])[-1][:300]


def _flags(toolkit: Toolkit, arch: str, folder: Path) -> dict[str, list[str]]:
    includes = [flag for path in extra_includes(toolkit) for flag in ("-idirafter", str(path))]
    numbers = [capability.replace(".", "") for capability in arch.split(";")]
    targets = [f"-gencode=arch=compute_{number},code=sm_{number}" for number in numbers]
    through_nvcc = [part for flag in includes for part in ("-Xcompiler", flag)]
    return {
        "extra_cflags": ["-O2", *includes],
        "extra_cuda_cflags": ["-O3", *targets, *through_nvcc],
        "extra_ldflags": [f"-L{runtime_folder(toolkit, folder)}"],
    }


@contextlib.contextmanager
def _builder(toolkit: Toolkit) -> Iterator[Any]:
    """Lend torch's extension builder, set to the toolkit and with ninja on its PATH."""
    from torch.utils import cpp_extension  # slow to import, and seldom needed

    home, path = cpp_extension.CUDA_HOME, os.environ.get("PATH", "")
    scripts = Path(sys.executable).parent  # where pip puts ninja; on PATH in an active venv only
    os.environ["PATH"] = os.pathsep.join([str(toolkit.nvcc.parent), path, str(scripts)])
    cpp_extension.CUDA_HOME = str(toolkit.home)
    try:
        yield cpp_extension
    finally:
        cpp_extension.CUDA_HOME = home
        os.environ["PATH"] = path


def compile_module(toolkit: Toolkit, arch: str, folder: Path) -> tuple[ModuleType, Path]:
    """Compile and link the sources, and import the module.

    Args:
        toolkit: the compiler.
        arch: compute capabilities, such as "9.0" or "8.0;9.0".
        folder: an existing folder, used by nobody else now.

    Returns:
        The module and its file in ``folder``.

    Raises:
        RuntimeError: it fails; the message is one line with the compilers' last error, and names
            the file that holds the rest.
    """
    if (lock := folder / "lock").exists():
        _log.info("removing the lock %s, left by an earlier build", lock)
        lock.unlink()
    _log.warning("building the CUDA kernels in %s, once; this takes about a minute", folder)
    sources = [str(file) for file in sorted(SOURCES.iterdir()) if file.suffix in (".cpp", ".cu")]
    try:
        flags = _flags(toolkit, arch, folder)
        with _builder(toolkit) as builder:
            module: ModuleType = builder.load(
                "stylegen_cuda", sources, build_directory=str(folder), with_cuda=True, **flags
            )
    except (RuntimeError, OSError, ImportError, subprocess.SubprocessError) as error:
        log = folder / "build.log"
        log.write_text(str(error))
        raise RuntimeError(f"{last_error(str(error))} (all of it in {log})") from error
    return module, folder / f"{module.__name__}.so"
