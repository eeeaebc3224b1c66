"""How w spreads: its mean and covariance over samples, the measure of all directions.

N samples, Z width of z, D width of w, L number of layers that take a w.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from stylegen.editing.sampling import SAMPLES, sample_w
from stylegen.errors import InputError
from stylegen.networks import Generator


@dataclass(frozen=True, kw_only=True, eq=False)
class Spread:
    """Mean and covariance of w.

    Attributes:
        mean: (D,) float64.
        covariance: (D, D) float64, divided by N - 1.
        count: N.
    """

    mean: Tensor
    covariance: Tensor
    count: int

    @staticmethod
    def of(w: Tensor) -> "Spread":
        """Measure samples (N, D).

        Raises:
            InputError: there are fewer than two.
        """
        if len(w) < 2:
            raise InputError(f"a spread needs at least 2 samples of w, not {len(w)}")
        w = w.double()
        mean = w.mean(0)
        centred = w - mean
        return Spread(mean=mean, covariance=centred.T @ centred / (len(w) - 1), count=len(w))

    def along(self, rows: Tensor) -> float:
        """Return the standard deviation of w's projection on a direction.

        Args:
            rows: (L, D), see :meth:`~stylegen.editing.directions.Direction.rows`; rows of zeros
                do not count. Where layers differ, the root of the mean variance over them.

        Raises:
            InputError: w does not vary in this direction at all.
        """
        moved = rows.double()[rows.any(dim=1)]
        variance = float(((moved @ self.covariance) * moved).sum() / len(moved))
        if not variance > 0:
            raise InputError("w does not vary along this direction: a strength has no unit there")
        return math.sqrt(variance)

    def share(self, vector: Tensor) -> float:
        """Return the share, 0 to 1, of w's variance that lies along a vector (D,)."""
        unit = vector.double() / vector.double().norm()
        return float(unit @ self.covariance @ unit / self.covariance.trace())


def measure_spread(
    generator: Generator,
    count: int = SAMPLES,
    seed: int = 0,
    class_name: str | int | None = None,
) -> Spread:
    """Measure a network's w; see :func:`sample_w` for the arguments and errors."""
    return Spread.of(sample_w(generator, count, seed, class_name))


def fix_signs(vectors: Tensor) -> Tensor:
    """Turn each row so that its entry of largest size is positive: eigenvectors have no sign."""
    largest = vectors.abs().argmax(dim=1, keepdim=True)
    return vectors * vectors.gather(1, largest).sign()


def check_count(count: int, w_dim: int) -> None:
    """Check a number of directions.

    Raises:
        InputError: it is not from 1 to D.
    """
    if not 1 <= count <= w_dim:
        raise InputError(f"{count} directions were asked for; w has {w_dim}, wanted 1 to {w_dim}")
