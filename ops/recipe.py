"""What is compiled for the CPU and for CUDA, by which compilers, with which flags.

The same headers, ops/csrc/*.h, serve both kinds; ops/csrc/cpu and ops/csrc/cuda hold the rest.
A recipe's key is a digest of all that its library depends on.
"""

import hashlib
import os
import platform
import shlex
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from stylegen.ops.host_compiler import HostCompiler, find_host_compiler
from stylegen.ops.toolkit import Toolkit, extra_includes, find_toolkit, runtime_library

Kind = Literal["cpu", "cuda"]

SOURCES = Path(__file__).resolve().parent / "csrc"

_TORCH = Path(torch.__file__).resolve().parent
_STANDARD = "-std=c++20"  # what torch's headers need
# floating point as in the references, but for traps and errno, which nobody asks for and which
# keep loops from being vectorised
_CXX_FLAGS = (
    "-O3",
    _STANDARD,
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
)
_NVCC_READS = ("NVCC_PREPEND_FLAGS", "NVCC_APPEND_FLAGS", "NVCC_CCBIN")  # of the environment
_NVCC_FLAGS = ("-O3", _STANDARD, "--expt-relaxed-constexpr")
_TORCH_LIBRARIES = ("-lc10", "-ltorch_cpu", "-ltorch", "-ltorch_python")
_TORCH_CUDA_LIBRARIES = ("-lc10_cuda", "-ltorch_cuda")
_NINJA = """\
ninja_required_version = 1.3
rule cxx
  command = {cxx} -c $in -o $out
  description = $in
rule nvcc
  command = {nvcc} -c $in -o $out
  description = $in
rule link
  command = {link}
  description = $out
"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a library is built.

    Attributes:
        kind: "cpu" or "cuda".
        key: digest of the sources, flags and versions.
        ninja: the build file.
        compilers: for messages, such as "g++ (GCC) 12.2.0".
        sources: the folder of the sources.
        digest: of the sources.
    """

    kind: Kind
    key: str
    ninja: str
    compilers: str
    sources: Path
    digest: str

    @property
    def module(self) -> str:
        """Name of the Python module."""
        return _module(self.kind)

    @property
    def library(self) -> str:
        """Name of the file."""
        return f"{self.module}.so"

    def is_current(self) -> bool:
        """Tell whether the sources are still those that the key was made from."""
        return _digest(_files(self.kind, self.sources), self.sources) == self.digest


def _module(kind: Kind) -> str:
    return f"stylegen_{kind}"


def _files(kind: Kind, sources: Path) -> list[Path]:
    own = (path for path in (sources / kind).glob("*") if path.is_file())
    return sorted([*sources.glob("*.h"), *own])


