"""Where a weights file is looked for, and whether what lies there is whole.

In this order: what the caller names, what the environment variable names, torch.hub's folder; a
file that lies nowhere is downloaded to torch.hub's folder if it can be checked.
"""

import dataclasses
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch

from stylegen.errors import InputError
from stylegen.perceptual.weights import fetch, file_digest, require_file
from stylegen.perceptual.weights_table import Weights, weights_facts

SCRIPT = "torchscript:"

State = Literal["whole", "absent", "truncated", "different", "unknown"]


def without_scheme(named: str | Path) -> Path:
    """Return the path of a weights file, without the word that allows its code to run."""
    return Path(str(named).removeprefix(SCRIPT))


def hub_path(entry: Weights) -> Path:
    """Return where torch-fidelity and torchvision, and so this package, keep a file."""
    return Path(torch.hub.get_dir()) / "checkpoints" / entry.file


def named_weights(name: str, given: str | Path | None = None) -> str | Path | None:
    """Return what the caller or the environment names as a network's weights, if anything."""
    variable = weights_facts(name).variable
    return given if given is not None else os.environ.get(variable) or None


def weights_path(name: str, given: str | Path | None = None) -> Path:
    """Return where a network's weights are looked for; there may be nothing.

    Raises:
        InputError: no such weights are known.
    """
    named = named_weights(name, given)
    return hub_path(weights_facts(name)) if named is None else without_scheme(named)


def how_to_get(name: str, flag: str | None = None) -> str:
    """Say in part of a sentence how a weights file is had.

    Args:
        name: of the weights.
        flag: the option that names it, where that is not the usual one.

    Raises:
        InputError: no such weights are known.
    """
    entry = weights_facts(name)
    name_it = f"name it with {flag or entry.flag} FILE or in {entry.variable}"
    if entry.url is None:
        return f"{name_it}; it can be downloaded nowhere that is known here"
    return f"get {entry.url} and either put it at {hub_path(entry)} or {name_it}"


def weights_words(name: str) -> str:
    """Say in a few words where a network's weights are, or how it gets them; nothing is fetched.

    Raises:
        InputError: no such weights are known.
    """
    entry, path = weights_facts(name), weights_path(name)
    if not path.is_file():
        how = f"downloaded to {path}, once"
        return f"absent: {how}" if entry.fetchable else f"named by {entry.flag} FILE"
    if is_truncated(path, entry):
        return f"cut off: {path}"
    return f"found: {path}"


def download(
    name: str,
    *,
    sha256: str | None = None,
    progress: Callable[[int], None] | None = None,
    flag: str | None = None,
) -> Path:
    """Download a network's weights to torch.hub's folder, and check them.

    Args:
        name: of the weights.
        sha256: the digest to expect, for files whose digest is not known here.
        progress: called with the bytes written so far.
        flag: the option that names another file, where that is not the usual one.

    Returns:
        Where they are.

    Raises:
        InputError: there is no URL or digest of them, or the download failed or was cut off.
    """
    entry, path = weights_facts(name), hub_path(weights_facts(name))
    expected = sha256 or entry.sha256
    if entry.url is None or not expected:
        lack = "no sha256 is known to check them" if entry.url else "no URL of them is known"
        raise InputError(f"the weights of {name} are not downloaded, since {lack}: "
                         f"{how_to_get(name, flag)}")  # fmt: skip
    try:
        fetch(entry.url, path, expected, entry.size_bytes, progress)
    except OSError as error:
        raise InputError(
            f"the weights of {name} are not on this machine and could not be downloaded "
            f"({error}): {how_to_get(name, flag)}"
        ) from error
    return path


def find_weights(name: str, given: str | Path | None = None, *, flag: str | None = None) -> Path:
    """Return a network's weights file, downloading it first where it is absent.

    Args:
        name: of the weights.
        given: a file that the caller names; None: the environment variable, or torch.hub's folder.
        flag: the option that names it, where that is not the usual one, for messages.

    Raises:
        InputError: a file that was named is absent or empty, or there is none and it cannot be
            downloaded.
    """
    named, path = named_weights(name, given), weights_path(name, given)
    if named is None:
        return path if path.is_file() else download(name, flag=flag)
    if given is None and not path.is_file():
        raise InputError(
            f"{weights_facts(name).variable} names the weights file {path}, and there is none"
        )
    require_file(path)
    return path


def published_notes(name: str, digest: str) -> tuple[str, ...]:
    """Return what a reader should know of weights of this digest: nothing, if published ones."""
    entry = weights_facts(name)
    if entry.sha256 and digest.startswith(entry.sha256):
        return ()
    known = f"(sha256 {entry.sha256[:8]}...)" if entry.sha256 else "(no digest of it is known)"
    title = name.capitalize() if name == "inception" else name
    return (
        f"The {title} weights are not the published file {known}: values compare only with others "
        "taken with the same file.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found of a weights file.

    Attributes:
        name: of the weights.
        path: where it was looked for.
        state: "unknown": it is there, and there is no digest to compare with.
        said: the same in a sentence.
        sha256: of what lies there, hexadecimal; empty: nothing does.
    """

    name: str
    path: Path
    state: State
    said: str
    sha256: str = ""


def is_truncated(path: Path, entry: Weights) -> bool:
    """Tell a broken download: shorter than the file should be, or a zip without its end."""
    size = path.stat().st_size
    if entry.size_bytes is not None:
        return size < entry.size_bytes
    with path.open("rb") as file:
        return size == 0 or (file.read(4) == b"PK\x03\x04" and not zipfile.is_zipfile(path))


def _compared(path: Path, entry: Weights, digest: str) -> tuple[State, str]:
    size = f"{path.stat().st_size:,}"
    if entry.sha256 and digest.startswith(entry.sha256):
        return "whole", f"the published file, {size} bytes"
    if is_truncated(path, entry):
        whole = f" of {entry.size_bytes:,}" if entry.size_bytes else ""
        return "truncated", (
            f"cut off after {size}{whole} bytes, as a broken download leaves it: delete it and "
            "fetch it again"
        )
    if not entry.sha256:
        return "unknown", f"{size} bytes; no published digest is known to compare it with"
    return "different", f"another file than the published one (sha256 {entry.sha256[:8]}...)"


def verify(name: str, given: str | Path | None = None) -> Verdict:
    """Compare a weights file with what is published of it. Nothing is read but its bytes.

    Args:
        name: of the weights.
        given: the file; None: where it is looked for.

    Raises:
        InputError: no such weights are known.
        OSError: it cannot be read.
    """
    entry, path = weights_facts(name), weights_path(name, given)
    if not path.is_file():
        return Verdict(name=name, path=path, state="absent", said="there is no such file")
    digest = file_digest(path)
    state, said = _compared(path, entry, digest)
    return Verdict(name=name, path=path, state=state, said=said, sha256=digest)
