"""TorchScript archives: loaded with their code, where the caller has made sure of it."""

import warnings
from pathlib import Path
from typing import Any

import torch

from stylegen.errors import InputError


def load_script(path: Path, extra_file: str | None = None) -> tuple[Any, str]:
    """Load a TorchScript archive, with the code in it.

    Args:
        path: a file that the user named as TorchScript, or whose digest is a published one.
        extra_file: name of a text that may lie beside the code.

    Returns:
        The module, on the CPU, and the text; empty where there is none.

    Raises:
        InputError: it cannot be loaded.
    """
    extra: dict[str, Any] = {} if extra_file is None else {extra_file: ""}
    load: Any = torch.jit.load
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated; its files are there
            module = load(path, map_location="cpu", _extra_files=extra)
    except (RuntimeError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise InputError(f"{path} is not a readable TorchScript archive: {reason}") from error
    text = extra.get(extra_file or "", "")
    return module, text.decode() if isinstance(text, bytes) else text
