"""States of the official StyleGAN2 implementation.

Our networks carry its parameter and buffer names, so that loading is copying; what this adds is
strictness in words. Source of the names: stylegan2-ada-pytorch snapshots.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stylegen.errors import InputError

_SHOWN = 8


def _list(title: str, names: list[str]) -> str:
    if not names:
        return ""
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"; {title}: {', '.join(names[:_SHOWN])}{more}"


def _tensor(value: Tensor | NDArray[np.generic]) -> Tensor:
    return value if isinstance(value, Tensor) else torch.from_numpy(np.array(value))


def load_strictly(
    network: nn.Module, state: Mapping[str, Tensor | NDArray[np.generic]], what: str
) -> None:
    """Copy a state into a network, all of it or nothing.

    Args:
        network: its state dict names what is wanted.
        state: {name: array or tensor}.
        what: how to call the state in the error message.

    Raises:
        InputError: names are missing or unexpected, or shapes differ; all are listed.
    """
    wanted = network.state_dict()
    given = {name: _tensor(value) for name, value in state.items()}
    missing = sorted(set(wanted) - set(given))
    unexpected = sorted(set(given) - set(wanted))
    misshapen = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(t.shape)}"
        for name, t in wanted.items()
        if name in given and given[name].shape != t.shape
    ]
    if missing or unexpected or misshapen:
        raise InputError(
            f"{what} does not fit this {type(network).__name__}"
            + _list("missing", missing)
            + _list("unexpected", unexpected)
            + _list("other shape", misshapen)
        )
    network.load_state_dict(given)


def load_official_state(
    network: nn.Module, state: Mapping[str, Tensor | NDArray[np.generic]]
) -> None:
    """Load the state of an official generator or discriminator.

    Args:
        network: a :class:`~stylegen.networks.Generator` or Discriminator of the same shape.
        state: {official name: array or tensor}, all of it.

    Raises:
        InputError: names are missing or unexpected, or shapes differ; all are listed.
    """
    load_strictly(network, state, "this state")
