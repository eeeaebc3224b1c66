"""What a run does in trouble: go back to its last good state, and give up the third time.

A run whose gradients stay infinite or NaN goes back to its last good state, with other random
numbers; the second time to the state before that; the third time it gives up.
"""

import logging
from dataclasses import dataclass
from typing import Any, Self

from stylegen.errors import InputError
from stylegen.training.folder import RunFolder
from stylegen.training.run import Run
from stylegen.training.state import Saved, read_saved

_ROLLBACKS = 3
_FORGIVEN_KIMG = 200.0  # after so much training without trouble, earlier trouble counts no more
_SEED_STEP = 1_000_003  # between the seeds of two attempts
_WHAT = "the losses or gradients of the last steps were infinite or NaN"
_ADVICE = "a lower --lr, a higher --gamma, or --precision fp32 may help"

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Trouble:
    """How often a run has gone back.

    Attributes:
        rollbacks: times, since it last went well for long.
        rolled_back_kimg: from where, the last time.
    """

    rollbacks: int = 0
    rolled_back_kimg: float = 0.0

    @classmethod
    def of(cls, header: dict[str, Any]) -> Self:
        """Return that of a saved state; empty: of a run that begins."""
        return cls(
            rollbacks=int(header.get("rollbacks", 0)),
            rolled_back_kimg=float(header.get("rolled_back_kimg", 0.0)),
        )

    def state(self) -> dict[str, Any]:
        """Return the plain values that go on with the run."""
        return dict(vars(self))

    def count(self, kimg: float) -> None:
        """Note that the run goes back from here."""
        if kimg - self.rolled_back_kimg > _FORGIVEN_KIMG:
            self.rollbacks = 0
        self.rollbacks, self.rolled_back_kimg = self.rollbacks + 1, kimg


def _tell(kimg: float, saved: Saved) -> None:
    text = "at %.1f kimg %s; going back to %.1f kimg with other random numbers. If it happens "
    text += "again, %s"
    _log.warning(text, kimg, _WHAT, saved.images_shown / 1000, _ADVICE)


def go_back(run: Run, folder: RunFolder, trouble: Trouble) -> Saved:
    """Bring a run to its last good state, or the second time to the one before it.

    Args:
        run: the run.
        folder: its folder.
        trouble: what it has had so far; this time is counted.

    Returns:
        The state.

    Raises:
        InputError: this is the third time.
    """
    kimg = run.kimg
    trouble.count(kimg)
    if trouble.rollbacks >= _ROLLBACKS:
        raise InputError(
            f"the training diverges: at {kimg:.1f} kimg {_WHAT}, for the {_ROLLBACKS}rd time; "
            f"{_ADVICE}. The last good state is {folder.state}"
        )
    saved = read_saved(folder.good_state(again=trouble.rollbacks > 1))
    if run.world.is_first:
        _tell(kimg, saved)
    run.restore(saved, run.config.loop.seed + _SEED_STEP * trouble.rollbacks)
    return saved
