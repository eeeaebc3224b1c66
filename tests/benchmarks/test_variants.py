"""The plain path is plain, the fast one is what ships, and both train the same."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.training import WEIGHTS, phases, real_images
from benchmarks.variants import (
    PLAIN,
    TINY,
    PlainAverage,
    PlainTrainer,
    Variant,
    build,
    build_generator,
    fast,
    precisions,
)
from stylegen.devices import has_bfloat16
from stylegen.errors import InputError
from stylegen.ops.operator import Operator
from stylegen.training.optimizers import MovingAverage

CPU = torch.device("cpu")


@contextmanager
def own_operators() -> Iterator[set[str]]:
    """The names of our operators that run within the block."""
    found: set[str] = set()
    call = Operator.__call__

    def noting(self: Operator[..., Any], *args: Any) -> Any:
        found.add(self.name)
        return call(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Operator, "__call__", noting)
        yield found


def run_all(variant: Variant) -> set[str]:
    each = phases(build(TINY, variant, CPU), real_images(TINY, CPU), variant)
    with own_operators() as found:
        for name in WEIGHTS:
            each[name]()
    return found


def test_the_plain_path_has_no_operators_of_ours() -> None:
    assert run_all(PLAIN) == set()
    assert run_all(Variant(name="reference", operators="reference")) == set()


def test_the_fast_path_has() -> None:
    assert {"upfirdn2d", "bias_act", "conv2d", "epilogue", "weights"} <= run_all(fast("fp32"))


def test_the_plain_path_is_float32_and_contiguous() -> None:
    trainer = build(TINY, PLAIN, CPU)
    for network in (trainer.generator, trainer.discriminator, trainer.average.network):
        for p in network.parameters():
            assert p.dtype == torch.float32
            assert p.is_contiguous()


def test_the_fast_path_is_laid_out_as_it_ships() -> None:
    block = build(TINY, fast("fp32"), CPU).generator.synthesis.get_submodule("b16")
    weight = block.get_parameter("conv1.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()


def test_only_the_plain_trainer_is_plain() -> None:
    plain, shipped = build(TINY, PLAIN, CPU), build(TINY, fast("fp32"), CPU)
    assert isinstance(plain, PlainTrainer)
    assert not isinstance(shipped, PlainTrainer)
    assert not plain.generator_optimizer.param_groups[0]["fused"]
    for name in ("lr", "betas", "eps"):
        mine, theirs = plain.generator_optimizer, shipped.generator_optimizer
        assert mine.param_groups[0][name] == theirs.param_groups[0][name]


@pytest.mark.parametrize("phase", ["Gmain", "Dmain", "Dreg"])
def test_both_compute_the_same_losses(phase: str) -> None:
    # not Greg: its directions are drawn in the order of memory, which differs
    real = real_images(TINY, CPU)
    plain, shipped = build(TINY, PLAIN, CPU), build(TINY, fast("fp32"), CPU)
    shipped.generator.load_state_dict(plain.generator.state_dict())
    shipped.discriminator.load_state_dict(plain.discriminator.state_dict())
    stats: list[Any] = []
    for trainer, variant in ((plain, PLAIN), (shipped, fast("fp32"))):
        torch.manual_seed(3)
        stats.append(phases(trainer, real, variant)[phase]())
    assert stats[0].keys() == stats[1].keys()
    for name, value in stats[0].items():
        torch.testing.assert_close(value, stats[1][name], rtol=1e-4, atol=1e-5, msg=name)


def test_the_plain_average_is_the_average() -> None:
    torch.manual_seed(0)
    network, other = nn.Linear(3, 2), nn.Linear(3, 2)
    mine, shipped = PlainAverage(copy.deepcopy(network)), MovingAverage(copy.deepcopy(network))
    mine.update(other, 0.75)
    shipped.update(other, 0.75)
    torch.testing.assert_close(mine.network.weight, shipped.network.weight)
    torch.testing.assert_close(mine.network.weight, 0.75 * network.weight + 0.25 * other.weight)


def test_a_generator_draws() -> None:
    generator = build_generator(TINY, fast("fp32"), CPU)
    assert not generator.training
    with torch.no_grad():
        assert generator(torch.randn(2, TINY.latents), noise="const").shape == (2, 3, 16, 16)


def test_precisions() -> None:
    assert precisions("bf16, fp32,bf16", CPU) == ["bf16", "fp32"]
    assert precisions(None, CPU) == ["fp32", "bf16"] if has_bfloat16(CPU) else ["fp32"]
    with pytest.raises(InputError, match="'int8' is unknown; wanted some of fp32, bf16, fp16"):
        precisions("fp32,int8", CPU)
