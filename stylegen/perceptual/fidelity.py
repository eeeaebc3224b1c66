"""torch-fidelity's parts, imported where they are used, and without what importing them changes."""

import contextlib
import importlib
import os
import warnings
from collections.abc import Iterator
from typing import Any

from stylegen.errors import InputError


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep warning filters as they are and discard what is printed on import."""
    with warnings.catch_warnings(), open(os.devnull, "w") as nowhere:
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(nowhere):
            yield


def part(module: str, name: str, purpose: str) -> Any:
    """Import a part of torch-fidelity: heavy, and it sets global warning filters.

    Args:
        module: of torch_fidelity.
        name: in the module.
        purpose: what needs it, for people.

    Raises:
        InputError: torch-fidelity, or a torchvision that matches torch, is not installed.
    """
    with quiet():
        try:
            return getattr(importlib.import_module(f"torch_fidelity.{module}"), name)
        except (ImportError, RuntimeError) as error:
            raise InputError(
                f"{purpose} needs torch-fidelity, and it a torchvision that matches "
                f"torch (pip install --upgrade torch torchvision torch-fidelity): {error}"
            ) from error
