"""Read the built-in faces' factors off images: what a direction changed, in the factors' own units.

The faces' factors are known, so they can be read by what is fitted to faces drawn for it: x, the
demo network's features and the means of an 8 x 8 grid of the image, all at deviation 1, give

    a number       x a + b, by ridge regression
    one of K       softmax(x A + b): how much an image looks like each value, by logistic regression

How much of each factor is read right is measured on further faces, and factors that can hardly be
read are left out. Readings mean something on images that look like these faces only; how much a
network's images do is measured too.

N images, P columns of all factors together, D width of x, K values of a factor.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stylegen.data import FACTORS, FaceFactors, synth_images
from stylegen.data.threads import Progress
from stylegen.errors import InputError
from stylegen.perceptual import FeatureNetwork

FACES = 3000
_HELD_OUT = 1000
_SEED = 4242  # other faces than those the demo network is fitted to
_SIDE_PX = 32
_BATCH = 250
_PLACES = ("shift_x", "shift_y")  # the demo network is made not to see these
_CELLS = 8
_RIDGE = 1e-2
_ODD_RIDGE = 0.1  # larger, so that slight noise alone makes no image odd
_ITERATIONS = 60
MIN_QUALITY = 0.5  # of factors that are read; below it, what is read is rather other factors


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A factor as it is read.

    Attributes:
        name: as in :data:`stylegen.data.FACTORS`.
        values: the K values it can have; none for numbers.
        first: its first column of P.
        spread: root of its columns' summed variance in the built-in set.
        quality: share of that variance which is read right on held-out faces, at most 1.
    """

    name: str
    values: tuple[str, ...]
    first: int
    spread: float
    quality: float = 0.0

    @property
    def columns(self) -> slice:
        """Its columns of P."""
        return slice(self.first, self.first + max(1, len(self.values)))


def _columns(faces: Sequence[FaceFactors]) -> tuple[Tensor, list[Factor]]:
    """Return the faces' factors as (N, P) float64, and what the columns are."""
    parts: list[Tensor] = []
    factors: list[Factor] = []
    first = 0
    for about in FACTORS:
        if about["name"] in _PLACES:
            continue
        drawn = [getattr(face, about["name"]) for face in faces]
        values = about["values"] if about["kind"] == "categorical" else ()
        rows = [[float(v == value) for value in values] or [v] for v in drawn]
        part = torch.tensor(rows, dtype=torch.float64)
        spread = float(part.var(0).sum().sqrt())
        names = tuple(str(value) for value in values)
        factors.append(Factor(name=about["name"], values=names, first=first, spread=spread))
        parts.append(part)
        first += part.shape[1]
    return torch.cat(parts, dim=1), factors


@torch.no_grad()
def _features(network: FeatureNetwork, images: Tensor) -> Tensor:
    """Return what factors are read by, (N, D) float64 on the CPU."""
    device = next(network.parameters()).device
    rows = []
    for part in torch.split(images, _BATCH):
        cells = F.adaptive_avg_pool2d(part.double() / 255, _CELLS).flatten(1)
        rows.append(torch.cat([network(part.to(device)).pool.double().cpu(), cells.cpu()], dim=1))
    return torch.cat(rows)


