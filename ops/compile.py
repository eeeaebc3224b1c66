"""Run ninja on a recipe, in a scratch folder; only a whole library comes out of it.

A build that is killed leaves a scratch folder behind, which the next one removes: compilers that
outlive it write where nobody looks.
"""

import contextlib
import logging
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from stylegen.ops.host_compiler import ENGLISH
from stylegen.ops.recipe import Recipe

LOG = "build.log"  # in a build's folder, when it failed

_log = logging.getLogger(__name__)

_ERROR = re.compile(r"\berror ?:|\bfatal\b|undefined reference|cannot find", re.IGNORECASE)
_NO_ERROR = re.compile(
    r"^collect2:|ld returned|compilation terminated|^ninja: build stopped|^FAILED: "
    r"|linker command failed"
)
_LIMIT_SEC = 1800.0


def last_error(output: str) -> str:
    """Return the last line by which a compiler or linker says what is wrong."""
    said = (line.strip() for line in output.splitlines())
    lines = [line for line in said if line and not _NO_ERROR.search(line)]
    errors = [line for line in lines if _ERROR.search(line)]
    return (errors or lines or ["no message"])[-1][:300]


def find_ninja() -> str:
    """Return ninja's path.

    Raises:
        RuntimeError: it is nowhere.
    """
    folders = [sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]  # where pip puts it
    path = os.pathsep.join([*folders, os.environ.get("PATH", "")])
    if found := shutil.which("ninja", path=path):
        return found
    raise RuntimeError("ninja is missing: pip install ninja")


def _ninja(folder: Path) -> tuple[int, str]:
    """Run ninja in a folder; stop its compilers, too, if this process is interrupted."""
    jobs = os.environ.get("MAX_JOBS", "")
    command = [find_ninja(), *(["-j", jobs] if jobs.isdecimal() else [])]
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | ENGLISH, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=_LIMIT_SEC)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return process.returncode, output


def remove_leftovers(folder: Path) -> None:
    """Remove what killed builds left in a folder; none may be at work there now."""
    for left in folder.glob("scratch-*"):
        _log.info("removing %s, left by a build that was killed", left)
        shutil.rmtree(left, ignore_errors=True)


def _fail(output: str, folder: Path) -> RuntimeError:
    log = folder / LOG
    with contextlib.suppress(OSError):
        log.write_text(output)
    return RuntimeError(f"{last_error(output)} (all of it in {log})")


def compile_library(recipe: Recipe, folder: Path) -> Path:
    """Compile and link, and put the library into the folder at once.

    Args:
        recipe: what is built, and how.
        folder: an existing folder.

    Returns:
        The library.

    Raises:
        RuntimeError: it fails; the message is one line with the compilers' last error, and names
            the file that holds the rest.
        OSError: the folder cannot be written.
    """
    with tempfile.TemporaryDirectory(
        prefix="scratch-", dir=folder, ignore_cleanup_errors=True
    ) as name:
        scratch = Path(name)
        (scratch / "build.ninja").write_text(recipe.ninja)
        try:
            code, output = _ninja(scratch)
        except (OSError, subprocess.SubprocessError) as error:
            raise _fail(str(error), folder) from error
        made = scratch / recipe.library
        if code != 0 or not made.is_file():
            raise _fail(output, folder)
        if not recipe.is_current():
            raise RuntimeError("the sources changed while they were compiled; start again")
        os.replace(made, folder / recipe.library)
    (folder / LOG).unlink(missing_ok=True)
    return folder / recipe.library
