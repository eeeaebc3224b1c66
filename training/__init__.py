"""Training: losses, regularisation, the step, the loop, and a run's folder.

Loaded when first used: the configurations alone need no torch.
"""

from typing import TYPE_CHECKING

from stylegen.lazy import lazy_names
from stylegen.training.choices import Choices, plan_run
from stylegen.training.config import RunConfig

if TYPE_CHECKING:
    from stylegen.training.loop import Outcome as Outcome
    from stylegen.training.loop import Status as Status
    from stylegen.training.loop import resume as resume
    from stylegen.training.loop import train as train
    from stylegen.training.step import Trainer as Trainer

_HOMES = {
    "Outcome": "loop",
    "Status": "loop",
    "Trainer": "step",
    "resume": "loop",
    "train": "loop",
}
__all__ = ["Choices", "Outcome", "RunConfig", "Status", "Trainer", "plan_run", "resume", "train"]

__getattr__ = lazy_names(__name__, _HOMES)
