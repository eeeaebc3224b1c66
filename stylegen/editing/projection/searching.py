"""The search itself: Adam on the codes and the noise maps of a few images.

    minimise over code and maps:  distance(G(code + noise, maps), target)
                                  + pull |code - mean|^2 / dev^2
                                  + smoothness mean_l |code_{l+1} - code_l|^2 / dev^2
                                  + noise_weight R(maps)

The state is a mapping of tensors with one row for each image, so that rows can be cut apart, kept,
and put together again. No row depends on another.

Source: Karras et al. 2020 (StyleGAN2), appendix D; Adam: Kingma & Ba 2015, algorithm 1.

N images, C channels, H height, W width, D width of w, L number of layers that take a w, l is 1 for
W and L for W+, T codes along the way.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from stylegen.editing.projection.config import ProjectionConfig
from stylegen.editing.projection.distances import Distance
from stylegen.editing.projection.maps import as_noise, correlations, renormalise, stored_maps
from stylegen.editing.projection.schedule import latent_noise, learning_rate
from stylegen.editing.projection.starting import Beginning, choose, image_key, step_noise
from stylegen.images import from_uint8
from stylegen.networks import Generator

Rows = dict[str, Tensor]
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


def adam(rows: Rows, name: str, gradient: Tensor, step: int, lr: float) -> Rows:
    """Take one step of Adam on one tensor; its moments are ``name.m`` and ``name.v``.

    Args:
        rows: with ``name``, and its moments after the first step.
        name: of the tensor.
        gradient: of the tensor's shape.
        step: 0, 1, ...
        lr: learning rate.

    Returns:
        The tensor and its moments.
    """
    m, v = (rows.get(f"{name}.{x}", torch.zeros_like(gradient)) for x in "mv")
    m = _BETA1 * m + (1 - _BETA1) * gradient
    v = _BETA2 * v + (1 - _BETA2) * gradient.square()
    mean, square = m / (1 - _BETA1 ** (step + 1)), v / (1 - _BETA2 ** (step + 1))
    moved = rows[name] - lr * mean / (square.sqrt() + _EPS)
    return {name: moved, f"{name}.m": m, f"{name}.v": v}


def trace_steps(config: ProjectionConfig) -> list[int]:
    """Return the steps whose codes are kept: evenly spread, the first and the last among them."""
    count = config.traced
    return [round(i * (config.steps - 1) / max(count - 1, 1)) for i in range(count)]


class Search:
    """The search for some images' codes.

    Args:
        generator: frozen, in evaluation mode.
        distance: to minimise.
        config: the recipe.
        beginning: from :func:`~stylegen.editing.projection.starting.begin`.
        targets: (N, C, H, W) uint8, on the CPU.
    """

    def __init__(
        self,
        generator: Generator,
        distance: Distance,
        config: ProjectionConfig,
        beginning: Beginning,
        targets: Tensor,
    ) -> None:
        self.generator, self.distance, self.config = generator, distance, config
        self.beginning, self.device = beginning, beginning.mean.device
        self.keys = [image_key(target, config.seed) for target in targets]
        with torch.no_grad():
            self.features = distance.features(from_uint8(targets).to(self.device))
        self.stored = stored_maps(generator)
        self.map_names = [f"map{i}" for i in range(len(self.stored))]
        self.stored_correlations = correlations([x[None, None] for x in self.stored])
        self.traced = trace_steps(config)

    def begin(self) -> Rows:
        """Return the state before the first step."""
        start = choose(self.beginning, self.distance, self.features, len(self.keys))
        length = 1 if self.config.space == "w" else self.generator.config.num_ws
        return self.at(start[:, None].repeat(1, length, 1))

    def at(self, code: Tensor) -> Rows:
        """Return a state at codes (N, l, D), with stored noise and nothing judged yet."""
        n = len(code)
        rows = {"code": code, "trace": code[:, None].repeat(1, self.config.traced, 1, 1)}
        for name, stored in zip(self.map_names, self.stored, strict=True):
            rows[name] = stored.expand(n, 1, *stored.shape).clone()
        best = {f"best.{name}": rows[name] for name in ("code", *self.map_names)}
        loss = torch.full((n,), math.inf, device=self.device)
        return {**rows, **best, "best.loss": loss, "best.step": torch.zeros_like(loss)}

    def _draw(self, code: Tensor, maps: Sequence[Tensor] | None) -> Tensor:
        ws = code.expand(-1, self.generator.config.num_ws, -1)
        noise = "const" if maps is None else as_noise(maps)
        images: Tensor = self.generator.synthesis(ws, noise=noise)
        return images

    def _penalty(self, code: Tensor) -> Tensor:
        """Return what W+ pays for leaving the mean and for layers that differ: (N,)."""
        if self.config.space == "w":
            return torch.zeros([], device=code.device)
        away = (code - self.beginning.mean).square().sum(dim=2).mean(dim=1)
        apart = code.diff(dim=1).square().sum(dim=2).mean(dim=1)
        weighted = self.config.pull * away + self.config.smoothness * apart
        return weighted / self.beginning.deviation**2

    def _unlike_noise(self, maps: Sequence[Tensor]) -> Tensor:
        """Return what maps pay for correlations that the stored ones do not have: (N,)."""
        away = correlations(maps) - self.stored_correlations
        return self.config.noise_weight * away.square().sum(dim=1)

    def _noise(self, step: int, shape: tuple[int, ...]) -> Tensor | float:
        deviation = self.beginning.deviation / math.sqrt(shape[-1])
        scale = latent_noise(self.config, step / self.config.steps) * deviation
        if scale == 0:
            return 0.0
        return scale * torch.stack([step_noise(k, step, shape) for k in self.keys]).to(self.device)

    def step(self, rows: Rows, step: int) -> tuple[Rows, Tensor]:
        """Take one step: on the codes, and the maps for "joint"; behind the codes' on the maps.

        Args:
            rows: the state; unchanged.
            step: 0, 1, ... up to ``config.total_steps``.

        Returns:
            The new state, and (N,) the distances that the step began with.
        """
        return (
            self._map_step(rows, step) if step >= self.config.steps else self._code_step(rows, step)
        )

    def _code_step(self, rows: Rows, step: int) -> tuple[Rows, Tensor]:
        joint = self.config.noise_maps == "joint"
        names = ["code", *(self.map_names if joint else [])]
        free = [rows[name].detach().requires_grad_() for name in names]
        with torch.enable_grad():
            code = free[0] + self._noise(step, tuple(free[0].shape[1:]))
            images = self._draw(code, free[1:] if joint else None)
            distances = self.distance.between(self.distance.features(images), self.features)
            judged = distances + self._penalty(code)
            loss = judged + self._unlike_noise(free[1:]) if joint else judged
            gradients = torch.autograd.grad(loss.sum(), free)
        found = dict(zip(names, [code.detach(), *free[1:]], strict=True))
        rows = self._keep_best(rows, judged.detach(), step, found)
        rows = self._move(rows, names, gradients, step, step / self.config.steps)
        return self._trace(rows, step, code.detach()), distances.detach()

    def _map_step(self, rows: Rows, step: int) -> tuple[Rows, Tensor]:
        done = step - self.config.steps
        if done == 0:
            rows = {**rows, "best.loss": torch.full_like(rows["best.loss"], math.inf)}
        free = [rows[name].detach().requires_grad_() for name in self.map_names]
        with torch.enable_grad():
            images = self._draw(rows["best.code"], free)
            distances = self.distance.between(self.distance.features(images), self.features)
            loss = distances + self._unlike_noise(free)
            gradients = torch.autograd.grad(loss.sum(), free)
        found = dict(zip(self.map_names, free, strict=True))
        rows = self._keep_best(rows, loss.detach(), None, found)
        t = done / self.config.map_steps
        return self._move(rows, self.map_names, gradients, done, t), distances.detach()

    def _keep_best(self, rows: Rows, judged: Tensor, step: int | None, found: Rows) -> Rows:
        """Note, image by image, what was judged better than anything before."""
        better = judged < rows["best.loss"]
        kept = {"best.loss": torch.where(better, judged, rows["best.loss"])}
        if step is not None:
            kept["best.step"] = torch.where(better, float(step), rows["best.step"])
        for name, value in found.items():
            mask = better.reshape(-1, *[1] * (value.ndim - 1))
            kept[f"best.{name}"] = torch.where(mask, value.detach(), rows[f"best.{name}"])
        return {**rows, **kept}

    def _move(
        self, rows: Rows, names: Sequence[str], gradients: Sequence[Tensor], step: int, t: float
    ) -> Rows:
        part = learning_rate(self.config, t)
        for name, gradient in zip(names, gradients, strict=True):
            lr = part * (self.config.lr if name == "code" else self.config.map_lr)
            rows = {**rows, **adam(rows, name, gradient, step, lr)}
            if name != "code":
                stored = self.stored[self.map_names.index(name)]
                rows[name] = renormalise(rows[name], stored)
        return rows

    def _trace(self, rows: Rows, step: int, code: Tensor) -> Rows:
        if step not in self.traced:
            return rows
        trace = rows["trace"].clone()
        for i, at in enumerate(self.traced):
            if at == step:
                trace[:, i] = code
        return {**rows, "trace": trace}

    @torch.no_grad()
    def with_maps(self, rows: Rows) -> Tensor:
        """Draw the best codes with the best maps: (N, C, H, W) float32."""
        return self._draw(rows["best.code"], [rows[f"best.{name}"] for name in self.map_names])
