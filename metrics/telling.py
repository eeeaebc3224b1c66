"""How far long work has come and when it will be done: for a caller, and now and then the log."""

import logging
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)
_EVERY_SEC = 30.0


def duration_words(seconds: float) -> str:
    """Return a duration in words: "40 s", "12 min", "2 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


class Told:
    """Tells of the images done: every time to a callable, twice a minute to the log.

    Args:
        progress: called with the stage's name, images done, and images in all; None: nobody.
        clock: seconds.
    """

    def __init__(
        self,
        progress: Callable[[str, int, int], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress, self._clock = progress, clock

    def of(self, stage: str, total: int) -> Callable[[int], None]:
        """Return what is to be called with the number of images done of a stage."""
        begin = said = self._clock()

        def tell(done: int) -> None:
            nonlocal said
            if self._progress is not None:
                self._progress(stage, done, total)
            now = self._clock()
            if now - said >= _EVERY_SEC and done:
                said, rate = now, done / (now - begin)
                left = duration_words((total - done) / rate)
                text = "%s: %s of %s, %.1f img/s, %s left"
                _log.info(text, stage, f"{done:,}", f"{total:,}", rate, left)

        return tell