class _Linear:
    """Read factors off standardised features; fitted to (N, D) and (N, P)."""

    def __init__(self, x: Tensor, y: Tensor, factors: Sequence[Factor]) -> None:
        self.mean, self.deviation = x.mean(0), x.std(0).clamp_min(1e-6)
        self.factors = factors
        x = self.standardised(x)
        square, unit = x.T @ x / len(x), torch.eye(x.shape[1], dtype=x.dtype)
        self.inverse = torch.linalg.inv(square + _ODD_RIDGE * unit)
        self.bias = y.mean(0)
        toward = x.T @ (y - self.bias) / len(x)
        self.weights: Tensor = torch.linalg.solve(square + _RIDGE * unit, toward)
        self._refine(x, y)

    def standardised(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation

    def _refine(self, x: Tensor, y: Tensor) -> None:
        """Turn the columns of values from least squares into logistic regression."""
        weights, bias = x.new_zeros(self.weights.shape), torch.zeros_like(self.bias)
        chosen = [factor.columns for factor in self.factors if factor.values]
        parameters = [weights.requires_grad_(), bias.requires_grad_()]
        solver = torch.optim.LBFGS(parameters, max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            solver.zero_grad()
            logits = x @ weights + bias
            parts = [F.cross_entropy(logits[:, c], y[:, c]) for c in chosen]
            total = torch.stack(parts).sum() + _RIDGE / 2 * weights.square().sum()
            torch.autograd.backward(total)
            return total

        solver.step(loss)  # type: ignore[no-untyped-call]
        for c in chosen:
            self.weights[:, c], self.bias[c] = weights.detach()[:, c], bias.detach()[c]

    def __call__(self, x: Tensor) -> Tensor:
        readings: Tensor = self.standardised(x) @ self.weights + self.bias
        for factor in self.factors:
            if factor.values:
                readings[:, factor.columns] = readings[:, factor.columns].softmax(dim=1)
        return readings

    def distance(self, x: Tensor) -> float:
        """Return the mean squared Mahalanobis distance from the faces."""
        x = self.standardised(x)
        return float(((x @ self.inverse) * x).sum(1).mean())


class FactorReader:
    """Reads the built-in faces' factors off images.

    Args:
        network: the demo network, of :func:`stylegen.perceptual.open_features`.
        faces: how many built-in faces to fit to; a third as many more are held out.
        progress: called with (faces drawn, faces in all) now and then.

    Attributes:
        factors: what is read.
        left_out: names of the factors that can hardly be read.
        network: as given.

    Raises:
        InputError: there are fewer faces than the features need.
    """

    def __init__(
        self, network: FeatureNetwork, faces: int = FACES, progress: Progress | None = None
    ) -> None:
        least = 2 * (network.dim + 3 * _CELLS**2)
        if faces < least:
            raise InputError(f"{faces} faces are too few to read by; wanted {least} or more")
        self.network = network
        images, drawn = synth_images(faces + faces // 3, _SIDE_PX, _SEED, progress)
        x, (y, factors) = _features(network, images), _columns(drawn)
        self._read = _Linear(x[:faces], y[:faces], factors)
        wrong, total = (self._read(x[faces:]) - y[faces:]).square().mean(0), y[faces:].var(0)
        qualities = [1 - float(wrong[f.columns].sum() / total[f.columns].sum()) for f in factors]
        known = [
            dataclasses.replace(factor, quality=quality)
            for factor, quality in zip(factors, qualities, strict=True)
        ]
        self.factors = tuple(factor for factor in known if factor.quality >= MIN_QUALITY)
        self.left_out = tuple(f.name for f in known if f.quality < MIN_QUALITY)
        self._usual = self._read.distance(x[faces:])

    def __call__(self, images: Tensor) -> Tensor:
        """Read images.

        Args:
            images: (N, 3, H, W) uint8.

        Returns:
            (N, P) float64 on the CPU; see :attr:`Factor.columns`.

        Raises:
            InputError: the images have other than three channels.
        """
        self.check_channels(images.shape[1])
        return self._read(_features(self.network, images))

    def oddness(self, images: Tensor) -> float:
        """Return how far images are from the built-in faces: about 1 for such faces, else more.

        Args:
            images: (N, 3, H, W) uint8.
        """
        return self._read.distance(_features(self.network, images)) / self._usual

    @staticmethod
    def check_channels(channels: int) -> None:
        """Make sure that images have colours.

        Raises:
            InputError: they have other than three channels.
        """
        if channels != 3:
            raise InputError(
                "the built-in faces' factors are read off RGB images, and this network's have "
                f"{channels} channel{'s' * (channels > 1)}"
            )

    def find(self, name: str) -> Factor:
        """Return a factor by its name.

        Raises:
            InputError: there is none; the known ones are listed.
        """
        known = {factor.name: factor for factor in self.factors}
        if name not in known:
            raise InputError(f"no factor {name!r} can be read; these can: {', '.join(known)}")
        return known[name]
