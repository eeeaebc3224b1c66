"""Where the C++ compiler is found, and what it can do on this machine.

CXX names it; else it is the first of c++, g++ and clang++ on PATH that works. One short question,
to preprocess nothing, tells whether it works, which of the wished-for flags it knows, and for
which instructions it compiles.
"""

import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_log = logging.getLogger(__name__)

_NATIVE = "-march=native"
_OPENMP = "-fopenmp"
_TIMEOUT_SEC = 60
ENGLISH = {"LC_ALL": "C"}  # messages are searched for "error:"


@dataclass(frozen=True, kw_only=True)
class HostCompiler:
    """A C++ compiler.

    Attributes:
        command: the program with its full path, after a wrapper such as ccache if CXX has one.
        version: the first line that it says of itself.
        origin: where it was found, for messages.
        flags: what it knows of "-march=native" and "-fopenmp".
        target: digest of its predefined macros, so of the instructions that it compiles for.
    """

    command: tuple[str, ...]
    version: str
    origin: str
    flags: tuple[str, ...]
    target: str

    @property
    def program(self) -> str:
        """The compiler itself, without a wrapper before it or flags behind."""
        return next(part for part in reversed(self.command) if not part.startswith("-"))

    @property
    def openmp(self) -> bool:
        """Whether loops run in parallel."""
        return _OPENMP in self.flags


def _ask(command: tuple[str, ...], *question: str, text: str = "") -> tuple[bool, str]:
    """Return whether the compiler is content, and its answer or complaint."""
    try:
        answer = subprocess.run(
            [*command, *question],
            input=text, capture_output=True, text=True, errors="replace",
            timeout=_TIMEOUT_SEC, env=os.environ | ENGLISH,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return False, str(error)
    if answer.returncode == 0:
        return True, answer.stdout
    complaint = answer.stderr.strip() or answer.stdout.strip() or f"exit code {answer.returncode}"
    return False, complaint.splitlines()[-1]


def _wishes() -> list[tuple[str, ...]]:
    """Return combinations of flags, the best first; macOS has no OpenMP of its own."""
    without = [(_NATIVE,), ()]
    return without if sys.platform == "darwin" else [(_NATIVE, _OPENMP), (_OPENMP,), *without]


def _examine(command: tuple[str, ...], origin: str) -> HostCompiler | str:
    """Return the compiler, or what is wrong with it."""
    works, version = _ask(command, "--version")
    if not works:
        return version
    answer = ""
    for flags in _wishes():
        program = "#include <omp.h>\n" if _OPENMP in flags else "\n"
        question = (*flags, "-x", "c++", "-dM", "-E", "-")
        works, answer = _ask(command, *question, text=program)
        if works:
            return HostCompiler(
                command=command,
                version=(version.splitlines() or ["version unknown"])[0].strip(),
                origin=origin,
                flags=flags,
                target=hashlib.sha256(answer.encode()).hexdigest()[:16],
            )
    return answer


def _candidates() -> Iterator[tuple[str, list[str]]]:
    """Yield (origin, command); only CXX if it is set."""
    if named := os.environ.get("CXX", "").strip():
        try:
            yield "CXX", shlex.split(named)
        except ValueError as error:  # a quote that is never closed
            raise RuntimeError(f"CXX is {named!r}, which is no command: {error}") from error
        return
    for name in ("c++", "g++", "clang++"):
        yield f"{name} on PATH", [name]


def find_host_compiler() -> HostCompiler:
    """Find the C++ compiler.

    Raises:
        RuntimeError: there is none that works; the message says what was found and what to do.
    """
    refused = []
    for origin, (name, *rest) in _candidates():
        path = shutil.which(name)
        if path is None:
            if origin == "CXX":
                refused.append(f"CXX names {name}, which is not there")
            continue
        found = _examine((path, *rest), origin)
        if isinstance(found, HostCompiler):
            _log.info("C++ compiler: %s, %s, by %s", path, found.version, origin)
            return found
        refused.append(f"{path} ({origin}) does not work: {found}")
    if not refused:
        raise RuntimeError("no C++ compiler: install one, such as g++, or name it in CXX")
    raise RuntimeError(f"no C++ compiler: {'; '.join(refused)}"[:600])
