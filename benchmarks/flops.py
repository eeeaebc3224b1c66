"""Floating-point operations, counted while they run: a multiplication and an addition are two.

Convolutions and matrix products are counted, forward and backward, by torch's formulas; what is
done element by element is not, nor are compiled kernels, so count on the plain path.
"""

from collections.abc import Callable

from torch.utils.flop_counter import FlopCounterMode


class _NoModules:
    """Stands in for the counter's tracker of modules, which refuses gradients of gradients."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def count(function: Callable[[], object]) -> int:
    """Return the operations of one call."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _NoModules()  # type: ignore[assignment]
    with counter:
        function()
    return int(counter.get_total_flops())
