"""What is compared: the plain path, and the library as it ships.

The plain path is what StyleGAN2 written straightforwardly in PyTorch does: float32, contiguous
tensors and weights, the operators' references, so that autograd differentiates every convolution
(the resampling filters' too), the discriminator called once for fakes and once for reals, torch's
default Adam, an average that walks over the parameters one by one, and freed memory left to the
C library (:mod:`benchmarks.memory`).

The fast path is built by :func:`stylegen.training.run.build_trainer`, as a run builds it.
"""

import contextlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from stylegen.data import DataConfig
from stylegen.devices import has_bfloat16
from stylegen.errors import InputError
from stylegen.networks import Discriminator, Generator, freeze
from stylegen.ops.dispatch import forced
from stylegen.training import Choices, RunConfig, Trainer, plan_run
from stylegen.training.building import build_trainer
from stylegen.training.optimizers import MovingAverage

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
Operators = Literal["auto", "reference"]


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The networks and the batch that are timed.

    Attributes:
        name: for tables.
        resolution: in pixels.
        batch: images of a step.
        channel_base: features of a layer are this / resolution ...
        channel_max: ... and at most this many.
        mapping_layers: depth of the mapping network.
        latents: width of z and of w.
    """

    name: str
    resolution: int = 64
    batch: int = 8
    channel_base: int = 16384
    channel_max: int = 512
    mapping_layers: int = 8
    latents: int = 512


STANDARD = Workload(name="standard")
TINY = Workload(
    name="tiny",
    resolution=16,
    batch=4,
    channel_base=128,
    channel_max=8,
    mapping_layers=2,
    latents=8,
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A way to compute.

    Attributes:
        name: for tables.
        precision: fp32, bf16 or fp16, of the blocks that take part in it.
        operators: "auto" as the library chooses, or its "reference".
        plain: the plain path; else all as the library does it, but for ``operators``.
    """

    name: str
    precision: str = "fp32"
    operators: Operators = "auto"
    plain: bool = False

    @property
    def dtype(self) -> torch.dtype:
        """The type of ``precision``."""
        return DTYPES[self.precision]

    @property
    def layout(self) -> torch.memory_format:
        """The memory format of images and weights."""
        return torch.contiguous_format if self.plain else torch.channels_last

    def active(self) -> AbstractContextManager[Any]:
        """Return the block within which its operators run."""
        return forced("reference") if self.operators == "reference" else contextlib.nullcontext()


PLAIN = Variant(name="plain", operators="reference", plain=True)


def fast(precision: str) -> Variant:
    """Return the library as it ships, in a precision."""
    return Variant(name=precision, precision=precision)


def precisions(text: str | None, device: torch.device) -> list[str]:
    """Read "bf16,fp32"; None is what the device computes in.

    Raises:
        InputError: one is unknown.
    """
    if text is None:
        low = ["bf16"] if has_bfloat16(device) else []
        return ["fp32", *low, *(["fp16"] if device.type == "cuda" else [])]
    names = list(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [name for name in names if name not in DTYPES]:
        raise InputError(f"precision {unknown[0]!r} is unknown; wanted some of {', '.join(DTYPES)}")
    return names


class PlainAverage(MovingAverage):
    """The average of weights, one parameter after the other."""

    @torch.no_grad()
    def update(self, network: nn.Module, beta: float) -> None:
        """Move: average <- lerp(network, average, beta)."""
        for mine, theirs in zip(self.network.parameters(), network.parameters(), strict=True):
            mine.copy_(theirs.lerp(mine, beta))
        for kept, current in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(current)


def _default_adam(optimizer: torch.optim.Optimizer) -> torch.optim.Adam:
    group = optimizer.param_groups[0]
    return torch.optim.Adam(group["params"], lr=group["lr"], betas=group["betas"], eps=group["eps"])


class PlainTrainer(Trainer):
    """A trainer without what makes the library's fast, but for the operators."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.average = PlainAverage(self.generator)
        self.generator_optimizer = _default_adam(self.generator_optimizer)
        self.discriminator_optimizer = _default_adam(self.discriminator_optimizer)

    def _take_step(self, optimizer: torch.optim.Adam, norm: Tensor) -> Tensor:
        optimizer.step()
        return torch.zeros([])

    def _judge(
        self, fake: Tensor, c_fake: Tensor | None, real: Tensor, c_real: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        return self.discriminator(fake, c_fake), self.discriminator(real, c_real)


def run_config(workload: Workload, variant: Variant, device: torch.device) -> RunConfig:
    """Return the configuration of a run of this workload: the usual losses, style mixing 0.9.

    Raises:
        InputError: the library does not know the precision.
    """
    choices: dict[str, Any] = {
        "batch": workload.batch,
        "channel_base": workload.channel_base,
        "channel_max": workload.channel_max,
        "mapping_layers": workload.mapping_layers,
        "z_dim": workload.latents,
        "w_dim": workload.latents,
        "precision": variant.precision,
        "device": str(device),
    }
    return plan_run(DataConfig(path="none"), workload.resolution, choices=Choices(**choices))


def _check_precision(network: Generator | Discriminator, variant: Variant) -> None:
    top = network.synthesis if isinstance(network, Generator) else network
    block = top.get_submodule(f"b{top.resolution}")
    if block.dtype != variant.dtype:
        raise InputError(f"{variant.precision} was asked for, but the networks run {block.dtype}")


def build(workload: Workload, variant: Variant, device: torch.device) -> Trainer:
    """Build networks and trainer, seeded.

    Raises:
        InputError: the library does not know the precision, or does not take it up.
    """
    config = run_config(workload, variant, device)
    if not variant.plain:
        trainer = build_trainer(config, torch.zeros(1, dtype=torch.int64))
        _check_precision(trainer.generator, variant)
        _check_precision(trainer.discriminator, variant)
        return trainer
    torch.manual_seed(config.loop.seed)
    return PlainTrainer(
        Generator(config.generator).to(device),
        Discriminator(config.discriminator).to(device),
        config.loss,
        config.optimizer,
        config.ema,
    )


def build_generator(workload: Workload, variant: Variant, device: torch.device) -> nn.Module:
    """Build a generator ready to draw: the average of a trainer, frozen as a snapshot is loaded."""
    network = build(workload, variant, device).average.network
    return network.eval() if variant.plain else freeze(network)
