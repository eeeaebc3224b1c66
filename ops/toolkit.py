"""Where the CUDA compiler is found, and what it needs to be told.

Looked at in this order: CUDA_HOME, CUDA_PATH, the nvcc on PATH, /usr/local/cuda, and the
``nvidia-cuda-nvcc`` package (the extra ``cuda``), which lies in site-packages/nvidia/cu*. The
first whose major version is that of torch's CUDA is taken.
"""

import importlib.util
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Toolkit:
    """A CUDA compiler.

    Attributes:
        home: the folder that holds bin/nvcc and include.
        version: of nvcc, such as "13.0".
        origin: where it was found, for messages.
    """

    home: Path
    version: str
    origin: str

    @property
    def nvcc(self) -> Path:
        """The compiler."""
        return self.home / "bin" / "nvcc"


def _ask(nvcc: Path, *question: str) -> str:
    try:
        answer = subprocess.run(
            [nvcc, *question], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        _log.debug("%s does not answer: %s", nvcc, error)
        return ""
    return answer.stdout + answer.stderr


def _home_of(nvcc: Path) -> Path:
    """Return the toolkit that an nvcc belongs to; the one on PATH may be a mere wrapper."""
    top = re.search(r"^#\$ TOP=(.+)$", _ask(nvcc, "--dryrun", "-x", "cu", os.devnull), re.M)
    return Path(top[1].strip()).resolve() if top else nvcc.resolve().parents[1]


def packaged_homes() -> list[Path]:
    """Return the folders nvidia/cu* of the installed NVIDIA packages, newest first."""
    try:
        spec = importlib.util.find_spec("nvidia")
    except ValueError:  # a module without a spec
        spec = None
    roots = list(spec.submodule_search_locations or []) if spec else []
    homes = [home for root in roots for home in Path(root).glob("cu[0-9]*")]
    return sorted(homes, key=lambda home: int(re.sub(r"\D", "", home.name) or 0), reverse=True)


def _system_candidates() -> Iterator[tuple[str, Path]]:
    for name in ("CUDA_HOME", "CUDA_PATH"):
        if os.environ.get(name):
            yield name, Path(os.environ[name])
    if on_path := shutil.which("nvcc"):
        yield f"{on_path} on PATH", _home_of(Path(on_path))
    yield "the usual place", Path("/usr/local/cuda")


def _candidates() -> Iterator[tuple[str, Path]]:
    yield from _system_candidates()
    for home in packaged_homes():
        yield "the package nvidia-cuda-nvcc", home


def find_toolkit() -> Toolkit:
    """Find the CUDA compiler that fits the installed torch.

    Raises:
        RuntimeError: torch is built without CUDA, or no compiler fits; the message says what was
            found and what to do.
    """
    wanted = torch.version.cuda
    if wanted is None:
        raise RuntimeError("the installed torch is built without CUDA")
    refused = []
    for origin, home in _candidates():
        nvcc = home / "bin" / "nvcc"
        version = re.search(r"release (\d+\.\d+)", _ask(nvcc, "--version"))
        if version is None:
            refused.append(f"{home} ({origin}) holds no working bin/nvcc")
        elif version[1].split(".")[0] != wanted.split(".")[0]:
            refused.append(f"{home} ({origin}) is CUDA {version[1]}")
        else:
            _log.info("CUDA compiler: %s, version %s, by %s", nvcc, version[1], origin)
            return Toolkit(home=home, version=version[1], origin=origin)
    raise RuntimeError(
        f"no compiler for CUDA {wanted.split('.')[0]}: {'; '.join(refused)}. Set CUDA_HOME, or "
        "pip install nvidia-cuda-nvcc"
    )


def extra_includes(toolkit: Toolkit) -> list[Path]:
    """Return the packages' folders of headers, if the toolkit comes without the libraries' own."""
    if (toolkit.home / "include" / "cusparse.h").exists():
        return []
    folders = [home / "include" for home in packaged_homes()]
    return [folder for folder in folders if (folder / "cuda_runtime.h").exists()]


def runtime_library(toolkit: Toolkit) -> Path:
    """Return the CUDA runtime that is linked: packages hold libcudart.so.13 and the like only.

    Raises:
        RuntimeError: it is nowhere.
    """
    for name in ("lib64", "lib"):
        if (library := toolkit.home / name / "libcudart.so").exists():
            return library
    libraries = [
        library
        for home in (toolkit.home, *packaged_homes())
        for library in sorted((home / "lib").glob("libcudart.so.*"))
    ]
    if not libraries:
        raise RuntimeError(f"the CUDA runtime, libcudart.so, is missing in {toolkit.home}")
    return libraries[0]
