"""The demo network: a small classifier of the built-in faces' factors, fitted in seconds.

It lets a report be made offline. Images are resized to 32 x 32; four strided convolutions and a
linear layer give D = 128 features; one head classifies the primary factor (K logits), and further
heads learn the other factors, classes by cross-entropy and numbers by squared error, so that the
features answer to all of them. Its distances mean something on the built-in set only.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from stylegen.devices import seeded
from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.perceptual.base import FeatureNetwork, Features, as_rgb
from stylegen.perceptual.names import NETWORKS, Arithmetic
from stylegen.perceptual.weights import file_digest, load_into, load_tensors

log = logging.getLogger(__name__)

SIDE_PX = 32
VERSION = "1"
_DIM = NETWORKS["demo"].dim or 0
_WIDTHS = (32, 64, 128)
_BATCH = 100
_RATE = 4e-3
_SHIFT_PX = 2

NOTE = (
    "The demo features come from a small classifier of the built-in faces, fitted on this "
    "machine: values compare only with others of the same weights, and only on such faces."
)


def _resized(images: Tensor) -> Tensor:
    """Return RGB uint8 images as (N, 3, 32, 32) float32 in [-1, 1]."""
    x = images.float() / 127.5 - 1
    if x.shape[-2:] == (SIDE_PX, SIDE_PX):
        return x
    return F.interpolate(x, (SIDE_PX, SIDE_PX), mode="bilinear", antialias=True)


class _Trunk(nn.Sequential):
    def __init__(self, dim: int) -> None:
        layers: list[nn.Module] = []
        inputs = 3
        for width in _WIDTHS:
            layers += [nn.Conv2d(inputs, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            inputs = width
        cells = (SIDE_PX >> len(_WIDTHS)) ** 2
        super().__init__(*layers, nn.Flatten(), nn.Linear(inputs * cells, dim), nn.LeakyReLU(0.2))


class _Heads(nn.Module):
    """The trunk and one linear head for each factor, while fitting."""

    def __init__(self, widths: Mapping[str, int]) -> None:
        super().__init__()
        dim = _DIM
        self.trunk = _Trunk(dim)
        self.heads = nn.ModuleDict({name: nn.Linear(dim, width) for name, width in widths.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        pool = self.trunk(x)
        return {name: head(pool) for name, head in self.heads.items()}


def _targets(factors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Keep classes as they are; give each column of numbers mean 0 and deviation 1."""
    targets = {}
    for name, values in factors.items():
        if not values.is_floating_point():
            targets[name] = values.long()
            continue
        numbers = values.float().reshape(len(values), -1)
        targets[name] = (numbers - numbers.mean(0)) / numbers.std(0).clamp_min(1e-6)
    return targets


def _head_width(target: Tensor) -> int:
    return target.shape[1] if target.is_floating_point() else int(target.max()) + 1


def _factor_loss(output: Tensor, target: Tensor) -> Tensor:
    if target.is_floating_point():
        return F.mse_loss(output, target)
    return F.cross_entropy(output, target)


