"""Health of a run: what goes wrong, said in one sentence with the flag to change.

Free of torch: it reads the numbers of stats.jsonl.
"""

from stylegen.training.health.config import Advice, HealthConfig
from stylegen.training.health.monitor import Health

__all__ = ["Advice", "Health", "HealthConfig"]
