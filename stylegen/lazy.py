"""Packages whose names are loaded when first used, so that naming one costs nothing (PEP 562)."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package.

    Args:
        package: its ``__name__``.
        homes: {name: module that holds it}, the module relative to the package or absolute.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        module = home if home.startswith("stylegen.") else f"{package}.{home}"
        return getattr(importlib.import_module(module), name)

    return load