def _shifted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Shift a batch by up to two pixels, so that the network does not count on pixel places."""
    dy, dx = torch.randint(-_SHIFT_PX, _SHIFT_PX + 1, (2,), generator=generator).tolist()
    padded = F.pad(x, (_SHIFT_PX,) * 4, mode="replicate")
    top, left = _SHIFT_PX + dy, _SHIFT_PX + dx
    return padded[:, :, top : top + SIDE_PX, left : left + SIDE_PX]


def _fit(
    model: _Heads,
    x: Tensor,
    targets: Mapping[str, Tensor],
    epochs: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    steps = epochs * -(-len(x) // _BATCH)
    optimizer = torch.optim.Adam(model.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    done = 0
    for _ in range(epochs):
        for index in torch.split(torch.randperm(len(x), generator=generator), _BATCH):
            outputs = model(_shifted(x[index], generator))
            loss = torch.stack([_factor_loss(outputs[k], t[index]) for k, t in targets.items()])
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss.sum())
            optimizer.step()
            schedule.step()
            done += 1
            if progress is not None:
                progress(done, steps)


def _check(images: Tensor, factors: Mapping[str, Tensor], primary: str) -> None:
    if primary not in factors or factors[primary].is_floating_point():
        raise InputError(
            f"the primary factor {primary!r} should be integer classes among {sorted(factors)}"
        )
    for name, values in factors.items():
        if len(values) != len(images):
            raise InputError(
                f"factor {name!r} has {len(values)} values for {len(images)} images; one each"
            )


def fit_demo(
    images: Tensor,
    factors: Mapping[str, Tensor],
    primary: str,
    path: str | Path,
    *,
    epochs: int = 10,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Fit the demo network to images of known factors and write it to a file.

    Deterministic from the seed on one machine and thread count; the global random state is left
    as it was.

    Args:
        images: (N, C, H, W) uint8, C 1 or 3.
        factors: for each factor (N,) integer classes, or (N,) or (N, P) floating-point numbers.
        primary: name of the factor whose classes the logits are.
        path: where to write, as safetensors; its folder is made when absent.
        epochs: passes over the images.
        seed: of initial weights, order and shifts.
        progress: called with steps done and steps in all.

    Raises:
        InputError: the primary factor is absent or no classes, or a length differs.
    """
    _check(images, factors, primary)
    targets = _targets(factors)
    x = _resized(as_rgb(images))
    with seeded(seed, torch.device("cpu")):
        model = _Heads({name: _head_width(t) for name, t in targets.items()})
    model.to(memory_format=torch.channels_last)
    _fit(model, x.contiguous(memory_format=torch.channels_last), targets, epochs, seed, progress)
    head = model.heads[primary]
    tensors = {f"trunk.{k}": v.contiguous() for k, v in model.trunk.state_dict().items()}
    tensors |= {f"head.{k}": v.contiguous() for k, v in head.state_dict().items()}
    _write(tensors, Path(path))


def _write(tensors: dict[str, Tensor], path: Path) -> None:
    with atomic_path(path, parents=True) as temporary:
        temporary.touch()
        mode = temporary.stat().st_mode
        save_file(tensors, temporary)
        temporary.chmod(mode)  # save_file allows the owner alone


def recipe_digest(facts: str) -> str:
    """Return a short digest of how the network is fitted, to name its cached file by.

    Args:
        facts: what the caller adds: the data's recipe, the seed, the number of epochs.
    """
    recipe = f"{VERSION} {SIDE_PX} {_WIDTHS} {_BATCH} {_RATE} {_SHIFT_PX} {_DIM}"
    return hashlib.sha256(f"{recipe} {facts}".encode()).hexdigest()[:16]


class Demo(FeatureNetwork):
    """Features and logits of the demo network.

    Args:
        weights: a file that :func:`fit_demo` wrote.
        arithmetic: "fp32" and "fast" are one here.

    Raises:
        InputError: no file is named, or it is absent, cut off, or another network's.
    """

    def __init__(
        self, weights: str | Path | None = None, *, arithmetic: Arithmetic = "fp32"
    ) -> None:
        if weights is None:
            raise InputError(
                "the demo network has to be fitted first: name the file of its weights"
            )
        values = load_tensors(weights)
        if "head.weight" not in values or values["head.weight"].dim() != 2:
            raise InputError(f"{weights} does not hold the demo network's weights")
        super().__init__("demo", file_digest(weights), (NOTE,), arithmetic=arithmetic)
        self.trunk = _Trunk(self.dim)
        self.head = nn.Linear(self.dim, len(values["head.weight"]))
        load_into(self, values, f"the tensors in {weights}")
        self.settle(self.trunk)

    def layout(self) -> torch.memory_format:
        """Return how the layers' inputs lie in memory."""
        return torch.channels_last

    def features(self, images: Tensor) -> Features:
        """Compute the features and logits of (N, 3, H, W) uint8."""
        pool = self.trunk(self.laid_out(_resized(images))).float()
        return Features(pool, self.head(pool))