def _digest(files: list[Path], root: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _units(kind: Kind, files: list[Path]) -> list[Path]:
    """Return the files that are compiled by themselves."""
    suffixes = (".cpp", ".cu") if kind == "cuda" else (".cpp",)
    return [file for file in files if file.suffix in suffixes]


def _python_include() -> Path:
    folder = Path(sysconfig.get_path("include"))
    if not (folder / "Python.h").is_file():
        raise RuntimeError(
            f"Python's headers are missing ({folder / 'Python.h'}): install them, on Debian and "
            f"Ubuntu by apt install python{sys.version_info[0]}.{sys.version_info[1]}-dev"
        )
    return folder


def _includes(kind: Kind, sources: Path) -> list[str]:
    theirs = [
        _TORCH / "include",
        _TORCH / "include" / "torch" / "csrc" / "api" / "include",
        _python_include(),
    ]
    ours = [f"-I{folder}" for folder in (sources, sources / kind)]
    return [*ours, *(part for folder in theirs for part in ("-isystem", str(folder)))]


def _openmp(host: HostCompiler) -> list[str]:
    """Return what links OpenMP: torch's own copy, so that there is one pool of threads."""
    if not host.openmp:
        return []
    own = sorted((_TORCH / "lib").glob("libgomp*.so*"))
    return [str(own[0])] if own and "clang" not in host.version else ["-fopenmp"]


def _link_flags() -> list[str]:
    undefined = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    return ["-shared", f"-L{_TORCH / 'lib'}", *_TORCH_LIBRARIES, *undefined]


def _shell(*parts: str) -> str:
    return shlex.join(parts).replace("$", "$$")


def _path(path: Path) -> str:
    """Write a path as ninja reads it."""
    return str(path).replace("$", "$$").replace(" ", "$ ").replace(":", "$:")


def _build_file(kind: Kind, units: list[Path], cxx: str, nvcc: str, link: str) -> str:
    lines, objects = [_NINJA.format(cxx=cxx, nvcc=nvcc, link=link)], []
    for unit in units:
        objects.append(f"{_path(Path(unit.name))}.o")
        rule = "nvcc" if unit.suffix == ".cu" else "cxx"
        lines.append(f"build {objects[-1]}: {rule} {_path(unit)}")
    lines.append(f"build {_module(kind)}.so: link {' '.join(objects)}")
    return "\n".join(lines) + "\n"


def _versions() -> list[str]:
    """Return what every library depends on beside its sources and compilers."""
    return [
        str(torch.__version__),
        str(torch.version.git_version),
        str(torch.version.cuda),
        str(sysconfig.get_config_var("SOABI")),
        sys.platform,
        platform.machine(),
    ]


def _recipe(
    kind: Kind, sources: Path, ninja: str, compilers: str, depends: list[str], files: list[Path]
) -> Recipe:
    digest = _digest(files, sources)
    key = hashlib.sha256(repr([*_versions(), *depends, digest]).encode()).hexdigest()[:16]
    return Recipe(
        kind=kind, key=key, ninja=ninja, compilers=compilers, sources=sources, digest=digest
    )


def _checked(kind: Kind, sources: Path) -> list[Path]:
    """Return the files of a kind.

    Raises:
        RuntimeError: there are none, or this system cannot build them.
    """
    if sys.platform == "win32":  # nobody has tried
        raise RuntimeError("compiled operators are built on Linux and macOS only")
    files = _files(kind, sources)
    if not _units(kind, files):
        raise RuntimeError(f"there are no sources in {sources / kind}: install stylegen anew")
    return files


def cpu_recipe(sources: Path) -> Recipe:
    """Return how the kernels for the CPU are built here.

    Args:
        sources: the folder that holds *.h and cpu/.

    Raises:
        RuntimeError: there is no C++ compiler, or no sources.
    """
    sources = sources.resolve()
    files = _checked("cpu", sources)
    host = find_host_compiler()
    flags = (*_CXX_FLAGS, *host.flags, f"-DTORCH_EXTENSION_NAME={_module('cpu')}")
    cxx = _shell(*host.command, *flags, *_includes("cpu", sources))
    libraries = [*_link_flags(), *_openmp(host)]
    link = f"{_shell(*host.command)} $in {_shell(*libraries)} -o $out"
    ninja = _build_file("cpu", _units("cpu", files), cxx, "", link)
    depends = [*host.command, host.version, host.target, *flags, *libraries]
    return _recipe("cpu", sources, ninja, host.version, depends, files)


def _nvcc_flags(toolkit: Toolkit, host: HostCompiler, arch: str) -> list[str]:
    numbers = [capability.replace(".", "") for capability in arch.split(";")]
    targets = [f"-gencode=arch=compute_{number},code=sm_{number}" for number in numbers]
    chosen = host.origin == "CXX" and "NVCC_CCBIN" not in os.environ
    return [
        *_NVCC_FLAGS,
        *targets,
        "-Xcompiler=-fPIC,-fvisibility=hidden",
        *(["-ccbin", host.program] if chosen else []),
    ]


def cuda_recipe(arch: str, sources: Path) -> Recipe:
    """Return how the CUDA kernels are built here; no GPU is needed.

    Args:
        arch: compute capabilities, such as "9.0" or "8.0;9.0".
        sources: the folder that holds *.h and cuda/.

    Raises:
        RuntimeError: a compiler is missing, or the CUDA runtime, or the sources.
    """
    sources = sources.resolve()
    files = _checked("cuda", sources)
    toolkit, host = find_toolkit(), find_host_compiler()
    includes = _includes("cuda", sources)
    after = [f"-I{toolkit.home / 'include'}"]
    theirs = [str(folder) for folder in extra_includes(toolkit)]
    after += [part for folder in theirs for part in ("-idirafter", folder)]
    name = f"-DTORCH_EXTENSION_NAME={_module('cuda')}"
    flags, nvcc_flags = [*_CXX_FLAGS, name], _nvcc_flags(toolkit, host, arch)
    libraries = [*_link_flags(), *_TORCH_CUDA_LIBRARIES, str(runtime_library(toolkit))]
    cxx = _shell(*host.command, *flags, *includes, *after)
    through = [part for folder in theirs for part in ("-Xcompiler", f"-idirafter,{folder}")]
    nvcc = _shell(str(toolkit.nvcc), *nvcc_flags, *includes, *through)
    link = f"{_shell(*host.command)} $in {_shell(*libraries)} -o $out"
    ninja = _build_file("cuda", _units("cuda", files), cxx, nvcc, link)
    depends = [*host.command, host.version, str(toolkit.nvcc), toolkit.version]
    depends += [*flags, *nvcc_flags, *libraries]
    depends += [f"{name}={os.environ.get(name, '')}" for name in _NVCC_READS]
    compilers = f"nvcc {toolkit.version} and {host.version}"
    return _recipe("cuda", sources, ninja, compilers, depends, files)
